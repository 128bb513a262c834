#include "analysis/replay_report.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/cost.h"
#include "analysis/cost_table.h"
#include "core/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;
using Kind = CriticalStep::Kind;

constexpr std::array kKinds = {Kind::kWork, Kind::kOverhead, Kind::kTransmission, Kind::kLatency};
constexpr int kDigits = 4;  // of seconds

bool IsOfALink(Kind kind) { return kind == Kind::kTransmission || kind == Kind::kLatency; }

std::string Seconds(double seconds) { return Fixed(seconds, kDigits); }

std::string Percent(double part, double whole) {
  return whole > 0 ? StrCat(Fixed(100 * part / whole, 1), " %") : "";
}

std::vector<std::string_view> NamesOf(const std::vector<Role>& roles) {
  std::vector<std::string_view> names;
  for (const Role role : roles) names.push_back(Name(role));
  return names;
}

std::string Where(const CriticalShare& share) {
  if (!IsOfALink(share.kind)) return std::string(Name(share.role));
  return StrCat(Name(share.role), " -> ", Name(share.peer));
}

// Of a session, where there are some.
double Mean(const Replay& replay, Stage stage) {
  const auto sessions = static_cast<double>(replay.sessions.size());
  return sessions > 0 ? replay.seconds(stage) / sessions : 0;
}

std::string Overview(const std::vector<ReplayUnder>& replays) {
  TextTable table(
      {"network", "model", "offline", "online", "offline a session", "online a session"});
  for (const ReplayUnder& each : replays) {
    std::vector<std::string> row = {each.network.name};
    for (const Stage stage : kStages) row.push_back(Seconds(each.replay.seconds(stage)));
    for (const Stage stage : {Stage::kOffline, Stage::kOnline}) {
      row.push_back(Seconds(Mean(each.replay, stage)));
    }
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

// A head of one column and two for each stage.
std::vector<std::string> StagesHead(std::string_view first) {
  std::vector<std::string> head = {std::string(first)};
  for (const Stage stage : kStages) {
    head.emplace_back(Name(stage));
    head.emplace_back("");
  }
  return head;
}

std::string KindTable(const Replay& replay) {
  TextTable table(StagesHead("critical path"));
  for (const Kind kind : kKinds) {
    std::vector<std::string> row = {std::string(Name(kind))};
    for (const Stage stage : kStages) {
      const double seconds = CriticalSeconds(replay, stage)[static_cast<size_t>(kind)];
      row.push_back(Seconds(seconds));
      row.push_back(Percent(seconds, replay.seconds(stage)));
    }
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

std::string ShareTable(const Program& program, const Replay& replay, int64_t rows) {
  TextTable table({"stage", "waits for", "of", "at", "times", "seconds", "share"}, {1, 2, 3});
  for (const Stage stage : kStages) {
    const std::vector<CriticalShare> shares = CriticalShares(program, replay, stage);
    const size_t shown = std::min(shares.size(), static_cast<size_t>(rows));
    double rest = replay.seconds(stage);
    for (size_t i = 0; i < shown; ++i) {
      const CriticalShare& share = shares[i];
      rest -= share.seconds;
      table.AddRow({std::string(Name(stage)), std::string(Name(share.kind)),
                    share.kind == Kind::kWork ? StrCat(share.step, " (", share.protocol, ")")
                                              : StrCat(Name(share.phase), " messages"),
                    Where(share), Grouped(share.steps), Seconds(share.seconds),
                    Percent(share.seconds, replay.seconds(stage))});
    }
    if (shown == shares.size()) continue;
    table.AddRow({std::string(Name(stage)), "the rest", StrCat(shares.size() - shown, " more"), "",
                  "", Seconds(std::max(0.0, rest)), Percent(rest, replay.seconds(stage))});
  }
  return table.ToString();
}

// At whom the network's threads have no effect; empty where they have it everywhere.
std::string ThreadsNote(const Replay& replay) {
  if (replay.threads_ignored.empty()) return "";
  return StrCat("threads: no effect at ", CommaSeparated(NamesOf(replay.threads_ignored)),
                ": the trace is of one thread there, and says nothing of parallel parts\n");
}

std::string IdleTable(const Replay& replay) {
  TextTable table(StagesHead("idle"));
  for (const Role role : kRoles) {
    std::vector<std::string> row = {std::string(Name(role))};
    bool takes_part = false;
    for (const Stage stage : kStages) {
      const StageReplay::RoleTime time = RoleTimeOf(replay, stage, role);
      takes_part = takes_part || time.takes_part;
      row.push_back(time.takes_part ? Seconds(time.idle) : "-");
      row.push_back(time.takes_part ? Percent(time.idle, time.work + time.overhead + time.idle)
                                    : "");
    }
    if (takes_part) table.AddRow(std::move(row));
  }
  return table.ToString();
}

Json RolesJson(const std::array<StageReplay::RoleTime, kRoles.size()>& roles) {
  Json json = Json::object();
  for (const Role role : kRoles) {
    const StageReplay::RoleTime& time = roles[Index(role)];
    if (!time.takes_part) continue;
    json[std::string(Name(role))] = {{"work_seconds", time.work},
                                     {"overhead_seconds", time.overhead},
                                     {"idle_seconds", time.idle}};
  }
  return json;
}

Json StepJson(const Program& program, const CriticalStep& step) {
  Json json = {{"kind", Name(step.kind)},
               {"phase", Name(step.phase)},
               {"level", step.level},
               {"role", Name(step.role)}};
  if (step.kind == Kind::kWork) {
    json["node"] = step.node;
    json["path"] = program.nodes()[step.node].spec.path;
  } else {
    json["peer"] = Name(step.peer);
  }
  json["begin"] = step.begin;
  json["end"] = step.end;
  return json;
}

Json ShareJson(const CriticalShare& share, double whole) {
  Json json = {{"kind", Name(share.kind)}, {"phase", Name(share.phase)}};
  if (share.kind == Kind::kWork) {
    json["step"] = share.step;
    json["protocol"] = share.protocol;
  }
  if (IsOfALink(share.kind)) {
    json["from"] = Name(share.role);
    json["to"] = Name(share.peer);
  } else {
    json["role"] = Name(share.role);
  }
  json["times"] = share.steps;
  json["seconds"] = share.seconds;
  json["share"] = share.seconds / whole;
  return json;
}

Json StageJson(const Program& program, const Replay& replay, Stage stage) {
  Json json = {{"seconds", replay.seconds(stage)}, {"session_seconds", Mean(replay, stage)}};
  const std::array<double, 4> kinds = CriticalSeconds(replay, stage);
  for (const Kind kind : kKinds) {
    json["critical_seconds"][std::string(Name(kind))] = kinds[static_cast<size_t>(kind)];
  }
  json["critical"] = Json::array();
  for (const CriticalShare& share : CriticalShares(program, replay, stage)) {
    json["critical"].push_back(ShareJson(share, replay.seconds(stage)));
  }
  std::array<StageReplay::RoleTime, kRoles.size()> roles;
  for (const Role role : kRoles) roles[Index(role)] = RoleTimeOf(replay, stage, role);
  json["roles"] = RolesJson(roles);
  return json;
}

Json SessionJson(const Program& program, const std::array<StageReplay, kStages.size()>& session) {
  Json json;
  for (const Stage stage : kStages) {
    const StageReplay& each = session[Index(stage)];
    Json steps = Json::array();
    for (const CriticalStep& step : each.critical) steps.push_back(StepJson(program, step));
    json[std::string(Name(stage))] = {
        {"seconds", each.seconds}, {"roles", RolesJson(each.roles)}, {"steps", std::move(steps)}};
  }
  return json;
}

}  // namespace

std::vector<CriticalShare> CriticalShares(const Program& program, const Replay& replay,
                                          Stage stage) {
  std::map<std::tuple<Kind, Phase, std::string_view, std::string_view, Role, Role>, CriticalShare>
      shares;
  for (const auto& session : replay.sessions) {
    for (const CriticalStep& step : session[Index(stage)].critical) {
      std::string_view name, protocol;
      if (step.kind == Kind::kWork) {
        LUTRA_CHECK(step.node < program.nodes().size());
        const NodeSpec& spec = program.nodes()[step.node].spec;
        name = StepOfPath(spec.path);
        protocol = spec.protocol;
      }
      const Role peer = IsOfALink(step.kind) ? step.peer : step.role;
      CriticalShare& share = shares[{step.kind, step.phase, name, protocol, step.role, peer}];
      if (share.steps == 0) {
        share = {step.kind, step.phase, std::string(name), std::string(protocol), step.role, peer};
      }
      ++share.steps;
      share.seconds += step.seconds();
    }
  }
  std::vector<CriticalShare> sorted;
  for (auto& [key, share] : shares) sorted.push_back(std::move(share));
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const CriticalShare& a, const CriticalShare& b) { return a.seconds > b.seconds; });
  return sorted;
}

std::array<double, 4> CriticalSeconds(const Replay& replay, Stage stage) {
  std::array<double, 4> seconds{};
  for (const auto& session : replay.sessions) {
    for (const CriticalStep& step : session[Index(stage)].critical) {
      seconds[static_cast<size_t>(step.kind)] += step.seconds();
    }
  }
  return seconds;
}

StageReplay::RoleTime RoleTimeOf(const Replay& replay, Stage stage, Role role) {
  StageReplay::RoleTime sum;
  for (const auto& session : replay.sessions) {
    const StageReplay::RoleTime& time = session[Index(stage)].roles[Index(role)];
    sum.work += time.work;
    sum.overhead += time.overhead;
    sum.idle += time.idle;
    sum.takes_part = sum.takes_part || time.takes_part;
  }
  return sum;
}

std::string ReplayText(const Program& program, const std::vector<ReplayUnder>& replays,
                       int64_t rows) {
  std::string text =
      StrCat("Seconds by network, of all sessions one after the other\n\n", Overview(replays));
  for (const auto& [network, replay] : replays) {
    text += StrCat("\n", network.name);
    if (!network.description.empty()) text += StrCat(": ", network.description);
    text += StrCat("\n", ThreadsNote(replay), "\n", KindTable(replay), "\n");
    if (rows > 0) text += StrCat(ShareTable(program, replay, rows), "\n");
    text += IdleTable(replay);
  }
  return text;
}

Json ReplayJson(const Program& program, const std::vector<ReplayUnder>& replays) {
  Json json;
  json["format"] = "lutra-replay/1";
  json["program"] = {{"digest", program.digest().Hex()}};
  json["networks"] = Json::array();
  for (const auto& [network, replay] : replays) {
    Json under = {{"name", network.name},
                  {"description", network.description},
                  {"threads_ignored", NamesOf(replay.threads_ignored)}};
    for (const Stage stage : kStages) {
      under[std::string(Name(stage))] = StageJson(program, replay, stage);
    }
    under["sessions"] = Json::array();
    for (const auto& session : replay.sessions) {
      under["sessions"].push_back(SessionJson(program, session));
    }
    json["networks"].push_back(std::move(under));
  }
  return json;
}

}  // namespace lutra
