// The clear twin of a program: the functionalities, node by node. Exact, or replayed with the coins
// of a secure run.
#ifndef LUTRA_SIM_TWIN_H_
#define LUTRA_SIM_TWIN_H_

#include <vector>

#include "core/thread_pool.h"
#include "mpc/program.h"

namespace lutra {

class Twin {
 public:
  // All arguments outlive the twin.
  Twin(const Program& program, const TableContents& tables, ThreadPool& pool);

  // Runs one node on the values of the nodes before it. `owned` has the value of an owner if the
  // node puts one in; `coins` those of a run, or null for the exact form.
  void Run(const Node& node, const NamedTensors& owned, const Tensor* coins);
  // Runs all nodes in exact form; what is revealed, by name. Inputs are as the program has them.
  NamedTensors RunExact(const NamedTensors& owned);

  const Tensor& value(WireId wire) const { return values_[wire]; }
  // Frees the values of inference lifetime that no node of a later level uses.
  void Release(int level);

 private:
  const Program& program_;
  const TableContents& tables_;
  ThreadPool& pool_;
  std::vector<Tensor> values_;  // by wire
  std::vector<int> last_use_;   // by wire: the last online level that uses it
};

}  // namespace lutra

#endif  // LUTRA_SIM_TWIN_H_
