#include "analysis/run_facts.h"

#include <algorithm>
#include <utility>

#include "analysis/json_fields.h"
#include "core/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMostSeconds = 1e12;

Status ReadPhase(const JsonFields& fields, Phase phase, SessionSummary& session) {
  const auto index = Index(phase);
  LUTRA_ASSIGN_OR_RETURN(session.bytes[index], fields.Integer("bytes"));
  LUTRA_ASSIGN_OR_RETURN(session.seconds[index], fields.Number("seconds", kMostSeconds));
  return absl::OkStatus();
}

StatusOr<SessionSummary> SessionOf(const JsonFields& fields) {
  SessionSummary session;
  LUTRA_ASSIGN_OR_RETURN(session.examples, fields.Integer("examples"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields model, fields.Object("model"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields offline, fields.Object("offline"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields dealer, offline.Object("dealer"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields prepare, offline.Object("prepare"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields online, fields.Object("online"));
  LUTRA_RETURN_IF_ERROR(ReadPhase(model, Phase::kModel, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(dealer, Phase::kDeal, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(prepare, Phase::kPrepare, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(online, Phase::kOnline, session));
  LUTRA_ASSIGN_OR_RETURN(const int64_t rounds, online.Integer("rounds"));
  if (rounds > (1 << 30)) return online.Wrong("rounds", "fewer");
  session.rounds = static_cast<int>(rounds);
  LUTRA_ASSIGN_OR_RETURN(session.framing_bytes, online.Integer("framing_bytes"));
  if (!offline.IsNull("seconds")) {
    LUTRA_ASSIGN_OR_RETURN(session.offline_seconds, offline.Number("seconds", kMostSeconds));
  }
  return session;
}

StatusOr<OutputSummary> OutputOf(const JsonFields& fields) {
  OutputSummary output;
  LUTRA_ASSIGN_OR_RETURN(output.prediction, fields.Integer("prediction"));
  LUTRA_ASSIGN_OR_RETURN(const Json* logits, fields.List("logits"));
  for (const Json& logit : *logits) {
    if (!logit.is_number_integer()) return fields.Wrong("logits", "a list of whole numbers");
    output.logits.push_back(logit.get<int64_t>());
  }
  if (fields.IsNull("label")) return output;
  LUTRA_ASSIGN_OR_RETURN(output.label, fields.Integer("label"));
  return output;
}

// Every element of a list of objects.
template <class Read, class Value>
Status ReadEach(const JsonFields& fields, std::string_view name, Read read,
                std::vector<Value>& values) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<JsonFields> objects, fields.Objects(name));
  for (const JsonFields& object : objects) {
    LUTRA_ASSIGN_OR_RETURN(Value value, read(object));
    values.push_back(std::move(value));
  }
  return absl::OkStatus();
}

StatusOr<LinkFacts> LinkOf(const JsonFields& fields) {
  LinkFacts link;
  LUTRA_ASSIGN_OR_RETURN(link.phase, fields.Text("phase"));
  LUTRA_ASSIGN_OR_RETURN(link.from, fields.Text("from"));
  LUTRA_ASSIGN_OR_RETURN(link.to, fields.Text("to"));
  LUTRA_ASSIGN_OR_RETURN(link.bytes, fields.Integer("bytes"));
  return link;
}

// An object of networks, by their names.
Status ReadPredicted(const JsonFields& fields, RunFacts& facts) {
  LUTRA_ASSIGN_OR_RETURN(const JsonFields predicted, fields.Object("predicted"));
  for (const auto& [network, times] : predicted.object().items()) {
    LUTRA_ASSIGN_OR_RETURN(const JsonFields of_network, predicted.Object(network));
    PredictedSeconds& seconds = facts.predicted.emplace_back();
    seconds.network = network;
    LUTRA_ASSIGN_OR_RETURN(seconds.offline, of_network.Number("offline_seconds", kMostSeconds));
    LUTRA_ASSIGN_OR_RETURN(seconds.online, of_network.Number("online_seconds", kMostSeconds));
  }
  return absl::OkStatus();
}

StatusOr<Peaks> PeaksOf(const JsonFields& fields) {
  Peaks peaks;
  LUTRA_ASSIGN_OR_RETURN(const Json* products, fields.List("products_per_second"));
  if (products->size() != peaks.products.size()) {
    return fields.Wrong("products_per_second", "three numbers");
  }
  for (size_t i = 0; i < peaks.products.size(); ++i) {
    const Json& product = (*products)[i];
    const double rate = product.is_number() ? product.get<double>() : -1;
    if (!(rate >= 0 && rate <= JsonFields::kMostNumber)) {
      return fields.Wrong("products_per_second", "three numbers");
    }
    peaks.products[i] = rate;
  }
  LUTRA_ASSIGN_OR_RETURN(peaks.cipher, fields.Number("cipher_bytes_per_second"));
  LUTRA_ASSIGN_OR_RETURN(peaks.memory, fields.Number("memory_bytes_per_second"));
  return peaks;
}

Status ReadSettings(const JsonFields& fields, RunFacts& facts) {
  LUTRA_ASSIGN_OR_RETURN(facts.version, fields.Text("version"));
  LUTRA_ASSIGN_OR_RETURN(facts.command, fields.Texts("command"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields program, fields.Object("program"));
  LUTRA_ASSIGN_OR_RETURN(facts.digest, program.Text("digest"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields model, fields.Object("model"));
  LUTRA_ASSIGN_OR_RETURN(facts.model, model.Text("name"));
  LUTRA_ASSIGN_OR_RETURN(facts.labels, model.Texts("labels"));
  LUTRA_ASSIGN_OR_RETURN(facts.plan, fields.Text("plan"));
  LUTRA_ASSIGN_OR_RETURN(facts.tables, fields.Text("tables"));
  LUTRA_ASSIGN_OR_RETURN(facts.deployment, fields.Text("deployment"));
  LUTRA_ASSIGN_OR_RETURN(const JsonFields machine, fields.Object("machine"));
  LUTRA_ASSIGN_OR_RETURN(facts.processor, machine.Text("processor"));
  LUTRA_ASSIGN_OR_RETURN(facts.cores, machine.Integer("cores"));
  LUTRA_ASSIGN_OR_RETURN(facts.machine_memory_bytes, machine.Integer("memory_bytes"));
  LUTRA_ASSIGN_OR_RETURN(facts.simd, fields.Text("simd"));
  LUTRA_ASSIGN_OR_RETURN(facts.threads, fields.Integer("threads"));
  LUTRA_ASSIGN_OR_RETURN(facts.batch, fields.Integer("batch"));
  LUTRA_ASSIGN_OR_RETURN(facts.seed, fields.TextOrInteger("seed"));
  if (!fields.IsNull("memory")) {
    LUTRA_ASSIGN_OR_RETURN(const JsonFields memory, fields.Object("memory"));
    if (!memory.IsNull("limit_bytes")) {
      LUTRA_ASSIGN_OR_RETURN(facts.memory_limit, memory.Integer("limit_bytes"));
    }
  }
  if (!fields.IsNull("shaped")) {
    LUTRA_ASSIGN_OR_RETURN(const JsonFields shaped, fields.Object("shaped"));
    LUTRA_ASSIGN_OR_RETURN(facts.shaped_to, shaped.Text("network"));
    LUTRA_ASSIGN_OR_RETURN(facts.shaped_links, shaped.Text("links"));
  }
  return absl::OkStatus();
}

Status ReadResults(const JsonFields& fields, RunFacts& facts) {
  if (!fields.IsNull("links")) {
    LUTRA_RETURN_IF_ERROR(ReadEach(fields, "links", LinkOf, facts.links));
  }
  if (!fields.IsNull("predicted")) LUTRA_RETURN_IF_ERROR(ReadPredicted(fields, facts));
  if (!fields.IsNull("peak_memory_bytes")) {
    LUTRA_ASSIGN_OR_RETURN(facts.peak_memory_bytes, fields.Integer("peak_memory_bytes"));
  }
  if (!fields.IsNull("peaks")) {
    LUTRA_ASSIGN_OR_RETURN(const JsonFields peaks, fields.Object("peaks"));
    LUTRA_ASSIGN_OR_RETURN(facts.peaks, PeaksOf(peaks));
  }
  if (!fields.IsNull("accuracy")) {
    LUTRA_ASSIGN_OR_RETURN(facts.accuracy, fields.Number("accuracy"));
  }
  if (!fields.IsNull("accuracy_ideal")) {
    LUTRA_ASSIGN_OR_RETURN(facts.accuracy_ideal, fields.Number("accuracy_ideal"));
  }
  return absl::OkStatus();
}

// Sums over sessions and links stay in 64 bits.
Status CheckSums(const JsonFields& fields, const RunFacts& facts) {
  int64_t sum = 0;
  for (const SessionSummary& session : facts.sessions) {
    int64_t largest = std::max(session.examples, session.framing_bytes);
    for (const int64_t bytes : session.bytes) largest = std::max(largest, bytes);
    if (largest > (int64_t{1} << 60) - sum) return fields.Wrong("sessions", "smaller counts");
    sum += largest;
  }
  int64_t sent = 0;
  for (const LinkFacts& link : facts.links) {
    if (link.bytes > (int64_t{1} << 60) - sent) return fields.Wrong("links", "smaller counts");
    sent += link.bytes;
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view RunFacts::runner() const {
  if (command.empty()) return {};
  return std::string_view(command[0]).substr(command[0].rfind('/') + 1);
}

int64_t RunFacts::examples() const {
  int64_t sum = 0;
  for (const SessionSummary& session : sessions) sum += session.examples;
  return sum;
}

int64_t RunFacts::bytes(Phase phase) const {
  int64_t sum = 0;
  for (const SessionSummary& session : sessions) sum += session.bytes[Index(phase)];
  return sum;
}

double RunFacts::seconds(Phase phase) const {
  double sum = 0;
  for (const SessionSummary& session : sessions) sum += session.seconds[Index(phase)];
  return sum;
}

std::optional<double> RunFacts::offline_seconds() const {
  double sum = 0;
  for (const SessionSummary& session : sessions) {
    if (!session.offline_seconds.has_value()) return std::nullopt;
    sum += *session.offline_seconds;
  }
  return sessions.empty() ? std::nullopt : std::optional(sum);
}

StatusOr<RunFacts> RunFactsOf(const Json& run, std::string_view where) {
  if (!run.is_object()) return InvalidArgument(where, ": expected an object");
  const JsonFields fields(run, StrCat(where, ": "));
  RunFacts facts;
  LUTRA_RETURN_IF_ERROR(ReadSettings(fields, facts));
  LUTRA_RETURN_IF_ERROR(ReadEach(fields, "sessions", SessionOf, facts.sessions));
  LUTRA_RETURN_IF_ERROR(ReadEach(fields, "outputs", OutputOf, facts.outputs));
  LUTRA_RETURN_IF_ERROR(ReadResults(fields, facts));
  LUTRA_RETURN_IF_ERROR(CheckSums(fields, facts));
  const auto agrees = run.find("agrees_with_ideal");
  if (agrees != run.end() && agrees->is_boolean()) facts.agrees_with_ideal = agrees->get<bool>();
  return facts;
}

}  // namespace lutra
