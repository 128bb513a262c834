#include "sim/twin.h"

#include <algorithm>

#include "mpc/protocol.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/reveal.h"

namespace lutra {

Twin::Twin(const Program& program, const TableContents& tables, ThreadPool& pool)
    : program_(program),
      tables_(tables),
      pool_(pool),
      values_(program.wires()),
      last_use_(program.wires(), -1) {
  for (const Node& node : program.nodes()) {
    if (node.phase != Phase::kOnline) continue;
    // Nodes do not stand in the order of their levels.
    for (const WireId wire : node.outputs) last_use_[wire] = node.level;
    for (const WireId wire : node.spec.inputs) {
      last_use_[wire] = std::max(last_use_[wire], node.level);
    }
  }
}

void Twin::Run(const Node& node, const NamedTensors& owned, const Tensor* coins) {
  std::vector<Tensor> outputs(node.outputs.size());
  ClearView view{node, pool_, tables_, {}, outputs};
  for (const WireId wire : node.spec.inputs) view.inputs.push_back(&values_[wire]);
  if (IsInput(node)) {
    const auto found = owned.find(NameOf(node));
    LUTRA_CHECK(found != owned.end());
    view.owned = &found->second;
  }
  view.coins = coins;
  node.protocol->Ideal(view);
  for (size_t i = 0; i < outputs.size(); ++i) {
    LUTRA_CHECK(outputs[i].ring() == node.output_types[i].ring &&
                outputs[i].shape() == node.output_types[i].shape);
    values_[node.outputs[i]] = std::move(outputs[i]);
  }
}

NamedTensors Twin::RunExact(const NamedTensors& owned) {
  NamedTensors revealed;
  for (const Node& node : program_.nodes()) {
    Run(node, owned, nullptr);
    if (!IsReveal(node)) continue;
    revealed.insert_or_assign(node.spec.attributes.text("name"), value(node.outputs[0]).Clone());
  }
  return revealed;
}

void Twin::Release(int level) {
  for (WireId wire = 0; wire < values_.size(); ++wire) {
    const bool of_session = program_.type(wire).lifetime == Lifetime::kInference;
    if (of_session && last_use_[wire] <= level) values_[wire] = {};
  }
}

}  // namespace lutra
