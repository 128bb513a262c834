#include "experiments/lab/published.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <utility>

#include "core/toml_file.h"

namespace lutra {
namespace {

constexpr std::string_view kFormat = "lutra-published/1";
constexpr double kLargest = 1e18;
constexpr std::string_view kSymbols = "numbers, l, log_l and lambda";

constexpr std::array<std::string_view, 10> kAmounts = {
    "offline_seconds", "online_seconds",          "total_seconds",
    "offline_bytes",   "offline_bytes_per_party", "online_bytes",
    "total_bytes",     "online_rounds",           "total_rounds",
    "paper_speedup"};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

StatusOr<double> ValueOfFactor(std::string_view factor,
                               const std::map<std::string, double, std::less<>>& symbols) {
  const auto symbol = symbols.find(factor);
  if (symbol != symbols.end()) return symbol->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(factor.data(), factor.data() + factor.size(), number);
  const bool whole = error == std::errc() && end == factor.data() + factor.size();
  if (!whole || number < 0) return InvalidArgument("'", factor, "'");
  return static_cast<double>(number);
}

StatusOr<double> ValueOfProduct(std::string_view product,
                                const std::map<std::string, double, std::less<>>& symbols) {
  double value = 1;
  while (true) {
    const size_t star = std::min(product.find('*'), product.size());
    LUTRA_ASSIGN_OR_RETURN(const double factor,
                           ValueOfFactor(Trimmed(product.substr(0, star)), symbols));
    value *= factor;
    if (star == product.size()) return value;
    product.remove_prefix(star + 1);
  }
}

FigureKind KindOf(std::string_view name) {
  if (name == "measured") return FigureKind::kMeasured;
  return name == "printed" ? FigureKind::kPrinted : FigureKind::kExtrapolated;
}

class Reader {
 public:
  Reader(const TomlTable& root, PublishedWork& work) : root_(root), work_(work) {}

  Status Read() {
    LUTRA_RETURN_IF_ERROR(
        root_.CheckKeys({"format", "title", "elements", "ring_bits", "security_bits", "figures"}));
    LUTRA_ASSIGN_OR_RETURN(work_.title, Words(root_, "title"));
    if (root_.Has("elements")) {
      LUTRA_ASSIGN_OR_RETURN(elements_, root_.Integer("elements", 1, int64_t{1} << 40));
    }
    if (root_.Has("security_bits")) {
      LUTRA_ASSIGN_OR_RETURN(security_bits_, root_.Integer("security_bits", 1, 1024));
    }
    if (root_.Has("ring_bits")) LUTRA_RETURN_IF_ERROR(ReadRings());
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TomlTable> tables, root_.Tables("figures"));
    if (tables.empty()) return root_.Wrong("figures", "at least one system", "none");
    for (const TomlTable& table : tables) LUTRA_RETURN_IF_ERROR(ReadSystem(table));
    return absl::OkStatus();
  }

 private:
  static StatusOr<std::string> Words(const TomlTable& table, std::string_view key) {
    LUTRA_ASSIGN_OR_RETURN(std::string text, table.Text(key, "a text on one line"));
    if (Trimmed(text).empty()) return table.Wrong(key, "a text on one line", "an empty one");
    if (!IsOneLine(text)) return table.Wrong(key, "a text on one line", "control characters");
    return text;
  }

  Status ReadRings() {
    const std::string_view expected = "an array of integers, 1 to 64";
    LUTRA_ASSIGN_OR_RETURN(const toml::array* array, root_.Array("ring_bits", expected));
    for (const toml::node& node : *array) {
      const toml::value<int64_t>* bits = node.as_integer();
      if (bits == nullptr) return root_.WrongAt(node, "ring_bits", expected, TomlTypeName(node));
      if (bits->get() < 1 || bits->get() > 64) {
        return root_.WrongAt(node, "ring_bits", expected, StrCat(bits->get()));
      }
      rings_.push_back(bits->get());
    }
    if (rings_.empty()) return root_.Wrong("ring_bits", expected, "an empty one");
    return absl::OkStatus();
  }

  Status ReadSystem(const TomlTable& table) {
    LUTRA_RETURN_IF_ERROR(
        table.CheckKeys({"system", "detail", "kind", "source", "conditions", "partial",
                         "offline_seconds", "online_seconds", "total_seconds", "offline_bytes",
                         "offline_bytes_per_party", "online_bytes", "total_bytes", "online_rounds",
                         "total_rounds", "paper_speedup", "offline_bits", "online_bits"}));
    PublishedFigures figures;
    LUTRA_ASSIGN_OR_RETURN(figures.system, Words(table, "system"));
    LUTRA_ASSIGN_OR_RETURN(figures.detail, Words(table, "detail"));
    LUTRA_ASSIGN_OR_RETURN(const std::string kind,
                           table.Choice("kind", {"measured", "extrapolated", "printed"}));
    figures.kind = KindOf(kind);
    LUTRA_ASSIGN_OR_RETURN(figures.source, Words(table, "source"));
    LUTRA_ASSIGN_OR_RETURN(figures.conditions, Words(table, "conditions"));
    if (table.Has("partial")) {
      LUTRA_ASSIGN_OR_RETURN(figures.partial, table.Boolean("partial"));
    }
    for (const std::string_view name : kAmounts) {
      if (!table.Has(name) || IsFormula(table, name)) continue;
      LUTRA_ASSIGN_OR_RETURN(figures.amounts[std::string(name)], ReadAmount(table, name));
    }
    if (!HasFormulas(table)) return Add(table, std::move(figures));
    for (const std::string_view needed : {"elements", "ring_bits", "security_bits"}) {
      if (!root_.Has(needed)) return root_.Wrong(needed, "a value, for the formulas", "nothing");
    }
    for (const int64_t bits : rings_) {
      PublishedFigures in_ring = figures;
      LUTRA_RETURN_IF_ERROR(Evaluate(table, bits, in_ring));
      LUTRA_RETURN_IF_ERROR(Add(table, std::move(in_ring)));
    }
    return absl::OkStatus();
  }

  Status Add(const TomlTable& table, PublishedFigures figures) {
    if (figures.amounts.empty()) {
      return root_.WrongAt(table.table(), "figures", StrCat("one of ", CommaSeparated(kAmounts)),
                           "none");
    }
    work_.systems.push_back(std::move(figures));
    return absl::OkStatus();
  }

  static bool IsFormula(const TomlTable& table, std::string_view key) {
    return table.Has(key) && table.Find(key)->is_string();
  }

  static bool HasFormulas(const TomlTable& table) {
    return table.Has("offline_bits") || table.Has("online_bits") ||
           IsFormula(table, "online_rounds");
  }

  static StatusOr<Amount> ReadAmount(const TomlTable& table, std::string_view key) {
    const std::string_view expected = "a number above 0 and up to 1e18, or [lowest, highest]";
    const toml::node& node = *table.Find(key);
    std::vector<double> numbers;
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        if (!element.is_number())
          return table.WrongAt(element, key, expected, TomlTypeName(element));
        numbers.push_back(element.value<double>().value_or(0));
      }
      if (numbers.size() != 2) {
        return table.Wrong(key, expected, StrCat("an array of ", numbers.size()));
      }
    } else if (node.is_number()) {
      numbers.assign(2, node.value<double>().value_or(0));
    } else {
      return table.Wrong(key, expected, TomlTypeName(node));
    }
    const Amount amount{.low = numbers[0], .high = numbers[1]};
    // Not a number fails every comparison.
    const bool in_range = amount.low > 0 && amount.low <= amount.high && amount.high <= kLargest;
    if (in_range) return amount;
    return table.Wrong(
        key, expected,
        node.is_array() ? StrCat(amount.low, " to ", amount.high) : StrCat(amount.low));
  }

  Status Evaluate(const TomlTable& table, int64_t bits, PublishedFigures& figures) const {
    const std::map<std::string, double, std::less<>> symbols = {
        {"l", static_cast<double>(bits)},
        {"log_l", static_cast<double>(std::bit_width(static_cast<uint64_t>(bits - 1)))},
        {"lambda", static_cast<double>(security_bits_)}};
    figures.ring_bits = bits;
    const double bytes_of_a_bit = static_cast<double>(elements_) / 8;
    struct Rule {
      std::string_view key, amount;
      double factor;
    };
    for (const Rule& rule : {Rule{"offline_bits", "offline_bytes", bytes_of_a_bit},
                             Rule{"online_bits", "online_bytes", bytes_of_a_bit},
                             Rule{"online_rounds", "online_rounds", 1}}) {
      if (!table.Has(rule.key) || (rule.factor == 1 && !IsFormula(table, rule.key))) continue;
      LUTRA_ASSIGN_OR_RETURN(const std::string formula, table.Text(rule.key, "a formula"));
      const std::string expected = StrCat("a sum of products of ", kSymbols);
      const StatusOr<double> value = ValueOfFormula(formula, symbols);
      if (!value.ok()) return table.Wrong(rule.key, expected, OneLine(value.status()));
      if (!(*value > 0)) return table.Wrong(rule.key, "a value above 0", StrCat(*value));
      if (figures.amounts.contains(rule.amount)) {
        return table.Wrong(rule.key, StrCat("this or ", rule.amount), "both");
      }
      const double amount = *value * rule.factor;
      figures.amounts[std::string(rule.amount)] = {.low = amount, .high = amount};
    }
    return absl::OkStatus();
  }

  const TomlTable root_;
  PublishedWork& work_;
  int64_t elements_ = 1;
  int64_t security_bits_ = 128;
  std::vector<int64_t> rings_;
};

StatusOr<PublishedWork> ReadWork(const TomlFile& file, std::string name) {
  LUTRA_RETURN_IF_ERROR(file.CheckFormat(kFormat));
  PublishedWork work;
  work.name = std::move(name);
  LUTRA_RETURN_IF_ERROR(Reader(file.root(), work).Read());
  return work;
}

}  // namespace

std::string_view NameOf(FigureKind kind) {
  switch (kind) {
    case FigureKind::kMeasured:
      return "measured";
    case FigureKind::kExtrapolated:
      return "extrapolated";
    default:
      return "printed";
  }
}

std::span<const std::string_view> PublishedAmounts() { return kAmounts; }

StatusOr<double> ValueOfFormula(std::string_view formula,
                                const std::map<std::string, double, std::less<>>& symbols) {
  double sum = 0, sign = 1;
  while (true) {
    const size_t end = std::min(formula.find_first_of("+-"), formula.size());
    LUTRA_ASSIGN_OR_RETURN(const double product,
                           ValueOfProduct(Trimmed(formula.substr(0, end)), symbols));
    sum += sign * product;
    if (end == formula.size()) return sum;
    sign = formula[end] == '+' ? 1 : -1;
    formula.remove_prefix(end + 1);
  }
}

StatusOr<PublishedWork> ParsePublished(std::string_view toml, std::string_view where) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Parse(toml, where));
  return ReadWork(file, std::string(where));
}

StatusOr<PublishedWork> ReadPublished(const std::filesystem::path& path) {
  LUTRA_ASSIGN_OR_RETURN(const TomlFile file, TomlFile::Read(path));
  return ReadWork(file, path.stem().string());
}

}  // namespace lutra
