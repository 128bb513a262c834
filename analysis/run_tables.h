// The tables of a run directory, read back: what was counted and measured.
#ifndef LUTRA_ANALYSIS_RUN_TABLES_H_
#define LUTRA_ANALYSIS_RUN_TABLES_H_

#include <filesystem>
#include <map>
#include <vector>

#include "analysis/profile.h"
#include "core/status.h"
#include "mpc/ledger.h"
#include "mpc/program.h"

namespace lutra {

// As a ledger has them: all sessions added up.
struct RunTables {
  std::map<Ledger::Part, int64_t> bits;             // ledger.csv
  std::map<Ledger::Link, Ledger::Traffic> traffic;  // levels.csv
  std::map<Ledger::Work, double> seconds;           // work.csv
  std::vector<ProfileRow> profile;                  // profile.csv; empty where there is none
};

// Errors name file, line, column, expected and found: a table that is missing or has other columns,
// a row that is not of this program, twice the same row, counts or seconds that are negative or too
// large.
StatusOr<RunTables> ReadRunTables(const std::filesystem::path& directory, const Program& program);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_RUN_TABLES_H_
