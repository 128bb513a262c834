#include "analysis/trace_json.h"

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

// What is sent on one link in one level of a phase and session: sends and receipts of so many bytes
// in all, each under the number of its slice.
struct Stream {
  struct Piece {
    int64_t end;  // bytes of the stream up to here
    std::string place;
  };
  std::vector<Piece> sent;
  std::vector<Piece> received;
};
using StreamKey = std::tuple<int32_t, Phase, int32_t, Role, Role>;

class Writer {
 public:
  Writer(const Program& program, const Trace& trace) : trace_(trace), start_(trace.Extent().begin) {
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

  static std::string Place(const Trace::TrackId& id) {
    return StrCat("\"pid\":", Index(id.role) + 1, ",\"tid\":", static_cast<int>(id.phase) + 1);
  }

  void WriteNames() {
    std::map<std::pair<Role, Phase>, Trace::TrackId> threads;
    for (const auto& [id, events] : trace_.tracks)
      threads.emplace(std::pair(id.role, id.phase), id);
    for (const auto& [key, id] : threads) {
      Add(StrCat("{\"ph\":\"M\",\"name\":\"process_name\",", Place(id), ",\"args\":{\"name\":\"",
                 Name(id.role), "\"}}"));
      Add(StrCat("{\"ph\":\"M\",\"name\":\"process_sort_index\",", Place(id),
                 ",\"args\":{\"sort_index\":", Index(id.role), "}}"));
      Add(StrCat("{\"ph\":\"M\",\"name\":\"thread_name\",", Place(id), ",\"args\":{\"name\":\"",
                 Name(id.phase), "\"}}"));
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
    const Role from = sends ? id.role : event.peer, to = sends ? event.peer : id.role;
    Stream& stream = streams_[{id.session, id.phase, event.level, from, to}];
    std::vector<Stream::Piece>& pieces = sends ? stream.sent : stream.received;
    const int64_t before = pieces.empty() ? 0 : pieces.back().end;
    const int64_t time = sends ? event.span.begin : event.span.end;
    pieces.push_back(
        {before + event.bytes, StrCat(Place(id), ",\"ts\":", Microseconds(time - start_))});
  }

  // From each send to the receipt with which its last byte was there.
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
