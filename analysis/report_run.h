// The report of one run.
#ifndef LUTRA_ANALYSIS_REPORT_RUN_H_
#define LUTRA_ANALYSIS_REPORT_RUN_H_

#include <string>
#include <vector>

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
  const Program& program;
  const RunTables& tables;
  const std::vector<NetworkReplay>& replays;
  std::vector<ReportDrawing> drawings = {};
};

// The first section is the first screen's. Long programs are added up: what is drawn and listed
// has a bounded number of rows, and says how many it leaves out.
Report RunReport(const RunToReport& run);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_REPORT_RUN_H_
