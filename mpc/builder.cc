#include "mpc/builder.h"

namespace lutra {

Builder::Builder(const Registry& registry, Deployment deployment) : registry_(registry) {
  program_.deployment_ = deployment;
}

std::vector<Value> Builder::Add(std::string_view protocol, std::span<const Value> inputs,
                                Attributes attributes, std::vector<TableId> tables,
                                size_t outputs) {
  if (status_.ok()) {
    NodeSpec spec{path_, std::string(protocol), std::move(attributes), {}, std::move(tables)};
    for (const Value value : inputs) spec.inputs.push_back(value.wire);
    Fail(program_.AppendNode(registry_, std::move(spec)));
  }
  if (!status_.ok()) return std::vector<Value>(outputs);
  std::vector<Value> values;
  for (const WireId wire : program_.nodes().back().outputs) values.push_back({wire});
  LUTRA_CHECK(values.size() == outputs);
  return values;
}

TableId Builder::AddTable(std::string_view name, std::vector<int32_t> index_bits, Tensor contents,
                          bool is_private) {
  if (!status_.ok()) return 0;
  Table table;
  table.name = name;
  table.index_bits = std::move(index_bits);
  table.bits = contents.ring().bits();
  table.is_private = is_private;
  if (contents.shape().rank() != 2) {
    Fail(InvalidArgument("table ", name, ": contents: expected shape [channels, rows], found ",
                         contents.shape().ToString()));
    return 0;
  }
  table.channels = contents.shape().size(0);
  Table checked = table;  // its contents are checked, private or not
  checked.is_private = false;
  for (int64_t i = 0; i < contents.elements(); ++i) checked.contents.push_back(contents.At(i));
  if (!is_private) table.contents = checked.contents;
  Fail(program_.AppendTable(std::move(checked)));
  if (!status_.ok()) return 0;
  program_.tables_.back() = std::move(table);
  contents_.push_back(std::move(contents));
  return static_cast<TableId>(contents_.size() - 1);
}

TableId Builder::AddPrivateTable(std::string_view name, std::vector<int32_t> index_bits,
                                 int64_t channels, Ring ring) {
  if (!status_.ok()) return 0;
  Fail(program_.AppendTable(
      {std::string(name), std::move(index_bits), channels, ring.bits(), /*is_private=*/true, {}}));
  if (!status_.ok()) return 0;
  contents_.emplace_back();
  return static_cast<TableId>(contents_.size() - 1);
}

const ValueType& Builder::type(Value value) const {
  return status_.ok() ? program_.type(value.wire) : nothing_;
}

void Builder::Fail(const Status& status) {
  if (status_.ok()) status_ = status;
}

StatusOr<BuiltProgram> Builder::Build() && {
  if (!status_.ok()) return status_;
  program_.Seal();
  return BuiltProgram{std::move(program_), std::move(contents_)};
}

Builder::Scope::Scope(Builder& builder, std::string_view name)
    : builder_(builder), length_(builder.path_.size()) {
  if (!builder_.path_.empty()) builder_.path_ += ".";
  builder_.path_ += name;
}

Builder::Scope::~Scope() { builder_.path_.resize(length_); }

}  // namespace lutra
