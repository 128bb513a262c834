// Describing a program. Functions of mpc/protocols add nodes to a builder and return their values;
// they read like the formulas that they stand for. The first error sticks: later calls do nothing,
// and Build returns it.
#ifndef LUTRA_MPC_BUILDER_H_
#define LUTRA_MPC_BUILDER_H_

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mpc/program.h"
#include "mpc/protocol.h"

namespace lutra {

// A value of the program under construction.
struct Value {
  WireId wire = 0;
};

// A program with the contents of its tables, private ones too.
struct BuiltProgram {
  Program program;
  TableContents tables;
};

class Builder {
 public:
  // The registry outlives the program.
  explicit Builder(const Registry& registry, Deployment deployment = Deployment::kFourProcess);

  // Adds a node; as many values as its protocol gives. After an error: `outputs` values that mean
  // nothing, so that callers need no check.
  std::vector<Value> Add(std::string_view protocol, std::span<const Value> inputs,
                         Attributes attributes = {}, std::vector<TableId> tables = {},
                         size_t outputs = 1);
  Value AddOne(std::string_view protocol, std::initializer_list<Value> inputs,
               Attributes attributes = {}) {
    return Add(protocol, std::span(inputs.begin(), inputs.size()), std::move(attributes))[0];
  }

  // Adds a table; `contents` [channels, rows] with rows = 2^(sum of index_bits), over its ring.
  TableId AddTable(std::string_view name, std::vector<int32_t> index_bits, Tensor contents,
                   bool is_private);

  // Adds a private table whose contents are not at hand: for costs and for those who only run it.
  TableId AddPrivateTable(std::string_view name, std::vector<int32_t> index_bits, int64_t channels,
                          Ring ring);

  // The names of the scopes that are open, "layers.0.attention".
  const std::string& path() const { return path_; }
  // The type of a value; after an error, that of a scalar bit.
  const ValueType& type(Value value) const;
  const Shape& shape(Value value) const { return type(value).shape; }
  Ring ring(Value value) const { return type(value).ring; }

  // For composites that are given what does not fit.
  void Fail(const Status& status);
  bool ok() const { return status_.ok(); }

  StatusOr<BuiltProgram> Build() &&;

  // Nodes added while it lives get "name." before their path.
  class Scope {
   public:
    Scope(Builder& builder, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Builder& builder_;
    size_t length_;
  };

 private:
  const Registry& registry_;
  Status status_;
  Program program_;
  TableContents contents_;
  std::string path_;
  ValueType nothing_;
};

}  // namespace lutra

#endif  // LUTRA_MPC_BUILDER_H_
