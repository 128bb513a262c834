// The report of one run.
#ifndef LUTRA_ANALYSIS_REPORT_RUN_H_
#define LUTRA_ANALYSIS_REPORT_RUN_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "analysis/cost.h"
#include "analysis/replay.h"
#include "analysis/report.h"
#include "analysis/run_facts.h"
#include "analysis/run_tables.h"
#include "mpc/network.h"
#include "mpc/program.h"

namespace lutra {

struct NetworkReplay {
  Network network;
  Replay replay;
};

struct RunToReport {
  const RunFacts& facts;
  const ProgramCost& cost;
  const RunTables& tables;
  const std::vector<NetworkReplay>& replays;

  const Program& program() const { return cost.program(); }
  int64_t sessions() const { return static_cast<int64_t>(facts.sessions.size()); }
  // Every role a process of its own, by lutra-launch; else a simulation in one.
  bool in_processes() const;
};

// The first section is the first screen's. Long programs are added up: tables have a bounded number
// of rows, and say how many they leave out.
Report RunReport(const RunToReport& run, std::vector<ReportDrawing> drawings);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_RUN_H_
