// The commands of lutra-experiment.
#ifndef LUTRA_EXPERIMENTS_LAB_LAB_H_
#define LUTRA_EXPERIMENTS_LAB_LAB_H_

#include <string>
#include <vector>

namespace lutra {

// Runs the command that the arguments (without the program's name) say. Returns the exit status: 0;
// 1 with a line on stderr for each error; 3 where a run and its twin disagree; 130 after an
// interrupt.
int RunLab(const std::vector<std::string>& arguments);

}  // namespace lutra

#endif  // LUTRA_EXPERIMENTS_LAB_LAB_H_
