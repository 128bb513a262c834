#include "analysis/program_flags.h"

#include <algorithm>
#include <array>
#include <string>

namespace lutra {

void AddProgramFlags(CommandLine& command_line) {
  command_line.AddFlag("batch", "N", "inferences in one session")
      .AddFlag("linear", "masked|replicated",
               "products by masks known offline (default), or in the replicated form")
      .AddFlag("lookup", "reshare|direct",
               "replicated results of lookups by a reshare (default), or dealt replicated")
      .AddFlag("embedding", "secure|client",
               "by a product with shared one-hot rows (default), or by the data owner, whom the "
               "model owner gave the embedding")
      .AddFlag("deployment", "four-process|shared-dealer",
               "dealer and P0 apart (default), or on one machine, which is sent nothing online")
      .AddFlag("tables", "private|public",
               "lookup tables known to model owner and dealer only (default), or to all")
      .AddFlag(
          "rounding", "centred|plain",
          "top bits rounded to the middle by an addend (default), or cut as they are, which is "
          "half a step too low on average");
}

Status RefuseProgramFlags(const Arguments& arguments, std::span<const std::string_view> taken,
                          std::string_view why) {
  constexpr std::array<std::string_view, 7> kFlags = {
      "batch", "linear", "lookup", "embedding", "deployment", "tables", "rounding"};
  for (const std::string_view flag : kFlags) {
    const bool is_taken = std::find(taken.begin(), taken.end(), flag) != taken.end();
    if (!is_taken && arguments.Has(flag)) return InvalidArgument("--", flag, ": expected ", why);
  }
  return absl::OkStatus();
}

StatusOr<BertProgramOptions> ProgramOptions(const Arguments& arguments, int64_t batch) {
  BertProgramOptions options;
  LUTRA_ASSIGN_OR_RETURN(options.batch, arguments.Integer("batch", batch, 1, kMostBatch));
  LUTRA_ASSIGN_OR_RETURN(const std::string linear,
                         arguments.Choice("linear", "masked", {"masked", "replicated"}));
  LUTRA_ASSIGN_OR_RETURN(const std::string lookup,
                         arguments.Choice("lookup", "reshare", {"reshare", "direct"}));
  LUTRA_ASSIGN_OR_RETURN(const std::string embedding,
                         arguments.Choice("embedding", "secure", {"secure", "client"}));
  LUTRA_ASSIGN_OR_RETURN(
      const std::string deployment,
      arguments.Choice("deployment", "four-process", {"four-process", "shared-dealer"}));
  LUTRA_ASSIGN_OR_RETURN(const std::string tables,
                         arguments.Choice("tables", "private", {"private", "public"}));
  LUTRA_ASSIGN_OR_RETURN(const std::string rounding,
                         arguments.Choice("rounding", "centred", {"centred", "plain"}));
  options.linear = linear == "masked" ? LinearForm::kMasked : LinearForm::kReplicated;
  options.lookup = lookup == "reshare" ? LookupForm::kReshare : LookupForm::kDirect;
  options.embedding = embedding == "secure" ? EmbeddingForm::kSecure : EmbeddingForm::kClient;
  options.deployment =
      deployment == "four-process" ? Deployment::kFourProcess : Deployment::kSharedDealer;
  options.private_tables = tables == "private";
  options.rounding = rounding == "centred" ? Rounding::kCentred : Rounding::kPlain;
  return options;
}

}  // namespace lutra
