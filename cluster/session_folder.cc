#include "cluster/session_folder.h"

#include <algorithm>
#include <cereal/types/map.hpp>
#include <cereal/types/string.hpp>
#include <charconv>
#include <span>
#include <string_view>
#include <utility>

#include "cluster/section_file.h"
#include "cluster/store_directory.h"
#include "core/archive.h"
#include "core/file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr SectionFormat kFormat{"LUTRASES", 2, "a session"};

struct StoredSession {
  std::array<uint8_t, 16> session{}, model{}, tape{};
  std::array<uint8_t, 32> program{};
  std::array<double, kPhases.size()> seconds{};
  std::map<std::string, int64_t> counters;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::binary_data(session.data(), session.size()),
            cereal::binary_data(model.data(), model.size()),
            cereal::binary_data(tape.data(), tape.size()),
            cereal::binary_data(program.data(), program.size()));
    for (double& phase : seconds) archive(phase);
    archive(counters);
  }
};

// The files of a folder, in their order.
StatusOr<std::vector<fs::path>> SessionFiles(const fs::path& folder) {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (name.ends_with(kSessionExtension)) files.push_back(folder / name);
  }
  return files;
}

}  // namespace

StatusOr<SessionFolder> SessionFolder::Open(const fs::path& path) {
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(path));
  SessionFolder folder(path);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(path));
  for (const std::string& name : names) {
    uint64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    folder.next_ = std::max(folder.next_, number + 1);
  }
  return folder;
}

Status SessionFolder::Add(const SessionRecord& session) {
  StoredSession stored;
  stored.session = session.session.bytes;
  stored.model = session.model.bytes;
  stored.tape = session.tape.bytes;
  stored.program = session.program.bytes;
  stored.seconds = session.seconds;
  stored.counters = session.counters;
  const std::vector<std::byte> header = WriteArchive(stored);
  const std::vector<std::byte> ledger = WriteLedger(session.ledger);
  const std::vector<std::byte> trace = WriteTrace(session.trace);
  const std::array<std::span<const std::byte>, 3> sections = {header, ledger, trace};
  std::string number = StrCat(next_);
  number.insert(0, number.size() < 8 ? 8 - number.size() : 0, '0');
  const std::string name = StrCat(number, "-", session.session.Hex(), kSessionExtension);
  LUTRA_RETURN_IF_ERROR(WriteSections(path_ / name, kFormat, sections));
  ++next_;
  return absl::OkStatus();
}

StatusOr<std::vector<Identifier>> SessionFolder::Sessions() const {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<fs::path> files, SessionFiles(path_));
  std::vector<Identifier> sessions;
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string();
    const StatusOr<Identifier> id = ParseIdentifier(stem.substr(stem.find('-') + 1), stem);
    if (id.ok()) sessions.push_back(*id);
  }
  return sessions;
}

StatusOr<SessionRecord> SessionFolder::Load(const Identifier& session) const {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<fs::path> files, SessionFiles(path_));
  const std::string end = StrCat("-", session.Hex());
  const auto file = std::find_if(files.begin(), files.end(), [&](const fs::path& each) {
    return each.stem().string().ends_with(end);
  });
  if (file != files.end()) return ReadSessionRecord(*file);
  return absl::NotFoundError(
      StrCat("'", path_.string(), "': session ", session.Hex(), ": no record of it"));
}

StatusOr<SessionRecord> ReadSessionRecord(const fs::path& file) {
  const std::string where = StrCat("'", file.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(const auto sections, ReadSections(file, kFormat, Secrecy::kSecret));
  if (sections.size() != 3) {
    return InvalidArgument(where, ": expected 3 sections, found ", sections.size());
  }
  LUTRA_ASSIGN_OR_RETURN(const StoredSession stored,
                         ReadArchive<StoredSession>(sections[0], where));
  SessionRecord record;
  record.session.bytes = stored.session;
  record.model.bytes = stored.model;
  record.tape.bytes = stored.tape;
  record.program.bytes = stored.program;
  record.seconds = stored.seconds;
  record.counters = stored.counters;
  LUTRA_ASSIGN_OR_RETURN(record.ledger, ReadLedger(sections[1], where));
  LUTRA_ASSIGN_OR_RETURN(record.trace, ReadTrace(sections[2], where));
  return record;
}

}  // namespace lutra
