// An append-only log of lines of one length, such as the tapes that are consumed. What was appended
// is on the disk; what a crash cut short is told from what was damaged.
//
//   lutra-log/1 NAME STORE        and a checksum
//   TEXT CHECKSUM                 one line an entry
//
// CHECKSUM is the XXH3-64 of the text in 16 hexadecimal digits, seeded with that of the line
// before: a line that was taken out or changed is found out.
#ifndef LUTRA_CLUSTER_DURABLE_LOG_H_
#define LUTRA_CLUSTER_DURABLE_LOG_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/status.h"

namespace lutra {

class DurableLog {
 public:
  // What a log is for, which store it belongs to, and how long the text of each entry is.
  struct Format {
    std::string_view name;
    std::string store;
    size_t entry_bytes;
  };

  // Makes an empty log, of mode 0600, in place of whatever is there.
  static Status Create(const std::filesystem::path& path, const Format& format);
  // Opens a log, which must be there, and reads all its entries. The begin of an entry at the end,
  // which a crash in the middle of an append leaves, is cut off; anything else that is not whole is
  // an error that names file, line, expected and found, and nothing is changed.
  static StatusOr<DurableLog> Open(const std::filesystem::path& path, const Format& format);

  // Bytes of an entry that Open cut off; 0 if the log was whole.
  int64_t torn_bytes() const { return torn_bytes_; }

  // In the order in which they were appended.
  const std::vector<std::string>& entries() const { return entries_; }
  // When it returns OK the entries are on the disk; when not, none of them counts, and a later
  // append may work. Entries are of the log's length and printable.
  Status Append(std::span<const std::string> texts);
  Status Append(const std::string& text) { return Append(std::span(&text, 1)); }

 private:
  DurableLog(OpenFile file, size_t entry_bytes)
      : file_(std::move(file)), entry_bytes_(entry_bytes) {}
  Status Load(std::string_view content, const Format& format);

  OpenFile file_;
  size_t entry_bytes_;
  std::vector<std::string> entries_;
  int64_t size_ = 0;      // of what is whole
  uint64_t last_ = 0;     // checksum
  bool damaged_ = false;  // bytes beyond size_ may be there
  int64_t torn_bytes_ = 0;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_DURABLE_LOG_H_
