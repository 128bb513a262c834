#include "mpc/protocol.h"

#include <utility>

namespace lutra {

Status NodeDescription::CheckCounts(size_t inputs_expected, size_t tables_expected) const {
  if (inputs.size() != inputs_expected) {
    return InvalidArgument("inputs: expected ", inputs_expected, ", found ", inputs.size());
  }
  if (tables.size() != tables_expected) {
    return InvalidArgument("tables: expected ", tables_expected, ", found ", tables.size());
  }
  return absl::OkStatus();
}

Status NodeDescription::CheckSharing(size_t input, Sharing sharing) const {
  if (inputs[input].sharing == sharing) return absl::OkStatus();
  return InvalidArgument("input ", input, ": expected sharing ", Name(sharing), ", found ",
                         inputs[input].ToString());
}

int64_t Protocol::Multiplications(const Node&, Role, Phase) const { return 0; }
std::string_view Protocol::Privacy(const Node&, Phase, Role) const { return ""; }

std::vector<FigureLine> Protocol::Figure(const Node&) const { return {}; }
Tensor Protocol::ReadCoins(const Node&, const Share&, const Share&) const { return {}; }
void Protocol::Deal(const DealView&) const {}
void Protocol::PrepareModel(PartyView&) const {}
bool Protocol::ReadsModelInput(const Node&, size_t) const { return true; }
void Protocol::Prepare(PartyView&) const {}
void Protocol::FinishPrepare(PartyView&) const {}
void Protocol::Before(PartyView&) const {}
void Protocol::After(PartyView&) const {}

Status Registry::Register(std::unique_ptr<Protocol> protocol) {
  std::string name(protocol->name());
  if (name.empty()) return InvalidArgument("protocol: expected a name, found none");
  const auto [entry, added] = protocols_.try_emplace(std::move(name), std::move(protocol));
  if (!added) return InvalidArgument("protocol ", entry->first, ": registered already");
  return absl::OkStatus();
}

const Protocol* Registry::Find(std::string_view name) const {
  const auto found = protocols_.find(name);
  return found == protocols_.end() ? nullptr : found->second.get();
}

std::vector<std::string_view> Registry::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, protocol] : protocols_) names.push_back(name);
  return names;
}

}  // namespace lutra
