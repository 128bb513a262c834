// lutra-experiment: declarative experiments, checked, run, collected and drawn.

#include <csignal>
#include <new>

#include "core/command_line.h"
#include "core/status.h"
#include "experiments/lab/lab.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return lutra::RunLab(lutra::ArgumentsOfMain(argc, argv));
  } catch (const std::bad_alloc&) {
    return lutra::ReportError("lutra-experiment", lutra::Unavailable("not enough memory"));
  }
}
