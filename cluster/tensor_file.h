// Tensors that belong to a program, in a file: the contents of its tables, the owner's weights.
#ifndef LUTRA_CLUSTER_TENSOR_FILE_H_
#define LUTRA_CLUSTER_TENSOR_FILE_H_

#include <filesystem>

#include "core/memory.h"
#include "core/status.h"
#include "mpc/program.h"

namespace lutra {

// The contents of all tables of a program, private ones too: a file of mode 0600.
Status WriteTables(const std::filesystem::path& path, const Program& program,
                   const TableContents& tables);
// An error names the file and the table whose name, ring or shape is not the program's; a public
// table must have the program's contents.
StatusOr<TableContents> ReadTables(const std::filesystem::path& path, const Program& program);

// The same contents as one message: the lanes of all tables, one table after the other.
Bytes PackTables(const Program& program, const TableContents& tables);

// The inputs of the model owner: a file of mode 0600.
Status WriteWeights(const std::filesystem::path& path, const Program& program,
                    const NamedTensors& weights);
// An error names the file and the input that is missing, not the program's, or of another ring or
// shape.
StatusOr<NamedTensors> ReadWeights(const std::filesystem::path& path, const Program& program);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_TENSOR_FILE_H_
