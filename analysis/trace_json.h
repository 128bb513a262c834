// A trace as a timeline that https://ui.perfetto.dev and chrome://tracing open: a process for each
// role, in it a thread for each phase, and more of them where sessions overlap there; work, sends
// and waits as slices, messages as flows from the slice that sends to the slice that receives. The
// format is that of Chrome's trace events
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
#ifndef LUTRA_ANALYSIS_TRACE_JSON_H_
#define LUTRA_ANALYSIS_TRACE_JSON_H_

#include <string>

#include "mpc/program.h"
#include "mpc/trace.h"

namespace lutra {

// Times in microseconds from the trace's first event. The trace is one of the program.
std::string TraceJson(const Program& program, const Trace& trace);

}  // namespace lutra

#endif  // LUTRA_ANALYSIS_TRACE_JSON_H_
