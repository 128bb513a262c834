// Parts of tapes: what was written comes back in windows of any size, and nothing else ever does.
#include "cluster/tape_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "tests/support/folder.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TapeHeader SomeHeader(Role role, int64_t words, int64_t chunk, uint64_t seed = 1) {
  TapeHeader header;
  header.program.bytes.fill(static_cast<uint8_t>(7));
  header.tape = IdentifierFromSeed(seed, "tape id", 1);
  header.role = role;
  header.number = 12;
  header.words = words;
  header.chunk = chunk;
  for (const KeyName name : kDealerKeys) {
    if (!Holds(role, name)) continue;
    header.keys.keys[static_cast<size_t>(name)] =
        LongTermKeysFromSeed(seed).keys[static_cast<size_t>(name)];
  }
  return header;
}

fs::path WritePart(const fs::path& folder, const TapeHeader& header,
                   std::span<const std::byte> words, size_t piece) {
  auto writer = TapeWriter::Create(folder, header);
  REQUIRE(writer.ok());
  for (size_t at = 0; at < words.size(); at += piece) {
    REQUIRE((*writer)->Append(words.subspan(at, std::min(piece, words.size() - at))).ok());
  }
  const Status status = (*writer)->Finish();
  INFO(OneLine(status));
  REQUIRE(status.ok());
  return folder / header.FileName();
}

// All words, in windows of this size; what was handed out before an error is in `words`.
Status ReadAll(const fs::path& path, size_t window, std::vector<std::byte>& words) {
  LUTRA_ASSIGN_OR_RETURN(TapeReader reader, TapeReader::Open(path));
  Buffer buffer;
  while (reader.words_left() > 0) {
    const auto bytes = std::min(static_cast<int64_t>(window), reader.words_left());
    LUTRA_RETURN_IF_ERROR(reader.Read(bytes, buffer));
    words.insert(words.end(), buffer.bytes().begin(), buffer.bytes().end());
  }
  return absl::OkStatus();
}

TEST_CASE("Words come back in windows of any size, however they were appended", "[store][tape]") {
  const std::vector<std::byte> words = RandomBytes(1000, 1);
  std::vector<std::byte> file;
  for (const size_t piece : {1u, 63u, 64u, 65u, 200u, 1000u}) {
    const Folder folder;
    const fs::path path = WritePart(folder.path(), SomeHeader(Role::kP1, 1000, 64), words, piece);
    CHECK(Entries(folder.path()) == 1);
    if (file.empty()) file = Content(path);
    CHECK(Content(path) == file);
    for (const size_t window : {1u, 7u, 63u, 64u, 65u, 128u, 333u, 1000u}) {
      std::vector<std::byte> read;
      CHECK(ReadAll(path, window, read).ok());
      CHECK(read == words);
    }
  }
}

TEST_CASE("The header says whose part of what it is", "[store][tape]") {
  const Folder folder;
  for (const Role role : kParties) {
    const int64_t size = role == Role::kP0 ? 0 : 10;
    const TapeHeader header = SomeHeader(role, size, TapeHeader::kChunkBytes);
    const fs::path path =
        WritePart(folder.path(), header, RandomBytes(static_cast<size_t>(size), 1), 100);
    const StatusOr<TapeReader> reader = TapeReader::Open(path);
    INFO(OneLine(reader.status()));
    REQUIRE(reader.ok());
    CHECK(reader->header().program == header.program);
    CHECK(reader->header().tape == header.tape);
    CHECK(reader->header().role == role);
    CHECK(reader->header().number == 12);
    CHECK(reader->header().words == size);
    CHECK(reader->header().keys.keys == header.keys.keys);
    CHECK(static_cast<int64_t>(fs::file_size(path)) == header.file_bytes());
    CHECK(reader->Expect(header.program, role, header.tape).ok());
    Digest other = header.program;
    other.bytes[0] = 0;
    const Status program = reader->Expect(other, role);
    CHECK(Mentions(program, other.Hex()));
    CHECK(Mentions(program, header.program.Hex()));
    const Status tape = reader->Expect(header.program, role, Identifier{});
    CHECK(Mentions(tape, Identifier{}.Hex()));
    CHECK(Mentions(tape, header.tape.Hex()));
    CHECK(Mentions(reader->Expect(header.program, role == Role::kP1 ? Role::kP2 : Role::kP1),
                   StrCat("found ", Name(role))));
    fs::remove(path);
  }
}

TEST_CASE("Any flipped bit is found before it is used", "[store][tape]") {
  const Folder folder;
  const std::vector<std::byte> words = RandomBytes(300, 2);
  const fs::path path = WritePart(folder.path(), SomeHeader(Role::kP2, 300, 64), words, 300);
  const std::vector<std::byte> good = Content(path);
  for (size_t at = 0; at < good.size(); ++at) {
    std::vector<std::byte> bad = good;
    bad[at] ^= static_cast<std::byte>(1 << (at % 8));
    Put(path, bad);
    for (const size_t window : {17u, 300u}) {
      std::vector<std::byte> read;
      const Status status = ReadAll(path, window, read);
      if (status.ok()) FAIL("byte " << at << " flipped and nobody saw it");
      CHECK(Mentions(status, path.string()));
      if (at >= kTapeHeaderBytes + 16) CHECK(Mentions(status, "offset "));
      if (!std::equal(read.begin(), read.end(), words.begin())) {
        FAIL("byte " << at << " flipped: wrong words were handed out");
      }
    }
  }
  Put(path, good);
  std::vector<std::byte> read;
  CHECK(ReadAll(path, 300, read).ok());
}

TEST_CASE("A part of any other length is refused when it is opened", "[store][tape]") {
  const Folder folder;
  const fs::path path =
      WritePart(folder.path(), SomeHeader(Role::kP1, 200, 64), RandomBytes(200, 3), 200);
  std::vector<std::byte> bytes = Content(path);
  for (size_t size = 0; size < bytes.size(); ++size) {
    Put(path, std::span(bytes).first(size));
    const Status status = TapeReader::Open(path).status();
    if (!Mentions(status, "truncated")) FAIL("accepted at length " << size);
  }
  bytes.push_back(std::byte{0});
  Put(path, bytes);
  CHECK(Mentions(TapeReader::Open(path).status(),
                 StrCat("too long: expected ", bytes.size() - 1, " bytes, found ", bytes.size())));
}

TEST_CASE("A part that was put together from others is found out", "[store][tape]") {
  const Folder folder, other_folder;
  const std::vector<std::byte> words = RandomBytes(256, 4);
  const fs::path path = WritePart(folder.path(), SomeHeader(Role::kP1, 256, 64), words, 256);
  const std::vector<std::byte> good = Content(path);
  const size_t first = kTapeHeaderBytes + 16;
  SECTION("chunks that change places") {
    std::vector<std::byte> bad = good;
    std::swap_ranges(bad.begin() + first, bad.begin() + first + 80, bad.begin() + first + 80);
    Put(path, bad);
  }
  SECTION("a chunk of another tape of the same words") {
    const fs::path other =
        WritePart(other_folder.path(), SomeHeader(Role::kP1, 256, 64, /*seed=*/2), words, 256);
    const std::vector<std::byte> foreign = Content(other);
    std::vector<std::byte> bad = good;
    std::copy_n(foreign.begin() + first, 80, bad.begin() + first);
    Put(path, bad);
  }
  std::vector<std::byte> read;
  CHECK(Mentions(ReadAll(path, 64, read), StrCat("offset ", first, ": damaged")));
  CHECK(read.empty());
}

TEST_CASE("Magic and version are named", "[store][tape]") {
  const Folder folder;
  const fs::path path =
      WritePart(folder.path(), SomeHeader(Role::kP1, 10, 64), RandomBytes(10, 5), 10);
  std::vector<std::byte> bytes = Content(path);
  bytes[8] = std::byte{9};
  Put(path, bytes);
  CHECK(Mentions(TapeReader::Open(path).status(), "version: expected 1, found 9"));
  bytes[0] = std::byte{'X'};
  Put(path, bytes);
  CHECK(Mentions(TapeReader::Open(path).status(), "magic: expected a part of a tape"));
}

TEST_CASE("What others may read is no part of a tape", "[store][tape]") {
  const Folder folder;
  const fs::path path =
      WritePart(folder.path(), SomeHeader(Role::kP1, 10, 64), RandomBytes(10, 5), 10);
  CHECK((fs::status(path).permissions() & fs::perms::mask) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  CHECK(Mentions(TapeReader::Open(path).status(), "permissions: expected 0600"));
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  REQUIRE(chmod(folder.path().c_str(), 0711) == 0);
  CHECK(Mentions(TapeReader::Open(path).status(), "permissions: expected 0700"));
  REQUIRE(chmod(folder.path().c_str(), 0700) == 0);
  CHECK(TapeReader::Open(path).ok());
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(Mentions(TapeReader::Open(folder / "pipe").status(), "not a regular file"));
  CHECK(absl::IsNotFound(TapeReader::Open(folder / "missing").status()));
}

TEST_CASE("A part that shrinks or changes while it is read is an error", "[store][tape]") {
  const Folder folder;
  const std::vector<std::byte> words = RandomBytes(640, 6);
  const fs::path path = WritePart(folder.path(), SomeHeader(Role::kP1, 640, 64), words, 640);
  StatusOr<TapeReader> reader = TapeReader::Open(path);
  REQUIRE(reader.ok());
  std::vector<std::byte> window(100);
  REQUIRE(reader->Read(window).ok());
  REQUIRE(truncate(path.c_str(), 400) == 0);
  std::vector<std::byte> rest(540);
  const Status status = reader->Read(rest);
  CHECK(Mentions(status, "ends early"));
  // An error does not become words by asking again.
  CHECK(!reader->Read(rest).ok());
  CHECK(!TapeReader::Open(path).ok());
}

TEST_CASE("More words than there are is an error", "[store][tape]") {
  const Folder folder;
  const fs::path path =
      WritePart(folder.path(), SomeHeader(Role::kP1, 100, 64), RandomBytes(100, 7), 100);
  StatusOr<TapeReader> reader = TapeReader::Open(path);
  REQUIRE(reader.ok());
  Buffer words;
  CHECK(Mentions(reader->Read(101, words), "expected 101 more bytes of words, found 100"));
  CHECK(reader->Read(100, words).ok());
  CHECK(!reader->Read(1, words).ok());
  CHECK(reader->Read(0, words).ok());
}

TEST_CASE("Records hand a part on, and only whole ones in order", "[store][tape]") {
  const Folder folder;
  const std::vector<std::byte> words = RandomBytes(200, 8);
  const fs::path path = WritePart(folder.path(), SomeHeader(Role::kP1, 200, 64), words, 200);
  StatusOr<TapeReader> reader = TapeReader::Open(path);
  REQUIRE(reader.ok());
  std::vector<std::vector<std::byte>> records;
  std::vector<std::byte> all;
  for (;;) {
    const auto record = reader->NextRecord();
    REQUIRE(record.ok());
    if (record->empty()) break;
    records.push_back(*record);
    all.insert(all.end(), record->begin(), record->end());
  }
  CHECK(records.size() == 5);
  CHECK(all == Content(path));
  TapeDecoder decoder("somebody");
  for (const auto& record : records) {
    CHECK(!decoder.finished());
    CHECK(static_cast<int64_t>(record.size()) == decoder.next_bytes() + 16);
    CHECK(decoder.Add(record).ok());
  }
  CHECK(decoder.finished());
  CHECK(Mentions(decoder.Add(records[1]), "somebody: offset "));

  TapeDecoder twisted("somebody");
  CHECK(!twisted.Add(records[1]).ok());
  CHECK(twisted.Add(records[0]).ok());
  CHECK(Mentions(twisted.Add(records[2]), "damaged"));
  CHECK(!twisted.Add({}).ok());
  CHECK(!twisted.Add(std::span(records[1]).first(79)).ok());
  CHECK(!twisted.finished());
  // The file that goes bad after the reader opened it is found record by record too.
  StatusOr<TapeReader> again = TapeReader::Open(path);
  std::vector<std::byte> bad = all;
  bad[kTapeHeaderBytes + 16 + 5] ^= std::byte{4};
  const int file = open(path.c_str(), O_WRONLY);
  REQUIRE(pwrite(file, bad.data(), bad.size(), 0) == static_cast<ssize_t>(bad.size()));
  close(file);
  CHECK(again->NextRecord().ok());
  CHECK(Mentions(again->NextRecord().status(), "damaged"));
}

TEST_CASE("A part that was not finished leaves nothing", "[store][tape]") {
  const Folder folder;
  const TapeHeader header = SomeHeader(Role::kP1, 100000, 4096);
  {
    auto writer = TapeWriter::Create(folder.path(), header);
    REQUIRE(writer.ok());
    CHECK((*writer)->Append(RandomBytes(50000, 9)).ok());
    CHECK(!fs::exists(folder / header.FileName()));
  }
  CHECK(Entries(folder.path()) == 0);
  {
    const FileSizeLimit limit(20000);
    auto writer = TapeWriter::Create(folder.path(), header);
    REQUIRE(writer.ok());
    const Status status = (*writer)->Append(RandomBytes(100000, 9));
    CHECK(Mentions(status, "cannot write"));
    CHECK(Mentions(status, header.FileName()));
  }
  CHECK(Entries(folder.path()) == 0);
}

// A checksum can be made by anybody: fields that lie must not make a reader fall.
TEST_CASE("A spoiled header under a right checksum is an error or a header", "[store][tape]") {
  const Folder folder;
  const fs::path path =
      WritePart(folder.path(), SomeHeader(Role::kP1, 200, 64), RandomBytes(200, 3), 200);
  const std::vector<std::byte> good = Content(path);
  std::mt19937_64 random(1);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::byte> header(good.begin(), good.begin() + kTapeHeaderBytes);
    const size_t at = 12 + static_cast<size_t>(random()) % (header.size() - 12);
    for (size_t i = at; i < std::min(header.size(), at + 1 + static_cast<size_t>(round % 9)); ++i) {
      header[i] = round % 2 == 0 ? std::byte{0xff} : static_cast<std::byte>(random());
    }
    TapeChecksum checksum;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(header.data(), header.size()));
    std::memcpy(checksum.data(), canonical.digest, checksum.size());
    TapeDecoder decoder("spoiled");
    const Status status = decoder.Add(header, checksum);
    refused += status.ok() ? 0 : 1;
    if (!status.ok()) {
      CHECK(Mentions(status, "spoiled: "));
      continue;
    }
    CHECK(decoder.header().file_bytes() > 0);
    CHECK(decoder.next_bytes() <= TapeHeader::kMaxChunkBytes);
    CHECK(decoder.next_bytes() > 0);
  }
  CHECK(refused > 500);
  CHECK(refused < 4000);
}

TEST_CASE("Names of parts say number and id, and sort by number", "[store][tape]") {
  const TapeHeader header = SomeHeader(Role::kP1, 0, 64);
  CHECK(header.FileName() == "00000012-" + header.tape.Hex() + ".tape");
  const StatusOr<TapeEntry> entry = ParseTapeName(header.FileName());
  REQUIRE(entry.ok());
  CHECK(entry->tape == header.tape);
  CHECK(entry->number == 12);
  TapeHeader large = header;
  large.number = 123456789012;
  CHECK(ParseTapeName(large.FileName())->number == large.number);
  const std::string hex = header.tape.Hex();
  for (const std::string& wrong :
       {std::string(), std::string("a"), "12-" + hex + ".tape", "00000012-" + hex,
        "00000012-" + hex + "0.tape", "00000012-" + hex.substr(1) + ".tape",
        "0000001x-" + hex + ".tape", "-0000012-" + hex + ".tape",
        "00000012-" + hex.substr(0, 31) + "g.tape", "99999999999999999999999-" + hex + ".tape"}) {
    INFO(wrong);
    CHECK(!ParseTapeName(wrong).ok());
  }
}

}  // namespace
}  // namespace lutra
