#include "analysis/result_column.h"

#include <array>

namespace lutra {
namespace {

using Unit = ResultColumn::Unit;
using Source = ResultColumn::Source;

constexpr std::array kColumns = {
    ResultColumn{"sessions", "sessions", Unit::kCount, Source::kClosedForm, false},
    ResultColumn{"batch", "examples of a session", Unit::kCount, Source::kClosedForm, false},
    ResultColumn{"nodes", "nodes", Unit::kCount, Source::kClosedForm, true},
    ResultColumn{"lookups", "lookups", Unit::kCount, Source::kClosedForm, true},
    ResultColumn{"model_bytes", "model", Unit::kBytes, Source::kClosedForm, true},
    ResultColumn{"deal_bytes", "deal", Unit::kBytes, Source::kClosedForm, true},
    ResultColumn{"prepare_bytes", "prepare", Unit::kBytes, Source::kClosedForm, true},
    ResultColumn{"offline_bytes", "offline", Unit::kBytes, Source::kClosedForm, true},
    ResultColumn{"online_bytes", "online", Unit::kBytes, Source::kClosedForm, true},
    ResultColumn{"rounds", "rounds", Unit::kCount, Source::kClosedForm, true},
    ResultColumn{"model_seconds", "model", Unit::kSeconds, Source::kRun, true},
    ResultColumn{"deal_seconds", "deal", Unit::kSeconds, Source::kRun, true},
    ResultColumn{"prepare_seconds", "prepare", Unit::kSeconds, Source::kRun, true},
    ResultColumn{"offline_seconds", "offline", Unit::kSeconds, Source::kRun, true},
    ResultColumn{"online_seconds", "online", Unit::kSeconds, Source::kRun, true},
    ResultColumn{"whole_seconds", "whole run", Unit::kSeconds, Source::kRun, false},
    ResultColumn{"framing_bytes", "framing", Unit::kBytes, Source::kRun, false},
    ResultColumn{"peak_memory_bytes", "peak memory", Unit::kBytes, Source::kRun, false},
    ResultColumn{"estimated_memory_bytes", "estimated memory", Unit::kBytes, Source::kRun, false},
    ResultColumn{"agrees", "agrees with the twin", Unit::kTruth, Source::kRun, false},
    ResultColumn{"agreement", "predictions as the exact twin's", Unit::kShare, Source::kRun, false},
    ResultColumn{"accuracy", "secure", Unit::kShare, Source::kRun, false},
    ResultColumn{"accuracy_ideal", "exact twin", Unit::kShare, Source::kRun, false},
    ResultColumn{"predicted_offline_seconds", "offline, predicted", Unit::kSeconds, Source::kReplay,
                 false},
    ResultColumn{"predicted_online_seconds", "online, predicted", Unit::kSeconds, Source::kReplay,
                 false},
    ResultColumn{"predicted_total_seconds", "offline and online, predicted", Unit::kSeconds,
                 Source::kReplay, false},
};

}  // namespace

std::span<const ResultColumn> ResultColumns() { return kColumns; }

const ResultColumn* FindResultColumn(std::string_view name) {
  for (const ResultColumn& column : kColumns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

}  // namespace lutra
