#include "analysis/trace_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "core/text.h"

namespace lutra {
namespace {

// Microseconds, to the nanosecond.
std::string Microseconds(int64_t nanoseconds) {
  std::array<char, 32> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), nanoseconds % 1000).ptr;
  std::string fraction(digits.data(), end);
  fraction.insert(0, 3 - fraction.size(), '0');
  return StrCat(nanoseconds / 1000, ".", fraction);
}

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What is sent and received of a stream, in amounts, each under the place of its slice.
struct Stream {
  struct Piece {
    int64_t end;  // of the stream up to here
    std::string place;
  };
  std::vector<Piece> sent;
  std::vector<Piece> received;
};
using StreamKey = std::tuple<int32_t, Phase, TraceStream>;  // of a session

// Slices of one thread of a timeline must lie apart or in each other, but sessions go on beside
// others of their role and phase, as those do that are prepared ahead. So each track has a lane:
// the first that is free when it begins.
class Lanes {
 public:
  explicit Lanes(const Trace& trace) {
    std::vector<Stretch> stretches;
    for (const auto& [id, events] : trace.tracks) {
      if (!events.empty()) stretches.push_back(StretchOf(id, events));
    }
    std::stable_sort(stretches.begin(), stretches.end(),
                     [](const Stretch& a, const Stretch& b) { return a.begin < b.begin; });
    std::map<std::pair<Role, Phase>, std::vector<int64_t>> ends;  // of what is there, by lane
    for (const Stretch& each : stretches) {
      std::vector<int64_t>& lanes = ends[{each.id.role, each.id.phase}];
      auto lane =
          std::find_if(lanes.begin(), lanes.end(), [&](int64_t end) { return end <= each.begin; });
      if (lane == lanes.end()) lane = lanes.insert(lane, 0);
      *lane = each.end;
      lanes_[each.id] = static_cast<size_t>(lane - lanes.begin());
      most_ = std::max(most_, lanes.size());
    }
  }

  // Of a track that is not empty: from 0.
  size_t Lane(const Trace::TrackId& id) const { return lanes_.at(id); }
  // The number of its lane among all of its role: from 1, those of a phase side by side.
  size_t Thread(const Trace::TrackId& id) const {
    return static_cast<size_t>(id.phase) * most_ + Lane(id) + 1;
  }

 private:
  struct Stretch {  // from the first to the last of a track
    Trace::TrackId id;
    int64_t begin;
    int64_t end;
  };
  static Stretch StretchOf(const Trace::TrackId& id, const std::vector<TraceEvent>& events) {
    Stretch stretch{id, events.front().span.begin, events.front().span.end};
    for (const TraceEvent& event : events) {
      stretch.begin = std::min(stretch.begin, event.span.begin);
      stretch.end = std::max(stretch.end, event.span.end);
    }
    return stretch;
  }

  std::map<Trace::TrackId, size_t> lanes_;
  size_t most_ = 1;  // lanes of a role and phase
};

class Writer {
 public:
  Writer(const Program& program, const Trace& trace)
      : trace_(trace), start_(trace.Extent().begin), lanes_(trace) {
    for (const Node& node : program.nodes()) {
      names_.push_back(Quoted(node.spec.protocol));
      paths_.push_back(Quoted(node.spec.path));
    }
  }

  std::string Write() && {
    out_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
    WriteNames();
    for (const auto& [id, events] : trace_.tracks) {
      for (const TraceEvent& event : events) WriteEvent(id, event);
    }
    for (const auto& [key, stream] : streams_) WriteFlows(stream);
    out_ += "\n]}\n";
    return std::move(out_);
  }

 private:
  void Add(std::string_view event) {
    if (!first_) out_ += ",\n";
    first_ = false;
    out_ += event;
  }

  std::string Place(const Trace::TrackId& id) const {
    return StrCat("\"pid\":", Index(id.role) + 1, ",\"tid\":", lanes_.Thread(id));
  }

  void Describe(const Trace::TrackId& id, std::string_view what, std::string_view arguments) {
    Add(StrCat("{\"ph\":\"M\",\"name\":\"", what, "\",", Place(id), ",\"args\":{", arguments,
               "}}"));
  }

  void WriteNames() {
    std::map<std::string, Trace::TrackId> threads;
    for (const auto& [id, events] : trace_.tracks) {
      if (!events.empty()) threads.emplace(Place(id), id);
    }
    for (const auto& [place, id] : threads) {
      const size_t lane = lanes_.Lane(id);
      Describe(id, "process_name", StrCat("\"name\":\"", Name(id.role), "\""));
      Describe(id, "process_sort_index", StrCat("\"sort_index\":", Index(id.role)));
      Describe(id, "thread_name",
               StrCat("\"name\":\"", Name(id.phase), lane == 0 ? "" : StrCat(" ", lane + 1), "\""));
      Describe(id, "thread_sort_index", StrCat("\"sort_index\":", lanes_.Thread(id)));
    }
  }

  void WriteEvent(const Trace::TrackId& id, const TraceEvent& event) {
    const std::string when = StrCat("\"ts\":", Microseconds(event.span.begin - start_));
    const std::string slice =
        StrCat("{\"ph\":\"X\",", Place(id), ",\"cat\":\"", Name(id.phase), "\",", when,
               ",\"dur\":", Microseconds(event.span.end - event.span.begin), ",\"name\":");
    const std::string common = StrCat("\"session\":", id.session, ",\"level\":", event.level);
    if (event.kind == TraceEvent::Kind::kWork) {
      Add(StrCat(slice, names_[event.node], ",\"args\":{\"path\":", paths_[event.node],
                 ",\"node\":", event.node, ",\"cpu_us\":", Microseconds(event.span.cpu), ",",
                 common, "}}"));
      return;
    }
    const bool sends = event.kind == TraceEvent::Kind::kSend;
    Add(StrCat(slice, "\"", sends ? "send to " : "receive from ", Name(event.peer),
               "\",\"args\":{\"bytes\":", event.bytes, ",", common, "}}"));
    Stream& stream = streams_[{id.session, id.phase, StreamOf(event, id.role)}];
    std::vector<Stream::Piece>& pieces = sends ? stream.sent : stream.received;
    const int64_t before = pieces.empty() ? 0 : pieces.back().end;
    const int64_t time = sends ? event.span.begin : event.span.end;
    pieces.push_back(
        {before + AmountOf(event), StrCat(Place(id), ",\"ts\":", Microseconds(time - start_))});
  }

  // From each send to the receipt that took the last of it.
  void WriteFlows(const Stream& stream) {
    auto receipt = stream.received.begin();
    for (const Stream::Piece& sent : stream.sent) {
      while (receipt != stream.received.end() && receipt->end < sent.end) ++receipt;
      if (receipt == stream.received.end()) return;
      const std::string flow =
          StrCat("\"cat\":\"message\",\"name\":\"message\",\"id\":", ++flows_, ",");
      Add(StrCat("{\"ph\":\"s\",", flow, sent.place, "}"));
      Add(StrCat("{\"ph\":\"f\",\"bp\":\"e\",", flow, receipt->place, "}"));
    }
  }

  const Trace& trace_;
  const int64_t start_;
  const Lanes lanes_;
  std::vector<std::string> names_;  // by node, in quotes
  std::vector<std::string> paths_;
  std::map<StreamKey, Stream> streams_;
  int64_t flows_ = 0;
  bool first_ = true;
  std::string out_;
};

}  // namespace

std::string TraceJson(const Program& program, const Trace& trace) {
  return Writer(program, trace).Write();
}

}  // namespace lutra
