#include "cluster/dealer_store.h"

#include <algorithm>
#include <cereal/types/array.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "cluster/section_file.h"
#include "cluster/tensor_file.h"
#include "core/archive.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigestDigits = 64;
constexpr size_t kIdentifierDigits = 32;
constexpr std::string_view kProgramExtension = ".program";
constexpr std::string_view kTablesExtension = ".tables";
constexpr SectionFormat kLedgerFormat{"LUTRALED", 2, "a ledger"};

// A DealRecord without the ledger, which is a section of its own.
struct StoredRecord {
  std::array<uint8_t, 16> tape{};
  std::array<uint8_t, 32> program{};
  uint64_t number = 0;
  double seconds = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(tape, program, number, seconds);
  }
};

Status WriteRecord(const fs::path& path, const DealRecord& record) {
  const std::vector<std::byte> header = WriteArchive(
      StoredRecord{record.tape.bytes, record.program.bytes, record.number, record.seconds});
  const std::vector<std::byte> ledger = WriteLedger(record.ledger);
  const std::vector<std::byte> trace = WriteTrace(record.trace);
  const std::array<std::span<const std::byte>, 3> sections = {header, ledger, trace};
  return WriteSections(path, kLedgerFormat, sections);
}

DurableLog::Format DealtFormat(const StoreDirectory& directory) {
  return {"dealt", directory.id().Hex(), kDigestDigits + 1 + kIdentifierDigits};
}

Status CreateStore(const StoreDirectory& directory) {
  for (const char* folder : {"programs", "ledgers", "p0", "p1", "p2"}) {
    LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(directory.path() / folder));
  }
  return DurableLog::Create(directory.path() / "dealt", DealtFormat(directory));
}

}  // namespace

DealerStore::DealerStore(StoreDirectory directory, DurableLog dealt)
    : directory_(std::move(directory)), dealt_log_(std::move(dealt)) {}

StatusOr<std::unique_ptr<DealerStore>> DealerStore::Open(const fs::path& path) {
  LUTRA_ASSIGN_OR_RETURN(StoreDirectory directory,
                         StoreDirectory::Open(path, Role::kDealer, CreateStore));
  LUTRA_ASSIGN_OR_RETURN(DurableLog dealt,
                         DurableLog::Open(path / "dealt", DealtFormat(directory)));
  std::unique_ptr<DealerStore> store(new DealerStore(std::move(directory), std::move(dealt)));
  LUTRA_RETURN_IF_ERROR(store->Load());
  return store;
}

Status DealerStore::Load() {
  for (const std::string& entry : dealt_log_.entries()) {
    LUTRA_ASSIGN_OR_RETURN(const Digest program,
                           ParseDigest(entry.substr(0, kDigestDigits), "dealt"));
    LUTRA_ASSIGN_OR_RETURN(const Identifier tape,
                           ParseIdentifier(entry.substr(kDigestDigits + 1), "dealt"));
    ++counts_[program];
    dealt_.insert(tape);
  }
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(path() / "programs"));
  LUTRA_RETURN_IF_ERROR(RemoveTemporaries(path() / "programs"));
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(path() / "ledgers"));
  LUTRA_RETURN_IF_ERROR(RemoveTemporaries(path() / "ledgers"));
  LUTRA_RETURN_IF_ERROR(RemoveOrphanedLedgers());
  for (const Role role : kParties) {
    const fs::path folder = path() / Name(role);
    LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(folder));
    LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> programs, NamesIn(folder));
    for (const std::string& program : programs) {
      LUTRA_RETURN_IF_ERROR(RemoveHalfDealt(folder / program));
    }
  }
  return absl::OkStatus();
}

Status DealerStore::RemoveHalfDealt(const fs::path& folder) {
  LUTRA_RETURN_IF_ERROR(RemoveTemporaries(folder));
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  for (const std::string& name : names) {
    const StatusOr<TapeEntry> entry = ParseTapeName(name);
    if (!entry.ok() || dealt_.contains(entry->tape)) continue;
    LUTRA_RETURN_IF_ERROR(RemoveFile(folder / name));
    ++removed_parts_;
  }
  return absl::OkStatus();
}

Status DealerStore::RemoveOrphanedLedgers() {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(path() / "ledgers"));
  for (const std::string& name : names) {
    if (!name.ends_with(kLedgerExtension)) continue;
    const StatusOr<Identifier> tape = ParseIdentifier(
        std::string_view(name).substr(0, name.size() - kLedgerExtension.size()), name);
    if (!tape.ok() || dealt_.contains(*tape)) continue;
    LUTRA_RETURN_IF_ERROR(RemoveFile(path() / "ledgers" / name));
  }
  return absl::OkStatus();
}

fs::path DealerStore::LedgerPath(const Identifier& tape) const {
  return path() / "ledgers" / StrCat(tape.Hex(), kLedgerExtension);
}

fs::path DealerStore::Folder(Role role, const Digest& program) const {
  return path() / Name(role) / program.Hex();
}

Status DealerStore::AddProgram(const Program& program, const TableContents& tables) {
  const std::string name = program.digest().Hex();
  for (const Role role : kParties) {
    LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(Folder(role, program.digest())));
  }
  const std::vector<Digest> known = programs();
  if (std::find(known.begin(), known.end(), program.digest()) != known.end()) {
    return absl::OkStatus();
  }
  // The program last: it says that the tables are there.
  LUTRA_RETURN_IF_ERROR(
      WriteTables(path() / "programs" / StrCat(name, kTablesExtension), program, tables));
  LUTRA_RETURN_IF_ERROR(WriteFile(path() / "programs" / StrCat(name, kProgramExtension),
                                  WriteProgram(program), kSecretMode));
  return SyncDirectory(path() / "programs");
}

std::vector<Digest> DealerStore::programs() const {
  std::vector<Digest> programs;
  const StatusOr<std::vector<std::string>> names = NamesIn(path() / "programs");
  if (!names.ok()) return programs;
  for (const std::string& name : *names) {
    if (!name.ends_with(kProgramExtension)) continue;
    const StatusOr<Digest> digest =
        ParseDigest(std::string_view(name).substr(0, name.size() - kProgramExtension.size()), name);
    if (digest.ok()) programs.push_back(*digest);
  }
  return programs;
}

StatusOr<BuiltProgram> DealerStore::LoadProgram(const Registry& registry,
                                                const Digest& digest) const {
  const fs::path file = path() / "programs" / StrCat(digest.Hex(), kProgramExtension);
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgramFile(registry, file));
  if (program.digest() != digest) {
    return InvalidArgument("'", file.string(), "': digest: expected ", digest.Hex(), ", found ",
                           program.digest().Hex());
  }
  LUTRA_ASSIGN_OR_RETURN(
      TableContents tables,
      ReadTables(path() / "programs" / StrCat(digest.Hex(), kTablesExtension), program));
  return BuiltProgram{std::move(program), std::move(tables)};
}

uint64_t DealerStore::dealt(const Digest& program) const {
  const auto count = counts_.find(program);
  return count == counts_.end() ? 0 : count->second;
}

StatusOr<std::vector<TapeEntry>> DealerStore::Parts(Role role, const Digest& program) const {
  const fs::path folder = Folder(role, program);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  std::vector<TapeEntry> parts;
  for (const std::string& name : names) {
    StatusOr<TapeEntry> entry = ParseTapeName(name);
    if (!entry.ok() || !dealt_.contains(entry->tape)) continue;
    std::error_code error;
    entry->file_bytes = static_cast<int64_t>(fs::file_size(folder / name, error));
    if (!error) parts.push_back(*entry);
  }
  std::sort(parts.begin(), parts.end(),
            [](const TapeEntry& a, const TapeEntry& b) { return a.number < b.number; });
  return parts;
}

StatusOr<int64_t> DealerStore::Stock(const Digest& program) const {
  std::map<Identifier, size_t> parts;
  for (const Role role : kParties) {
    LUTRA_ASSIGN_OR_RETURN(const std::vector<TapeEntry> of_role, Parts(role, program));
    for (const TapeEntry& entry : of_role) ++parts[entry.tape];
  }
  return std::count_if(parts.begin(), parts.end(),
                       [](const auto& part) { return part.second == kParties.size(); });
}

StatusOr<TapeReader> DealerStore::OpenPart(Role role, const Digest& program,
                                           const Identifier& tape) const {
  if (!dealt_.contains(tape)) {
    return absl::NotFoundError(
        StrCat("'", path().string(), "': tape ", tape.Hex(), ": never dealt"));
  }
  LUTRA_ASSIGN_OR_RETURN(const fs::path file, FindPart(Folder(role, program), tape));
  LUTRA_ASSIGN_OR_RETURN(TapeReader reader, TapeReader::Open(file));
  LUTRA_RETURN_IF_ERROR(reader.Expect(program, role, tape));
  return reader;
}

Status DealerStore::RemovePart(Role role, const Digest& program, const Identifier& tape) {
  const StatusOr<fs::path> file = FindPart(Folder(role, program), tape);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  if (!file.ok()) return file.status();
  LUTRA_RETURN_IF_ERROR(RemoveFile(*file));
  return SyncDirectory(file->parent_path());
}

Status DealerStore::CheckNew(const Identifier& tape) const {
  if (!dealt_.contains(tape)) return absl::OkStatus();
  return absl::AlreadyExistsError(StrCat("'", path().string(), "': tape ", tape.Hex(),
                                         ": expected a new one, found it dealt already"));
}

Status DealerStore::AppendToLog(const Digest& program, const Identifier& tape) {
  LUTRA_RETURN_IF_ERROR(dealt_log_.Append(StrCat(program.Hex(), " ", tape.Hex())));
  ++counts_[program];
  dealt_.insert(tape);
  return absl::OkStatus();
}

Status DealerStore::RecordStream(const Digest& program, const Identifier& tape, uint64_t number) {
  LUTRA_CHECK(number == dealt(program));
  LUTRA_RETURN_IF_ERROR(CheckNew(tape));
  return AppendToLog(program, tape);
}

Status DealerStore::AddLedger(const DealRecord& record) {
  return WriteRecord(LedgerPath(record.tape), record);
}

StatusOr<DealRecord> DealerStore::LoadLedger(const Identifier& tape) const {
  const fs::path file = LedgerPath(tape);
  std::error_code error;
  if (!fs::exists(file, error)) {
    return absl::NotFoundError(StrCat("'", file.string(), "': no ledger of this tape"));
  }
  LUTRA_ASSIGN_OR_RETURN(DealRecord record, ReadDealRecord(file));
  if (record.tape == tape) return record;
  return InvalidArgument("'", file.string(), "': tape: expected ", tape.Hex(), ", found ",
                         record.tape.Hex());
}

StatusOr<DealRecord> ReadDealRecord(const fs::path& file) {
  const std::string where = StrCat("'", file.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(const auto sections, ReadSections(file, kLedgerFormat, Secrecy::kSecret));
  if (sections.size() != 3) {
    return InvalidArgument(where, ": expected 3 sections, found ", sections.size());
  }
  LUTRA_ASSIGN_OR_RETURN(const StoredRecord stored, ReadArchive<StoredRecord>(sections[0], where));
  if (!(stored.seconds >= 0) || std::isinf(stored.seconds)) {
    return InvalidArgument(where, ": seconds: expected at least 0, found ", stored.seconds);
  }
  DealRecord record{{}, {}, stored.number, stored.seconds, {}, {}};
  record.tape.bytes = stored.tape;
  record.program.bytes = stored.program;
  LUTRA_ASSIGN_OR_RETURN(record.ledger, ReadLedger(sections[1], where));
  LUTRA_ASSIGN_OR_RETURN(record.trace, ReadTrace(sections[2], where));
  return record;
}

StatusOr<std::unique_ptr<DealerStore::NewTape>> DealerStore::BeginTape(
    const std::array<TapeHeader, 3>& headers) {
  const TapeHeader& first = headers[0];
  const Digest& program = first.program;
  for (size_t i = 0; i < headers.size(); ++i) {
    LUTRA_CHECK(headers[i].role == kParties[i] && headers[i].program == program &&
                headers[i].tape == first.tape && headers[i].number == first.number);
  }
  LUTRA_CHECK(first.number == dealt(program));
  LUTRA_RETURN_IF_ERROR(CheckNew(first.tape));
  std::unique_ptr<NewTape> tape(new NewTape(*this, first.tape, program));
  tape->ledger_path_ = LedgerPath(first.tape);
  for (size_t i = 0; i < headers.size(); ++i) {
    const fs::path folder = Folder(kParties[i], program);
    LUTRA_ASSIGN_OR_RETURN(tape->writers_[i], TapeWriter::Create(folder, headers[i]));
    tape->paths_[i] = folder / headers[i].FileName();
  }
  return tape;
}

DealerStore::NewTape::NewTape(DealerStore& store, const Identifier& tape, const Digest& program)
    : store_(store), tape_(tape), program_(program) {}

DealerStore::NewTape::~NewTape() {
  if (committed_) return;
  for (const fs::path& path : paths_) {
    if (!path.empty()) RemoveFile(path).IgnoreError();
  }
  if (!ledger_path_.empty()) RemoveFile(ledger_path_).IgnoreError();
}

Status DealerStore::NewTape::Append(Role role, std::span<const std::byte> words) {
  LUTRA_CHECK(IsParty(role));
  return writers_[Index(role) - Index(Role::kP0)]->Append(words);
}

Status DealerStore::NewTape::Finish(const DealRecord& record) {
  LUTRA_CHECK(record.tape == tape_ && record.program == program_);
  for (const std::unique_ptr<TapeWriter>& writer : writers_) {
    LUTRA_RETURN_IF_ERROR(writer->Finish());
  }
  LUTRA_RETURN_IF_ERROR(WriteRecord(ledger_path_, record));
  finished_ = true;
  return absl::OkStatus();
}

Status DealerStore::NewTape::Commit() {
  LUTRA_CHECK(finished_);
  LUTRA_RETURN_IF_ERROR(store_.AppendToLog(program_, tape_));
  committed_ = true;
  return absl::OkStatus();
}

}  // namespace lutra
