#include "cluster/durable_log.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace lutra {
namespace {

constexpr std::string_view kVersion = "lutra-log/1";
constexpr size_t kChecksumDigits = 16;

uint64_t ChecksumOf(std::string_view text, uint64_t before) {
  return XXH3_64bits_withSeed(text.data(), text.size(), before);
}

std::string Hex(uint64_t value) {
  std::array<char, kChecksumDigits + 1> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value));
  return digits.data();
}

// "TEXT CHECKSUM" and a line feed. `checksum` is that of the line before, and becomes this one's.
std::string LineOf(std::string_view text, uint64_t& checksum) {
  checksum = ChecksumOf(text, checksum);
  return StrCat(text, " ", Hex(checksum), "\n");
}

std::string HeaderText(const DurableLog::Format& format) {
  return StrCat(kVersion, " ", format.name, " ", format.store);
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// For messages: what a damaged file holds may be anything.
std::string Printable(std::string_view text) {
  std::string result(text.substr(0, 80));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return result;
}

// What a line of this text expects behind it.
Status CheckLine(std::string_view line, std::string_view text, uint64_t& checksum) {
  const std::string expected = LineOf(text, checksum);
  if (line == expected && IsPrintable(text)) return absl::OkStatus();
  return absl::DataLossError(
      StrCat("damaged: expected the checksum ", Hex(checksum), " behind what is there, found '",
             Printable(line.substr(std::min(line.size(), text.size()))), "'"));
}

}  // namespace

Status DurableLog::Create(const std::filesystem::path& path, const Format& format) {
  uint64_t checksum = 0;
  LUTRA_RETURN_IF_ERROR(WriteFile(path, LineOf(HeaderText(format), checksum), kSecretMode));
  return SyncDirectory(path.parent_path());
}

StatusOr<DurableLog> DurableLog::Open(const std::filesystem::path& path, const Format& format) {
  LUTRA_RETURN_IF_ERROR(CheckPrivate(path));
  LUTRA_ASSIGN_OR_RETURN(OpenFile file, OpenFile::Open(path, O_RDWR | O_APPEND | O_NONBLOCK));
  LUTRA_ASSIGN_OR_RETURN(const int64_t size, file.Size());
  std::string content(static_cast<size_t>(size), '\0');
  LUTRA_RETURN_IF_ERROR(file.ReadAt(0, std::as_writable_bytes(std::span(content))));
  DurableLog log(std::move(file), format.entry_bytes);
  const Status status = log.Load(content, format);
  if (!status.ok()) return Annotate(status, StrCat("'", path.string(), "'"));
  log.torn_bytes_ = size - log.size_;
  if (log.torn_bytes_ == 0) return log;
  LUTRA_RETURN_IF_ERROR(log.file_.Truncate(log.size_));
  LUTRA_RETURN_IF_ERROR(log.file_.Sync());
  return log;
}

Status DurableLog::Load(std::string_view content, const Format& format) {
  const std::string expected = HeaderText(format);
  const std::string_view header = content.substr(0, content.find('\n'));
  const std::string_view text =
      header.substr(0, std::max(header.size(), kChecksumDigits + 1) - (kChecksumDigits + 1));
  if (text != expected) {
    return InvalidArgument("line 1: expected '", expected, "', found '", Printable(text), "'");
  }
  const size_t header_bytes = std::min(content.size(), header.size() + 1);
  LUTRA_RETURN_IF_ERROR(
      Annotate(CheckLine(content.substr(0, header_bytes), expected, last_), "line 1"));
  content.remove_prefix(header_bytes);
  size_ = static_cast<int64_t>(header_bytes);
  // Some file systems leave zeros where a write did not get to; no entry has any.
  while (content.ends_with('\0')) content.remove_suffix(1);
  const size_t line_bytes = entry_bytes_ + 1 + kChecksumDigits + 1;
  for (size_t line = 2; content.size() >= line_bytes; ++line) {
    const std::string_view entry = content.substr(0, entry_bytes_);
    LUTRA_RETURN_IF_ERROR(
        Annotate(CheckLine(content.substr(0, line_bytes), entry, last_), StrCat("line ", line)));
    entries_.emplace_back(entry);
    size_ += static_cast<int64_t>(line_bytes);
    content.remove_prefix(line_bytes);
  }
  return absl::OkStatus();
}

Status DurableLog::Append(std::span<const std::string> texts) {
  if (texts.empty()) return absl::OkStatus();
  if (damaged_) {
    LUTRA_RETURN_IF_ERROR(file_.Truncate(size_));
    damaged_ = false;
  }
  std::string lines;
  uint64_t last = last_;
  for (const std::string& text : texts) {
    LUTRA_CHECK(text.size() == entry_bytes_ && IsPrintable(text));
    lines += LineOf(text, last);
  }
  Status status = file_.Write(std::as_bytes(std::span(lines)));
  if (status.ok()) status = file_.Sync();
  if (!status.ok()) {
    // What went half-way does not count; if it cannot be cut off now, then before the next append.
    damaged_ = !file_.Truncate(size_).ok();
    return status;
  }
  size_ += static_cast<int64_t>(lines.size());
  last_ = last;
  entries_.insert(entries_.end(), texts.begin(), texts.end());
  return absl::OkStatus();
}

}  // namespace lutra
