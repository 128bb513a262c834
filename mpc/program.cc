#include "mpc/program.h"

#include <algorithm>
#include <cereal/types/map.hpp>
#include <cereal/types/string.hpp>
#include <cstring>
#include <utility>

#include "core/archive.h"
#include "mpc/protocol.h"

namespace lutra {
namespace {

constexpr std::string_view kMagic = "LUTRAPRG";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 8 + 4 + 32;

// All fields of all nodes together: far beyond any program, far below overflow.
constexpr int64_t kMaxProgramBits = int64_t{1} << 56;
constexpr size_t kMostPathBytes = 1000;  // of a node

Status CheckTable(const Table& table) {
  if (table.index_bits.empty()) return InvalidArgument("index_bits: expected at least one input");
  int64_t width = 0;
  for (const int32_t bits : table.index_bits) {
    if (bits < 1 || bits > Table::kMaxIndexBits) {
      return InvalidArgument("index_bits: expected 1 to ", Table::kMaxIndexBits, ", found ", bits);
    }
    width += bits;
  }
  if (width > Table::kMaxIndexBits) {
    return InvalidArgument("index_bits: expected at most ", Table::kMaxIndexBits, " in all, found ",
                           width);
  }
  if (!Ring::Valid(table.bits)) {
    return InvalidArgument("bits: expected 1 to 64, found ", table.bits);
  }
  if (table.channels < 1 || table.channels > int64_t{1} << 24) {
    return InvalidArgument("channels: expected 1 to 2^24, found ", table.channels);
  }
  const int64_t expected = table.is_private ? 0 : table.channels * table.rows();
  if (static_cast<int64_t>(table.contents.size()) != expected) {
    return InvalidArgument("contents: expected ", expected, " entries, found ",
                           table.contents.size());
  }
  for (const uint64_t entry : table.contents) {
    if (entry > table.ring().mask()) {
      return InvalidArgument("contents: expected values below 2^", table.bits, ", found ", entry);
    }
  }
  return absl::OkStatus();
}

// Adds the bits of a correlation to those of the nodes before it.
Status CheckCorrelation(const Correlation& correlation, int64_t& bits) {
  for (const Field& field : correlation) {
    LUTRA_CHECK(field.elements >= 0 && field.entries >= 1);
    const int64_t each = field.entries * field.ring.bits();
    if (field.elements > (kMaxProgramBits - bits) / each) {
      return InvalidArgument("correlation: ", field.name, ": too large");
    }
    bits += field.elements * each;
  }
  return absl::OkStatus();
}

// A tensor without elements says that a value is not there, so no value is of that shape.
Status CheckOutputs(const std::vector<ValueType>& outputs) {
  for (const ValueType& type : outputs) {
    if (type.shape.elements() > 0) continue;
    return InvalidArgument("output: expected at least one element, found ", type.ToString());
  }
  return absl::OkStatus();
}

// Nothing reaches the dealer; where it shares a machine with P0, nothing reaches P0 online.
Status CheckReceivers(const Node& node, Deployment deployment) {
  for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
    const bool to_p0 = deployment == Deployment::kSharedDealer && link.phase == Phase::kOnline &&
                       link.to == Role::kP0;
    if (!to_p0 && link.to != Role::kDealer) continue;
    return InvalidArgument("deployment ", Name(deployment), ": expected no message to ",
                           Name(link.to), ", found ", link.bits, " bits from ", Name(link.from),
                           " in phase ", Name(link.phase));
  }
  return absl::OkStatus();
}

}  // namespace

template <class Archive>
void serialize(Archive& archive, ProgramSpec& spec) {
  bool shared_dealer = spec.deployment == Deployment::kSharedDealer;
  archive(shared_dealer, spec.tables, spec.nodes);
  spec.deployment = shared_dealer ? Deployment::kSharedDealer : Deployment::kFourProcess;
}

Attributes& Attributes::SetList(std::string_view name, std::vector<int64_t> values) {
  lists_.insert_or_assign(std::string(name), std::move(values));
  return *this;
}

Attributes& Attributes::SetText(std::string_view name, std::string_view value) {
  texts_.insert_or_assign(std::string(name), std::string(value));
  return *this;
}

StatusOr<int64_t> Attributes::Integer(std::string_view name, int64_t low, int64_t high) const {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<int64_t> values, List(name));
  if (values.size() != 1 || values[0] < low || values[0] > high) {
    return InvalidArgument("attribute ", name, ": expected a number from ", low, " to ", high,
                           ", found ", values.size() == 1 ? StrCat(values[0]) : "a list");
  }
  return values[0];
}

StatusOr<std::vector<int64_t>> Attributes::List(std::string_view name) const {
  const auto found = lists_.find(name);
  if (found == lists_.end()) return InvalidArgument("attribute ", name, ": missing");
  return found->second;
}

StatusOr<std::string> Attributes::Text(std::string_view name) const {
  const auto found = texts_.find(name);
  if (found == texts_.end()) return InvalidArgument("attribute ", name, ": missing");
  return found->second;
}

StatusOr<std::string> Attributes::Choice(std::string_view name,
                                         std::initializer_list<std::string_view> choices) const {
  LUTRA_ASSIGN_OR_RETURN(std::string value, Text(name));
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return value;
  std::string expected;
  for (const std::string_view choice : choices) {
    expected += StrCat(expected.empty() ? "" : " or ", choice);
  }
  return InvalidArgument("attribute ", name, ": expected ", expected, ", found ", value);
}

Status Attributes::CheckOnly(std::initializer_list<std::string_view> names) const {
  const auto check = [&](std::string_view name) -> Status {
    if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
    return InvalidArgument("attribute ", name, ": unknown");
  };
  for (const auto& [name, values] : lists_) LUTRA_RETURN_IF_ERROR(check(name));
  for (const auto& [name, value] : texts_) LUTRA_RETURN_IF_ERROR(check(name));
  return absl::OkStatus();
}

int64_t Attributes::integer(std::string_view name) const { return list(name).at(0); }

const std::vector<int64_t>& Attributes::list(std::string_view name) const {
  const auto found = lists_.find(name);
  LUTRA_CHECK(found != lists_.end());
  return found->second;
}

const std::string& Attributes::text(std::string_view name) const {
  const auto found = texts_.find(name);
  LUTRA_CHECK(found != texts_.end());
  return found->second;
}

int Table::index_width() const {
  int width = 0;
  for (const int32_t bits_of_input : index_bits) width += bits_of_input;
  return width;
}

std::string ValueType::ToString() const {
  return StrCat(Name(sharing), " Z_2^", ring.bits(), " ", shape.ToString());
}

std::string Node::ToString() const {
  return StrCat("node ", id, " (", spec.path, ", ", spec.protocol, ")");
}

StatusOr<Program> Program::Make(const Registry& registry, ProgramSpec spec) {
  Program program;
  program.deployment_ = spec.deployment;
  for (Table& table : spec.tables) LUTRA_RETURN_IF_ERROR(program.AppendTable(std::move(table)));
  for (NodeSpec& node : spec.nodes) {
    LUTRA_RETURN_IF_ERROR(program.AppendNode(registry, std::move(node)));
  }
  program.Seal();
  return program;
}

// What owners put in and what they get out is found by name, so a name stands for one thing.
Status Program::CheckName(const NodeSpec& spec, const std::vector<ValueType>& outputs) {
  const bool revealed = !outputs.empty() && outputs[0].sharing == Sharing::kRevealed;
  const StatusOr<std::string> name = spec.attributes.Text("name");
  if (!name.ok() || (!revealed && !spec.inputs.empty())) return absl::OkStatus();
  if ((revealed ? result_names_ : input_names_).insert(*name).second) return absl::OkStatus();
  return InvalidArgument("attribute name: expected one that is not taken, found ", *name);
}

Status Program::AppendTable(Table table) {
  LUTRA_RETURN_IF_ERROR(
      Annotate(CheckTable(table), StrCat("table ", tables_.size(), " (", table.name, ")")));
  tables_.push_back(std::move(table));
  return absl::OkStatus();
}

Status Program::AppendNode(const Registry& registry, NodeSpec spec) {
  Node node;
  node.id = static_cast<NodeId>(nodes_.size());
  node.spec = std::move(spec);
  if (node.spec.path.size() > kMostPathBytes) {
    return InvalidArgument("node ", node.id, ": path: expected at most ", kMostPathBytes,
                           " bytes, found ", node.spec.path.size());
  }
  const std::string where = node.ToString();
  node.protocol = registry.Find(node.spec.protocol);
  if (node.protocol == nullptr) {
    return InvalidArgument(where, ": protocol: expected a registered one, found ",
                           node.spec.protocol);
  }
  bool of_model = !node.spec.inputs.empty();
  for (const WireId wire : node.spec.inputs) {
    if (wire >= types_.size()) {
      return InvalidArgument(where, ": input: expected a wire below ", types_.size(), ", found ",
                             wire);
    }
    node.input_types.push_back(types_[wire]);
    of_model = of_model && types_[wire].lifetime == Lifetime::kModel;
  }
  for (const TableId table : node.spec.tables) {
    if (table >= tables_.size()) {
      return InvalidArgument(where, ": table: expected one below ", tables_.size(), ", found ",
                             table);
    }
    node.tables.push_back(&tables_[table]);
  }

  StatusOr<Signature> signature =
      node.protocol->Check({node.spec, node.input_types, node.tables, deployment_});
  if (!signature.ok()) return Annotate(signature.status(), where);
  LUTRA_RETURN_IF_ERROR(Annotate(CheckOutputs(signature->outputs), where));
  LUTRA_RETURN_IF_ERROR(Annotate(CheckName(node.spec, signature->outputs), where));
  LUTRA_RETURN_IF_ERROR(Annotate(CheckCorrelation(signature->correlation, field_bits_), where));
  node.output_types = std::move(signature->outputs);
  node.correlation = std::move(signature->correlation);
  node.has_round = signature->has_round;

  // Local work on values of the model is done once, with the model; a source node says itself.
  if (node.spec.inputs.empty()) {
    of_model = !node.output_types.empty() && node.output_types[0].lifetime == Lifetime::kModel;
  } else {
    of_model = of_model && !node.has_round && node.correlation.empty();
  }
  node.phase = of_model ? Phase::kModel : Phase::kOnline;
  for (const WireId wire : node.spec.inputs) {
    const bool same_phase = (types_[wire].lifetime == Lifetime::kModel) == of_model;
    if (same_phase) node.level = std::max(node.level, ready_[wire]);
  }
  for (ValueType& type : node.output_types) type.lifetime = node.lifetime();
  LUTRA_RETURN_IF_ERROR(Annotate(CheckReceivers(node, deployment_), where));
  for (const ValueType& type : node.output_types) {
    node.outputs.push_back(static_cast<WireId>(types_.size()));
    types_.push_back(type);
    producers_.push_back(node.id);
    ready_.push_back(node.level + (node.has_round ? 1 : 0));
  }
  nodes_.push_back(std::move(node));
  return absl::OkStatus();
}

ProgramSpec Program::Spec() const {
  ProgramSpec spec;
  spec.deployment = deployment_;
  spec.tables.assign(tables_.begin(), tables_.end());
  for (const Node& node : nodes_) spec.nodes.push_back(node.spec);
  return spec;
}

void Program::Seal() { digest_ = Sha256(WriteArchive(Spec())); }

int Program::rounds(Phase phase) const {
  int rounds = 0;
  for (const Node& node : nodes_) {
    if (node.phase == phase && node.has_round) rounds = std::max(rounds, node.level + 1);
  }
  return rounds;
}

int Program::levels(Phase phase) const {
  int levels = 1;
  for (const Node& node : nodes_) {
    if (node.phase == phase) levels = std::max(levels, node.level + 1);
  }
  return levels;
}

Cost Program::ClosedForm() const {
  Cost total;
  for (const Node& node : nodes_) {
    for (const LinkCost& link : node.protocol->ClosedForm(node).links) {
      total.Add(link.phase, link.from, link.to, link.bits);
    }
  }
  total.rounds = rounds(Phase::kOnline);
  return total;
}

std::vector<std::byte> WriteProgram(const Program& program) {
  const std::vector<std::byte> body = WriteArchive(program.Spec());
  const Digest digest = Sha256(body);
  std::vector<std::byte> file(kHeaderBytes + body.size());
  std::memcpy(file.data(), kMagic.data(), 8);
  std::memcpy(file.data() + 8, &kVersion, 4);
  std::memcpy(file.data() + 12, digest.bytes.data(), 32);
  std::memcpy(file.data() + kHeaderBytes, body.data(), body.size());
  return file;
}

StatusOr<Program> ReadProgram(const Registry& registry, std::span<const std::byte> file,
                              std::string_view where) {
  if (file.size() < kHeaderBytes || std::memcmp(file.data(), kMagic.data(), 8) != 0) {
    return InvalidArgument(where, ": magic: expected a program file (", kMagic, ")");
  }
  uint32_t version;
  std::memcpy(&version, file.data() + 8, 4);
  if (version != kVersion) {
    return InvalidArgument(where, ": version: expected ", kVersion, ", found ", version);
  }
  const std::span<const std::byte> body = file.subspan(kHeaderBytes);
  Digest digest;
  std::memcpy(digest.bytes.data(), file.data() + 12, 32);
  if (Sha256(body) != digest) {
    return InvalidArgument(where, ": digest: expected ", digest.Hex(), ", found ",
                           Sha256(body).Hex());
  }
  LUTRA_ASSIGN_OR_RETURN(ProgramSpec spec, ReadArchive<ProgramSpec>(body, where));
  StatusOr<Program> program = Program::Make(registry, std::move(spec));
  if (!program.ok()) return Annotate(program.status(), where);
  return program;
}

}  // namespace lutra
