#include "analysis/run_tables.h"

#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "analysis/csv.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

// More than any run sends; sums of so many stay in 64 bits.
constexpr int64_t kMostCounted = int64_t{1} << 60;
// More than any run takes; a sum in nanoseconds stays in 64 bits.
constexpr double kMostSeconds = 1e9;

template <class Value, class Values>
StatusOr<Value> Named(const CsvTable& table, const CsvRow& row, size_t column, const Values& values,
                      std::string_view what) {
  for (const Value value : values) {
    if (Name(value) == row.cells[column]) return value;
  }
  return CsvError(table, row, column, what);
}

StatusOr<Phase> PhaseAt(const CsvTable& table, const CsvRow& row, size_t column) {
  return Named<Phase>(table, row, column, kPhases, "a phase");
}

StatusOr<Role> RoleAt(const CsvTable& table, const CsvRow& row, size_t column) {
  return Named<Role>(table, row, column, kRoles, "a role");
}

StatusOr<const Node*> NodeAt(const CsvTable& table, const CsvRow& row, size_t column,
                             const Program& program) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t id, CsvInteger(table, row, column));
  if (id < static_cast<int64_t>(program.nodes().size())) {
    return &program.nodes()[static_cast<size_t>(id)];
  }
  return CsvError(table, row, column,
                  StrCat("a node of the program, which has ", program.nodes().size()));
}

StatusOr<int> LevelAt(const CsvTable& table, const CsvRow& row, size_t column,
                      const Program& program) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t level, CsvInteger(table, row, column));
  if (level <= static_cast<int64_t>(program.nodes().size())) return static_cast<int>(level);
  return CsvError(table, row, column, "a level of the program");
}

// A count whose sum with those before it stays in bounds.
StatusOr<int64_t> CountAt(const CsvTable& table, const CsvRow& row, size_t column, int64_t& sum) {
  LUTRA_ASSIGN_OR_RETURN(const int64_t count, CsvInteger(table, row, column));
  if (count > kMostCounted - sum) return CsvError(table, row, column, "less in all");
  sum += count;
  return count;
}

// Seconds whose sum with those before them stays in bounds.
StatusOr<double> SecondsAt(const CsvTable& table, const CsvRow& row, size_t column, double& sum) {
  LUTRA_ASSIGN_OR_RETURN(const double seconds, CsvNumber(table, row, column));
  sum += seconds;
  if (sum > kMostSeconds) return CsvError(table, row, column, "less in all");
  return seconds;
}

Status Twice(const CsvTable& table, const CsvRow& row) {
  return InvalidArgument(table.where, ":", row.line, ": expected once, found twice");
}

Status ReadLedgerRows(const fs::path& path, const Program& program, RunTables& tables) {
  static constexpr std::array<std::string_view, 8> kColumns = {"node",  "path", "protocol", "level",
                                                               "phase", "from", "to",       "bits"};
  LUTRA_ASSIGN_OR_RETURN(const CsvTable table, ReadCsv(path, kColumns));
  int64_t sum = 0;
  for (const CsvRow& row : table.rows) {
    LUTRA_ASSIGN_OR_RETURN(const Node* node, NodeAt(table, row, 0, program));
    if (row.cells[1] != node->spec.path) return CsvError(table, row, 1, node->spec.path);
    if (row.cells[2] != node->spec.protocol) return CsvError(table, row, 2, node->spec.protocol);
    LUTRA_ASSIGN_OR_RETURN(const int level, LevelAt(table, row, 3, program));
    LUTRA_ASSIGN_OR_RETURN(const Phase phase, PhaseAt(table, row, 4));
    LUTRA_ASSIGN_OR_RETURN(const Role from, RoleAt(table, row, 5));
    LUTRA_ASSIGN_OR_RETURN(const Role to, RoleAt(table, row, 6));
    LUTRA_ASSIGN_OR_RETURN(const int64_t bits, CountAt(table, row, 7, sum));
    if (!tables.bits.insert({{node->id, phase, level, from, to}, bits}).second) {
      return Twice(table, row);
    }
  }
  return absl::OkStatus();
}

Status ReadLevelRows(const fs::path& path, const Program& program, RunTables& tables) {
  static constexpr std::array<std::string_view, 6> kColumns = {"phase", "level", "from",
                                                               "to",    "bytes", "messages"};
  LUTRA_ASSIGN_OR_RETURN(const CsvTable table, ReadCsv(path, kColumns));
  int64_t bytes_sum = 0, messages_sum = 0;
  for (const CsvRow& row : table.rows) {
    LUTRA_ASSIGN_OR_RETURN(const Phase phase, PhaseAt(table, row, 0));
    LUTRA_ASSIGN_OR_RETURN(const int level, LevelAt(table, row, 1, program));
    LUTRA_ASSIGN_OR_RETURN(const Role from, RoleAt(table, row, 2));
    LUTRA_ASSIGN_OR_RETURN(const Role to, RoleAt(table, row, 3));
    LUTRA_ASSIGN_OR_RETURN(const int64_t bytes, CountAt(table, row, 4, bytes_sum));
    LUTRA_ASSIGN_OR_RETURN(const int64_t messages, CountAt(table, row, 5, messages_sum));
    const Ledger::Link link{phase, level, from, to};
    if (!tables.traffic.insert({link, {bytes, messages}}).second) return Twice(table, row);
  }
  return absl::OkStatus();
}

Status ReadWorkRows(const fs::path& path, const Program& program, RunTables& tables) {
  static constexpr std::array<std::string_view, 4> kColumns = {"node", "phase", "role", "seconds"};
  LUTRA_ASSIGN_OR_RETURN(const CsvTable table, ReadCsv(path, kColumns));
  double sum = 0;
  for (const CsvRow& row : table.rows) {
    LUTRA_ASSIGN_OR_RETURN(const Node* node, NodeAt(table, row, 0, program));
    LUTRA_ASSIGN_OR_RETURN(const Phase phase, PhaseAt(table, row, 1));
    LUTRA_ASSIGN_OR_RETURN(const Role role, RoleAt(table, row, 2));
    LUTRA_ASSIGN_OR_RETURN(const double seconds, SecondsAt(table, row, 3, sum));
    if (!tables.seconds.insert({{node->id, phase, role}, seconds}).second) {
      return Twice(table, row);
    }
  }
  return absl::OkStatus();
}

Status ReadProfileRows(const fs::path& path, RunTables& tables) {
  static constexpr std::array<std::string_view, 10> kColumns = {
      "phase",        "operation",    "role",          "seconds",       "products",
      "cipher_bytes", "memory_bytes", "message_bytes", "least_seconds", "bound"};
  static constexpr std::array kBounds = {Bound::kProducts, Bound::kCipher, Bound::kMemory,
                                         Bound::kMessages};
  LUTRA_ASSIGN_OR_RETURN(const CsvTable table, ReadCsv(path, kColumns));
  double seconds = 0, least_seconds = 0;
  int64_t products = 0, cipher = 0, memory = 0, messages = 0;
  for (const CsvRow& row : table.rows) {
    ProfileRow profile;
    LUTRA_ASSIGN_OR_RETURN(profile.phase, PhaseAt(table, row, 0));
    profile.operation = row.cells[1];
    LUTRA_ASSIGN_OR_RETURN(profile.role, RoleAt(table, row, 2));
    LUTRA_ASSIGN_OR_RETURN(profile.seconds, SecondsAt(table, row, 3, seconds));
    // The file does not say in which lanes.
    LUTRA_ASSIGN_OR_RETURN(profile.work.products[0], CountAt(table, row, 4, products));
    LUTRA_ASSIGN_OR_RETURN(profile.work.cipher, CountAt(table, row, 5, cipher));
    LUTRA_ASSIGN_OR_RETURN(profile.work.memory, CountAt(table, row, 6, memory));
    LUTRA_ASSIGN_OR_RETURN(profile.work.messages, CountAt(table, row, 7, messages));
    LUTRA_ASSIGN_OR_RETURN(profile.least_seconds, SecondsAt(table, row, 8, least_seconds));
    LUTRA_ASSIGN_OR_RETURN(profile.bound, Named<Bound>(table, row, 9, kBounds, "a bound"));
    tables.profile.push_back(std::move(profile));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<RunTables> ReadRunTables(const fs::path& directory, const Program& program) {
  RunTables tables;
  LUTRA_RETURN_IF_ERROR(ReadLedgerRows(directory / "ledger.csv", program, tables));
  LUTRA_RETURN_IF_ERROR(ReadLevelRows(directory / "levels.csv", program, tables));
  LUTRA_RETURN_IF_ERROR(ReadWorkRows(directory / "work.csv", program, tables));
  std::error_code error;
  if (fs::exists(directory / "profile.csv", error)) {
    LUTRA_RETURN_IF_ERROR(ReadProfileRows(directory / "profile.csv", tables));
  }
  return tables;
}

}  // namespace lutra
