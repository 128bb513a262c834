// Programs and the tensors that belong to them, in files: the contents of its tables, the owner's
// weights; and the tables as one message.
#ifndef LUTRA_CLUSTER_TENSOR_FILE_H_
#define LUTRA_CLUSTER_TENSOR_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "core/memory.h"
#include "core/status.h"
#include "mpc/program.h"

namespace lutra {

// What WriteProgram gave, from a file.
StatusOr<Program> ReadProgramFile(const Registry& registry, const std::filesystem::path& path);

// The contents of all tables of a program, private ones too: a file of mode 0600.
Status WriteTables(const std::filesystem::path& path, const Program& program,
                   const TableContents& tables);
// An error names the file and the table whose name, ring or shape is not the program's; a public
// table must have the program's contents.
StatusOr<TableContents> ReadTables(const std::filesystem::path& path, const Program& program);

// The same for the dealer, as a message: the elements of all tables as they lie in memory, one
// table after the other. What does not fit the program is an error that names the table.
int64_t PackedTablesBytes(const Program& program);
Bytes PackTables(const Program& program, const TableContents& tables);
StatusOr<TableContents> UnpackTables(const Program& program, std::span<const std::byte> bytes);

// The inputs of the model owner: a file of mode 0600.
Status WriteWeights(const std::filesystem::path& path, const Program& program,
                    const NamedTensors& weights);
// An error names the file and the input that is missing, not the program's, or of another ring or
// shape.
StatusOr<NamedTensors> ReadWeights(const std::filesystem::path& path, const Program& program);

}  // namespace lutra

#endif  // LUTRA_CLUSTER_TENSOR_FILE_H_
