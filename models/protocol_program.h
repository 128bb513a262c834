// One protocol by itself, as a program: for measuring it, pricing it and drawing it.
#ifndef LUTRA_MODELS_PROTOCOL_PROGRAM_H_
#define LUTRA_MODELS_PROTOCOL_PROGRAM_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "mpc/builder.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {

// The protocol's nodes are in this scope; the owners' inputs, which it works on, are not.
inline constexpr std::string_view kProtocolScope = "protocol";

// A size that a protocol takes.
struct ProtocolSize {
  std::string_view name;  // "index_bits"
  int64_t low;
  int64_t high;
  int64_t value;  // where it is not given
  std::string_view meaning;
};

struct ProtocolParameters {
  std::map<std::string, int64_t, std::less<>> sizes;  // by name; what is left out has its default
  LinearForm linear = LinearForm::kMasked;
  LookupForm lookup = LookupForm::kReshare;
  Rounding rounding = Rounding::kCentred;  // of top bits in composites
  Deployment deployment = Deployment::kFourProcess;
  bool private_tables = true;
  // Of the result of `lookup`: additive, or replicated in the form of `lookup`.
  Sharing sharing = Sharing::kAdditive;
};

// "input", "reveal", "reshare", "top_bits", "lookup", "matrix_product", ..., sorted.
std::vector<std::string_view> ProtocolProgramNames();
// What it does, in a few words; an error names the protocols there are.
StatusOr<std::string_view> ProtocolProgramMeaning(std::string_view protocol);
// What sizes it takes.
StatusOr<std::span<const ProtocolSize>> ProtocolSizes(std::string_view protocol);

// Which of "linear", "lookup", "sharing" and "rounding" make a difference to it; who knows the
// tables changes no message.
StatusOr<std::span<const std::string_view>> ProtocolForms(std::string_view protocol);

// The program: random inputs of the owners, and the protocol on them. Tables have pseudorandom
// contents, the same in every program; with `table_contents` false, none, which is enough for costs
// and pictures. An error names the protocol, the size, what was expected and found.
StatusOr<BuiltProgram> BuildProtocolProgram(const Registry& registry, std::string_view protocol,
                                            const ProtocolParameters& parameters,
                                            bool table_contents = true);

// What the owners put into a program.
struct ProgramInputs {
  NamedTensors model;
  NamedTensors data;
};
// Uniform values for every input of any program; the same for the same seed.
ProgramInputs RandomProgramInputs(const Program& program, uint64_t seed);

}  // namespace lutra

#endif  // LUTRA_MODELS_PROTOCOL_PROGRAM_H_
