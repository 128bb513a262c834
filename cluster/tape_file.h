// A role's part of a tape, as a file or a stream of records.
//
//   record 0      header: magic "LUTRATAP", version (u32), role (u32), program digest, tape id,
//                 number (u64), words (u64), chunk (u64), which keys (u32), 0 (u32), the keys d1,
//                 d2, g0, g1 (16 bytes each; 0 where the role does not hold it)
//   record 1..    the words of TapeLayout's stream, `chunk` bytes each, the last one what is left
//
// Each record is followed by its XXH3-128 (16 bytes, canonical), that of a chunk seeded with the
// header's and the chunk's position: a part that was put together from several is found out like a
// flipped bit. Numbers are little endian. P0's part has no words. A part is a secret at rest: it
// holds keys.
#ifndef LUTRA_CLUSTER_TAPE_FILE_H_
#define LUTRA_CLUSTER_TAPE_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/file.h"
#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/role.h"

namespace lutra {

// The keys of the dealer; no others are in a tape.
inline constexpr std::array kDealerKeys = {KeyName::kD1, KeyName::kD2, KeyName::kG0, KeyName::kG1};

// What a part says before its words. The keys are wiped when it goes.
struct TapeHeader {
  static constexpr int64_t kChunkBytes = int64_t{1} << 18;
  static constexpr int64_t kMaxChunkBytes = int64_t{1} << 24;

  Digest program;
  Identifier tape;
  Role role = Role::kP0;  // P0, P1, P2
  uint64_t number = 0;  // the how manyth of this program the dealer has dealt, from 0: their order
  int64_t words = 0;    // bytes of the stream
  int64_t chunk = kChunkBytes;
  LongTermKeys keys;  // those of kDealerKeys that the role holds

  TapeHeader() = default;
  TapeHeader(const TapeHeader&) = default;
  TapeHeader& operator=(const TapeHeader&) = default;
  ~TapeHeader();

  int64_t chunks() const { return (words + chunk - 1) / chunk; }
  // Of the whole part, checksums included.
  int64_t file_bytes() const;
  // "00000007-<tape id>.tape": names in a folder sort as they were dealt.
  std::string FileName() const;
};

// A part in a folder.
struct TapeEntry {
  Identifier tape;
  uint64_t number = 0;
  int64_t file_bytes = 0;
  friend bool operator==(const TapeEntry&, const TapeEntry&) = default;
};
// What a file's name says of it; an error unless it is one that TapeHeader::FileName makes.
StatusOr<TapeEntry> ParseTapeName(std::string_view name);

using TapeChecksum = std::array<std::byte, 16>;
inline constexpr size_t kTapeHeaderBytes = 160;  // without its checksum

// Takes the records of a part one after the other, header first.
using TapeSink =
    std::function<Status(std::span<const std::byte> record, const TapeChecksum& checksum)>;

// Cuts a stream of words into the records of a part.
class TapeEncoder {
 public:
  TapeEncoder(TapeHeader header, TapeSink sink);
  const TapeHeader& header() const { return header_; }
  // The next words. Whole chunks go to the sink as they lie, without a copy.
  Status Append(std::span<const std::byte> words);
  // The end. It is a bug to end before all words were appended, or to append more.
  Status Finish();

 private:
  Status Begin();
  Status Emit(std::span<const std::byte> chunk);

  TapeHeader header_;
  TapeSink sink_;
  bool begun_ = false;
  uint64_t seed_ = 0;
  int64_t next_ = 0;             // chunk
  int64_t position_ = 0;         // of the words appended
  std::vector<std::byte> rest_;  // of a chunk that is not whole yet
};

// Checks the records of a part one after the other.
class TapeDecoder {
 public:
  // `where` names the part in errors.
  explicit TapeDecoder(std::string where) : where_(std::move(where)) {}
  // A record with its checksum behind it, header first: an error names where and at which offset of
  // the part. Whether that was the last is `finished`.
  Status Add(std::span<const std::byte> record);
  Status Add(std::span<const std::byte> record, const TapeChecksum& checksum);

  bool has_header() const { return has_header_; }
  const TapeHeader& header() const { return header_; }
  bool finished() const { return has_header_ && next_ == header_.chunks(); }
  // Of the next record, without its checksum.
  int64_t next_bytes() const;
  // Where in the part the next record starts.
  int64_t offset() const;

 private:
  Status AddHeader(std::span<const std::byte> record, const TapeChecksum& checksum);

  std::string where_;
  TapeHeader header_;
  bool has_header_ = false;
  uint64_t seed_ = 0;
  int64_t next_ = 0;  // chunk
};

// Writes a part as a file of mode 0600, which has its name only when it is whole and on the disk;
// else nothing of it is left.
class TapeWriter {
 public:
  // The file is folder / header.FileName().
  static StatusOr<std::unique_ptr<TapeWriter>> Create(const std::filesystem::path& folder,
                                                      const TapeHeader& header);
  Status Append(std::span<const std::byte> words) { return encoder_.Append(words); }
  Status Finish();

 private:
  TapeWriter(NewFile file, const TapeHeader& header);
  NewFile file_;
  TapeEncoder encoder_;
};

// Reads a part from its begin to its end. Every byte is checked before it is handed out; an error
// names file and offset. Reads, and never maps: a file that shrinks meanwhile is an error too.
class TapeReader {
 public:
  // Checks permissions (0600 in a folder of mode 0700, both the process's own), header, and that
  // the file has the length that the header says.
  static StatusOr<TapeReader> Open(const std::filesystem::path& path);

  const TapeHeader& header() const { return decoder_.header(); }
  const std::filesystem::path& path() const { return file_.path(); }
  // An error that names expected and found when the part is of another program, role or tape.
  Status Expect(const Digest& program, Role role) const;
  Status Expect(const Digest& program, Role role, const Identifier& tape) const;

  // The next words of the stream: as many as there is room for; an error where fewer are left.
  Status Read(std::span<std::byte> words);
  Status Read(int64_t bytes, Buffer& words);
  int64_t words_left() const { return header().words - position_; }

  // For handing the part on instead of reading words: the next record, checked, with its checksum
  // behind it; the header first, nothing after the last. Not to be mixed with Read.
  StatusOr<std::vector<std::byte>> NextRecord();

 private:
  TapeReader(OpenFile file, std::string where) : file_(std::move(file)), decoder_(where) {}
  Status ReadChunk(std::span<std::byte> chunk);

  OpenFile file_;
  TapeDecoder decoder_;
  int64_t position_ = 0;          // of the words handed out
  std::vector<std::byte> chunk_;  // of which only a part was handed out
  size_t used_ = 0;               // of chunk_
  bool header_sent_ = false;
};

}  // namespace lutra

#endif  // LUTRA_CLUSTER_TAPE_FILE_H_
