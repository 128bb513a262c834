#include "analysis/run_facts.h"

#include <algorithm>
#include <utility>

#include "core/text.h"

namespace lutra {
namespace {

using Json = nlohmann::ordered_json;

// No count of a session is larger.
constexpr int64_t kMostCounted = int64_t{1} << 50;
constexpr double kMostSeconds = 1e12;

// An object of the document, and how to name its fields.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  StatusOr<Fields> Object(std::string_view name) const {
    const Json* const value = Find(name);
    if (value == nullptr || !value->is_object()) return Wrong(name, "an object");
    return Fields(*value, StrCat(where_, name, "."));
  }

  StatusOr<const Json*> List(std::string_view name) const {
    const Json* const value = Find(name);
    if (value == nullptr || !value->is_array()) return Wrong(name, "a list");
    return value;
  }

  StatusOr<std::string> Text(std::string_view name) const {
    const Json* const value = Find(name);
    if (value == nullptr || !value->is_string()) return Wrong(name, "text");
    return value->get<std::string>();
  }

  StatusOr<std::string> TextOrInteger(std::string_view name) const {
    const Json* const value = Find(name);
    if (value != nullptr && value->is_number_integer()) return value->dump();
    if (value == nullptr || !value->is_string()) return Wrong(name, "text or a whole number");
    return value->get<std::string>();
  }

  StatusOr<int64_t> Integer(std::string_view name) const {
    const Json* const value = Find(name);
    if (value == nullptr || !IsCount(*value)) return Wrong(name, "a whole number of at least 0");
    return value->get<int64_t>();
  }

  StatusOr<double> Number(std::string_view name) const {
    const Json* const value = Find(name);
    if (value == nullptr || !value->is_number()) return Wrong(name, "a number");
    const double number = value->get<double>();
    if (!(number >= 0 && number <= kMostSeconds)) return Wrong(name, "a number of at least 0");
    return number;
  }

  bool IsNull(std::string_view name) const {
    const Json* const value = Find(name);
    return value == nullptr || value->is_null();
  }

  Status Wrong(std::string_view name, std::string_view expected) const {
    const Json* const value = Find(name);
    const std::string found = value == nullptr ? "none" : value->dump(-1, ' ', true, kReplace);
    return InvalidArgument(where_, name, ": expected ", expected, ", found ", found.substr(0, 60));
  }

  static bool IsCount(const Json& value) {
    if (value.is_number_unsigned()) return value.get<uint64_t>() <= uint64_t{kMostCounted};
    return value.is_number_integer() && value.get<int64_t>() >= 0 &&
           value.get<int64_t>() <= kMostCounted;
  }

 private:
  static constexpr auto kReplace = Json::error_handler_t::replace;

  const Json* Find(std::string_view name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  const Json& object_;
  std::string where_;
};

StatusOr<std::vector<std::string>> TextList(const Fields& fields, std::string_view name) {
  LUTRA_ASSIGN_OR_RETURN(const Json* list, fields.List(name));
  std::vector<std::string> texts;
  for (const Json& text : *list) {
    if (!text.is_string()) return fields.Wrong(name, "a list of texts");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Status ReadPhase(const Fields& fields, Phase phase, SessionSummary& session) {
  const auto index = static_cast<size_t>(phase);
  LUTRA_ASSIGN_OR_RETURN(session.bytes[index], fields.Integer("bytes"));
  LUTRA_ASSIGN_OR_RETURN(session.seconds[index], fields.Number("seconds"));
  return absl::OkStatus();
}

StatusOr<SessionSummary> SessionOf(const Fields& fields) {
  SessionSummary session;
  LUTRA_ASSIGN_OR_RETURN(session.examples, fields.Integer("examples"));
  LUTRA_ASSIGN_OR_RETURN(const Fields model, fields.Object("model"));
  LUTRA_ASSIGN_OR_RETURN(const Fields offline, fields.Object("offline"));
  LUTRA_ASSIGN_OR_RETURN(const Fields dealer, offline.Object("dealer"));
  LUTRA_ASSIGN_OR_RETURN(const Fields prepare, offline.Object("prepare"));
  LUTRA_ASSIGN_OR_RETURN(const Fields online, fields.Object("online"));
  LUTRA_RETURN_IF_ERROR(ReadPhase(model, Phase::kModel, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(dealer, Phase::kDeal, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(prepare, Phase::kPrepare, session));
  LUTRA_RETURN_IF_ERROR(ReadPhase(online, Phase::kOnline, session));
  LUTRA_ASSIGN_OR_RETURN(const int64_t rounds, online.Integer("rounds"));
  if (rounds > (1 << 30)) return online.Wrong("rounds", "fewer");
  session.rounds = static_cast<int>(rounds);
  LUTRA_ASSIGN_OR_RETURN(session.framing_bytes, online.Integer("framing_bytes"));
  return session;
}

StatusOr<OutputSummary> OutputOf(const Fields& fields) {
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
Status ReadEach(const Fields& fields, std::string_view name, const std::string& where, Read read,
                std::vector<Value>& values) {
  LUTRA_ASSIGN_OR_RETURN(const Json* list, fields.List(name));
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_object()) return fields.Wrong(name, "a list of objects");
    LUTRA_ASSIGN_OR_RETURN(Value value,
                           read(Fields((*list)[i], StrCat(where, name, "[", i, "]."))));
    values.push_back(std::move(value));
  }
  return absl::OkStatus();
}

StatusOr<Peaks> PeaksOf(const Fields& fields) {
  Peaks peaks;
  LUTRA_ASSIGN_OR_RETURN(const Json* products, fields.List("products_per_second"));
  if (products->size() != peaks.products.size()) {
    return fields.Wrong("products_per_second", "three numbers");
  }
  for (size_t i = 0; i < peaks.products.size(); ++i) {
    if (!(*products)[i].is_number()) return fields.Wrong("products_per_second", "three numbers");
    peaks.products[i] = (*products)[i].get<double>();
  }
  LUTRA_ASSIGN_OR_RETURN(peaks.cipher, fields.Number("cipher_bytes_per_second"));
  LUTRA_ASSIGN_OR_RETURN(peaks.memory, fields.Number("memory_bytes_per_second"));
  return peaks;
}

Status ReadSettings(const Fields& fields, RunFacts& facts) {
  LUTRA_ASSIGN_OR_RETURN(facts.version, fields.Text("version"));
  LUTRA_ASSIGN_OR_RETURN(facts.command, TextList(fields, "command"));
  LUTRA_ASSIGN_OR_RETURN(const Fields program, fields.Object("program"));
  LUTRA_ASSIGN_OR_RETURN(facts.digest, program.Text("digest"));
  LUTRA_ASSIGN_OR_RETURN(const Fields model, fields.Object("model"));
  LUTRA_ASSIGN_OR_RETURN(facts.model, model.Text("name"));
  LUTRA_ASSIGN_OR_RETURN(facts.labels, TextList(model, "labels"));
  LUTRA_ASSIGN_OR_RETURN(facts.plan, fields.Text("plan"));
  LUTRA_ASSIGN_OR_RETURN(facts.tables, fields.Text("tables"));
  LUTRA_ASSIGN_OR_RETURN(facts.deployment, fields.Text("deployment"));
  LUTRA_ASSIGN_OR_RETURN(const Fields machine, fields.Object("machine"));
  LUTRA_ASSIGN_OR_RETURN(facts.processor, machine.Text("processor"));
  LUTRA_ASSIGN_OR_RETURN(facts.cores, machine.Integer("cores"));
  LUTRA_ASSIGN_OR_RETURN(facts.machine_memory_bytes, machine.Integer("memory_bytes"));
  LUTRA_ASSIGN_OR_RETURN(facts.simd, fields.Text("simd"));
  LUTRA_ASSIGN_OR_RETURN(facts.threads, fields.Integer("threads"));
  LUTRA_ASSIGN_OR_RETURN(facts.batch, fields.Integer("batch"));
  LUTRA_ASSIGN_OR_RETURN(facts.seed, fields.TextOrInteger("seed"));
  return absl::OkStatus();
}

Status ReadResults(const Fields& fields, RunFacts& facts) {
  if (!fields.IsNull("peak_memory_bytes")) {
    LUTRA_ASSIGN_OR_RETURN(facts.peak_memory_bytes, fields.Integer("peak_memory_bytes"));
  }
  if (!fields.IsNull("peaks")) {
    LUTRA_ASSIGN_OR_RETURN(const Fields peaks, fields.Object("peaks"));
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

// Sums over the sessions stay in 64 bits.
Status CheckSums(const Fields& fields, const RunFacts& facts) {
  int64_t sum = 0;
  for (const SessionSummary& session : facts.sessions) {
    int64_t largest = std::max(session.examples, session.framing_bytes);
    for (const int64_t bytes : session.bytes) largest = std::max(largest, bytes);
    if (largest > (int64_t{1} << 60) - sum) return fields.Wrong("sessions", "smaller counts");
    sum += largest;
  }
  return absl::OkStatus();
}

}  // namespace

int64_t RunFacts::examples() const {
  int64_t sum = 0;
  for (const SessionSummary& session : sessions) sum += session.examples;
  return sum;
}

int64_t RunFacts::bytes(Phase phase) const {
  int64_t sum = 0;
  for (const SessionSummary& session : sessions) sum += session.bytes[static_cast<size_t>(phase)];
  return sum;
}

double RunFacts::seconds(Phase phase) const {
  double sum = 0;
  for (const SessionSummary& session : sessions) sum += session.seconds[static_cast<size_t>(phase)];
  return sum;
}

StatusOr<RunFacts> RunFactsOf(const Json& run, std::string_view where) {
  if (!run.is_object()) return InvalidArgument(where, ": expected an object");
  const std::string prefix = StrCat(where, ": ");
  const Fields fields(run, prefix);
  RunFacts facts;
  LUTRA_RETURN_IF_ERROR(ReadSettings(fields, facts));
  LUTRA_RETURN_IF_ERROR(ReadEach(fields, "sessions", prefix, SessionOf, facts.sessions));
  LUTRA_RETURN_IF_ERROR(CheckSums(fields, facts));
  LUTRA_RETURN_IF_ERROR(ReadEach(fields, "outputs", prefix, OutputOf, facts.outputs));
  LUTRA_RETURN_IF_ERROR(ReadResults(fields, facts));
  const auto agrees = run.find("agrees_with_ideal");
  if (agrees != run.end() && agrees->is_boolean()) facts.agrees_with_ideal = agrees->get<bool>();
  return facts;
}

}  // namespace lutra
