#include "parties/client_report.h"

#include <array>
#include <utility>

#include "analysis/cost_table.h"
#include "analysis/prediction_table.h"
#include "models/integer_bert.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

int64_t Tapes(const ServerStatus& status) {
  int64_t tapes = 0;
  for (const ServerStatus::Program& program : status.programs) tapes += program.tapes;
  return tapes;
}

int64_t Prepared(const ServerStatus& status) {
  int64_t prepared = 0;
  for (const ServerStatus::Model& model : status.models) prepared += model.prepared;
  return prepared;
}

std::vector<std::string> StatusRow(const ServerReport& report) {
  std::vector<std::string> row = {std::string(Name(report.role))};
  if (!report.status.ok()) {
    row.emplace_back("no");
    row.insert(row.end(), 9, "-");
    return row;
  }
  const ServerStatus& status = *report.status;
  const bool dealer = report.role == Role::kDealer;
  const auto party_only = [&](int64_t number) { return dealer ? "-" : Grouped(number); };
  row.emplace_back("yes");
  row.push_back(StrCat(status.programs.size()));
  row.push_back(party_only(static_cast<int64_t>(status.models.size())));
  row.push_back(Grouped(Tapes(status)));
  row.push_back(party_only(Prepared(status)));
  row.push_back(party_only(status.sessions_running));
  row.push_back(party_only(status.sessions_done));
  row.push_back(party_only(status.sessions_failed));
  row.push_back(HumanBytes(status.sent_bytes));
  row.push_back(HumanBytes(status.received_bytes));
  return row;
}

Json JsonOf(const ServerReport& report) {
  Json json;
  json["role"] = Name(report.role);
  json["alive"] = report.status.ok();
  if (!report.status.ok()) {
    json["error"] = OneLine(report.status.status());
    return json;
  }
  const ServerStatus& status = *report.status;
  json["version"] = status.version;
  json["uptime_seconds"] = status.uptime_seconds;
  json["programs"] = Json::array();
  for (const ServerStatus::Program& program : status.programs) {
    json["programs"].push_back({{"program", program.digest.Hex()}, {"tapes", program.tapes}});
  }
  json["models"] = Json::array();
  for (const ServerStatus::Model& model : status.models) {
    json["models"].push_back({{"model", model.id.Hex()},
                              {"program", model.program.Hex()},
                              {"prepared", model.prepared}});
  }
  json["sessions"] = {{"done", status.sessions_done},
                      {"failed", status.sessions_failed},
                      {"running", status.sessions_running}};
  json["tapes_dealt"] = status.tapes_dealt;
  json["sent_bytes"] = status.sent_bytes;
  json["received_bytes"] = status.received_bytes;
  json["framing_bytes"] = status.framing_bytes;
  return json;
}

int64_t Framing(const LinkTraffic& traffic) {
  return traffic.sent.framing_bytes + traffic.sent.control_bytes + traffic.received.framing_bytes +
         traffic.received.control_bytes;
}

}  // namespace

std::string StatusTable(std::span<const ServerReport> reports) {
  TextTable table({"role", "alive", "programs", "models", "tapes", "prepared", "running", "done",
                   "failed", "sent", "received"},
                  {1});
  for (const ServerReport& report : reports) table.AddRow(StatusRow(report));
  std::string text = table.ToString();
  for (const ServerReport& report : reports) {
    if (report.status.ok()) continue;
    const std::string reason = OneLine(report.status.status());
    const std::string name = StrCat(Name(report.role), ": ");
    text += StrCat(reason.starts_with(name) ? "" : name, reason, "\n");
  }
  return text;
}

Json StatusJson(std::span<const ServerReport> reports) {
  Json json;
  json["format"] = "lutra-status/1";
  json["servers"] = Json::array();
  for (const ServerReport& report : reports) json["servers"].push_back(JsonOf(report));
  return json;
}

void InferReport::Add(const InferResult& result, int64_t examples) {
  const Tensor& all = result.revealed.at("logits");
  const std::vector<int> predicted = Predictions(all);
  const int64_t classes = all.shape().size(1);
  for (int64_t i = 0; i < examples; ++i) {
    predictions.push_back(predicted[static_cast<size_t>(i)]);
    std::vector<int64_t>& row = logits.emplace_back();
    for (int64_t c = 0; c < classes; ++c) row.push_back(all.SignedAt(i * classes + c));
  }
  sessions.push_back(
      {result.session, result.tape, examples, result.wait_seconds, result.seconds, result.traffic});
}

std::string InferText(const InferReport& report, const Examples& examples) {
  const std::array columns = {PredictionColumn{"secure", report.predictions}};
  std::string text = PredictionTable(examples, report.labels, columns) + "\n";
  if (!examples.labels.empty()) {
    text += StrCat("Accuracy  ", Fixed(Accuracy(report.predictions, examples.labels), 4), "\n");
  }
  double seconds = 0, waited = 0;
  int64_t sent = 0, received = 0, framing = 0;
  for (const InferReport::Session& session : report.sessions) {
    seconds += session.seconds;
    waited += session.wait_seconds;
    sent += session.traffic.sent.payload_bytes;
    received += session.traffic.received.payload_bytes;
    framing += Framing(session.traffic);
  }
  const auto count = static_cast<int64_t>(report.sessions.size());
  const int64_t padding = count * report.batch - examples.count();
  text += StrCat("Sessions  ", Counted(count, "session"), " of ",
                 Counted(report.batch, UnitOf(examples)),
                 padding > 0 ? StrCat(", ", padding, " of the last only to fill it up") : "", "\n");
  text += StrCat("Seconds   ", Fixed(seconds, 3), " online, ", Fixed(waited, 3),
                 " until sessions were open\n");
  text += StrCat("Bytes     ", HumanBytes(sent), " sent, ", HumanBytes(received), " received, ",
                 HumanBytes(framing), " of framing\n");
  return text;
}

Json InferJson(const InferReport& report, const Examples& examples) {
  Json json;
  json["format"] = "lutra-infer/1";
  json["model"] = report.model.Hex();
  json["program"] = report.program.Hex();
  json["batch"] = report.batch;
  json["labels"] = report.labels;
  json["sessions"] = Json::array();
  for (const InferReport::Session& session : report.sessions) {
    json["sessions"].push_back({{"session", session.session.Hex()},
                                {"tape", session.tape.Hex()},
                                {"examples", session.examples},
                                {"wait_seconds", session.wait_seconds},
                                {"seconds", session.seconds},
                                {"sent_bytes", session.traffic.sent.payload_bytes},
                                {"received_bytes", session.traffic.received.payload_bytes},
                                {"framing_bytes", Framing(session.traffic)}});
  }
  json["outputs"] = Json::array();
  for (size_t i = 0; i < report.predictions.size(); ++i) {
    Json output = {{"prediction", report.predictions[i]}, {"logits", report.logits[i]}};
    output["label"] = examples.labels.empty() ? Json() : Json(examples.labels[i]);
    json["outputs"].push_back(std::move(output));
  }
  json["accuracy"] =
      examples.labels.empty() ? Json() : Json(Accuracy(report.predictions, examples.labels));
  return json;
}

}  // namespace lutra
