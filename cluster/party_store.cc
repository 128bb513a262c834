#include "cluster/party_store.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "cluster/section_file.h"
#include "core/archive.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr SectionFormat kKeysFormat{"LUTRAKEY", 1, "keys"};
constexpr SectionFormat kModelFormat{"LUTRAMOD", 1, "shares of a model"};
constexpr int64_t kMaxProgramBytes = int64_t{1} << 30;
constexpr std::string_view kProgramExtension = ".program";
constexpr std::string_view kModelExtension = ".model";
constexpr size_t kIdentifierDigits = 32;
constexpr std::array kLongTermNames = {KeyName::kK0, KeyName::kK1, KeyName::kK2, KeyName::kData0,
                                       KeyName::kData1};
constexpr std::array kModelNames = {KeyName::kModel0, KeyName::kModel1};

DurableLog::Format ConsumedFormat(const StoreDirectory& directory) {
  return {"consumed", directory.id().Hex(), kIdentifierDigits};
}
DurableLog::Format BoundFormat(const StoreDirectory& directory) {
  return {"bound", directory.id().Hex(), 2 * kIdentifierDigits + 1};
}

// What a store of this role has from its begin.
Status CreateStore(const StoreDirectory& directory) {
  for (const char* folder : {"programs", "models", "tapes", "sessions"}) {
    LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(directory.path() / folder));
  }
  LUTRA_RETURN_IF_ERROR(
      DurableLog::Create(directory.path() / "consumed", ConsumedFormat(directory)));
  return DurableLog::Create(directory.path() / "bound", BoundFormat(directory));
}

// Keys as they are stored; wiped when they go.
struct StoredKeys {
  std::vector<uint32_t> names;
  std::vector<uint8_t> bytes;

  StoredKeys() = default;
  StoredKeys(const StoredKeys&) = delete;
  StoredKeys(StoredKeys&&) = default;
  StoredKeys& operator=(StoredKeys&&) = default;
  ~StoredKeys() { Wipe(std::as_writable_bytes(std::span(bytes))); }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(names, bytes);
  }
};

// Those of these names that the role holds.
template <size_t n>
StoredKeys ToStored(const LongTermKeys& keys, const std::array<KeyName, n>& names, Role role) {
  StoredKeys stored;
  stored.bytes.reserve(n * sizeof(Key));  // no copy is left behind
  for (const KeyName name : names) {
    const std::optional<Key>& key = keys.keys[static_cast<size_t>(name)];
    if (!key.has_value() || !Holds(role, name)) continue;
    stored.names.push_back(static_cast<uint32_t>(name));
    stored.bytes.insert(stored.bytes.end(), key->bytes.begin(), key->bytes.end());
  }
  return stored;
}

// Only keys of these names that the role holds, each once.
template <size_t n>
StatusOr<LongTermKeys> FromStored(const StoredKeys& stored, const std::array<KeyName, n>& names,
                                  Role role) {
  LongTermKeys keys;
  if (stored.bytes.size() != stored.names.size() * sizeof(Key)) {
    return InvalidArgument("keys: expected 16 bytes of each");
  }
  for (size_t i = 0; i < stored.names.size(); ++i) {
    const auto name = std::find_if(names.begin(), names.end(), [&](KeyName candidate) {
      return static_cast<uint32_t>(candidate) == stored.names[i];
    });
    if (name == names.end() || !Holds(role, *name) || keys.keys[stored.names[i]].has_value()) {
      return InvalidArgument("keys: expected those of ", Name(role), ", found number ",
                             stored.names[i]);
    }
    Key key;
    std::copy_n(stored.bytes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Key)), sizeof(Key),
                key.bytes.begin());
    keys.keys[stored.names[i]] = key;
  }
  return keys;
}

// What is said of a model before the messages.
struct StoredModel {
  std::array<uint8_t, 16> id{};
  std::array<uint8_t, 32> program{};
  StoredKeys keys;
  std::vector<int32_t> levels;  // of each message
  std::vector<uint32_t> from;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::binary_data(id.data(), id.size()),
            cereal::binary_data(program.data(), program.size()), keys, levels, from);
  }
};

StatusOr<ModelRecord> ParseModel(std::span<const std::byte> bytes, Role role,
                                 std::string_view where) {
  LUTRA_ASSIGN_OR_RETURN(const StoredModel stored, ReadArchive<StoredModel>(bytes, where));
  ModelRecord model;
  model.id.bytes = stored.id;
  model.program.bytes = stored.program;
  StatusOr<LongTermKeys> keys = FromStored(stored.keys, kModelNames, role);
  if (!keys.ok()) return Annotate(keys.status(), where);
  model.keys = *std::move(keys);
  if (stored.levels.size() != stored.from.size()) {
    return InvalidArgument(where, ": expected a sender of each of ", stored.levels.size(),
                           " messages, found ", stored.from.size());
  }
  for (size_t i = 0; i < stored.levels.size(); ++i) {
    if (stored.levels[i] < 0 || stored.from[i] >= kRoles.size()) {
      return InvalidArgument(where, ": message ", i, ": no such level or sender");
    }
    model.messages.push_back({stored.levels[i], static_cast<Role>(stored.from[i]), {}});
  }
  return model;
}

// The ids in names like PREFIX + ID + extension.
template <class Parse>
auto IdsIn(const fs::path& folder, std::string_view extension, Parse parse)
    -> StatusOr<std::vector<typename decltype(parse("", ""))::value_type>> {
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  std::vector<typename decltype(parse("", ""))::value_type> ids;
  for (const std::string& name : names) {
    if (!name.ends_with(extension)) continue;
    const auto id = parse(std::string_view(name).substr(0, name.size() - extension.size()), name);
    if (id.ok()) ids.push_back(*id);
  }
  return ids;
}

bool Precedes(const TapeEntry& a, const TapeEntry& b) {
  return std::pair(a.number, a.tape) < std::pair(b.number, b.tape);
}

}  // namespace

PartyStore::PartyStore(StoreDirectory directory, DurableLog consumed, DurableLog bound)
    : directory_(std::move(directory)),
      consumed_log_(std::move(consumed)),
      bound_log_(std::move(bound)) {}

PartyStore::~PartyStore() {
  for (std::optional<Key>& key : keys_.keys) {
    if (key.has_value()) Wipe(std::as_writable_bytes(std::span(key->bytes)));
  }
}

StatusOr<std::unique_ptr<PartyStore>> PartyStore::Open(const fs::path& path, Role role) {
  LUTRA_CHECK(IsParty(role));
  LUTRA_ASSIGN_OR_RETURN(StoreDirectory directory, StoreDirectory::Open(path, role, CreateStore));
  LUTRA_ASSIGN_OR_RETURN(DurableLog consumed,
                         DurableLog::Open(path / "consumed", ConsumedFormat(directory)));
  LUTRA_ASSIGN_OR_RETURN(DurableLog bound,
                         DurableLog::Open(path / "bound", BoundFormat(directory)));
  std::unique_ptr<PartyStore> store(
      new PartyStore(std::move(directory), std::move(consumed), std::move(bound)));
  LUTRA_RETURN_IF_ERROR(store->Load());
  return store;
}

Status PartyStore::Load() {
  for (const char* folder : {"programs", "models", "tapes", "sessions"}) {
    LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(path() / folder));
    LUTRA_RETURN_IF_ERROR(RemoveTemporaries(path() / folder));
  }
  LUTRA_RETURN_IF_ERROR(LoadLogs());
  const fs::path keys = path() / "keys";
  std::error_code error;
  if (fs::exists(keys, error)) {
    LUTRA_ASSIGN_OR_RETURN(auto sections, ReadSections(keys, kKeysFormat, Secrecy::kSecret));
    const std::string where = StrCat("'", keys.string(), "'");
    const StatusOr<StoredKeys> stored = ReadArchive<StoredKeys>(sections[0], where);
    Wipe(sections[0]);
    if (!stored.ok()) return stored.status();
    StatusOr<LongTermKeys> read = FromStored(*stored, kLongTermNames, role());
    if (!read.ok()) return Annotate(read.status(), where);
    keys_ = *std::move(read);
  }
  LUTRA_ASSIGN_OR_RETURN(const std::vector<Digest> programs,
                         IdsIn(path() / "programs", kProgramExtension, ParseDigest));
  programs_.insert(programs.begin(), programs.end());
  LUTRA_ASSIGN_OR_RETURN(const std::vector<Identifier> models,
                         IdsIn(path() / "models", kModelExtension, ParseIdentifier));
  models_.insert(models.begin(), models.end());
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> folders, NamesIn(path() / "tapes"));
  for (const std::string& folder : folders) {
    LUTRA_RETURN_IF_ERROR(RemoveTemporaries(path() / "tapes" / folder));
  }
  LUTRA_ASSIGN_OR_RETURN(sessions_, SessionFolder::Open(path() / "sessions"));
  return absl::OkStatus();
}

Status PartyStore::LoadLogs() {
  for (const std::string& entry : consumed_log_.entries()) {
    LUTRA_ASSIGN_OR_RETURN(const Identifier tape, ParseIdentifier(entry, "consumed"));
    consumed_.insert(tape);
  }
  for (const std::string& entry : bound_log_.entries()) {
    LUTRA_ASSIGN_OR_RETURN(const Identifier tape,
                           ParseIdentifier(entry.substr(0, kIdentifierDigits), "bound"));
    LUTRA_ASSIGN_OR_RETURN(const Identifier model,
                           ParseIdentifier(entry.substr(kIdentifierDigits + 1), "bound"));
    bound_.emplace(tape, model);
  }
  return absl::OkStatus();
}

Status PartyStore::SetKey(KeyName name, const Key& key) {
  const bool is_known =
      std::find(kLongTermNames.begin(), kLongTermNames.end(), name) != kLongTermNames.end();
  if (!is_known || !Holds(role(), name)) {
    return InvalidArgument("key ", Name(name), ": ", Name(role()), " keeps no such key");
  }
  std::optional<Key>& held = keys_.keys[static_cast<size_t>(name)];
  if (held.has_value()) {
    if (*held == key) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("'", path().string(), "': key ", Name(name), ": expected the one that is set"));
  }
  // In place: a copy with one key more is what g++ 12 compiles wrongly at -O3.
  held = key;
  const Status status = WriteKeys();
  if (!status.ok()) held.reset();
  return status;
}

Status PartyStore::WriteKeys() const {
  std::vector<std::byte> bytes = WriteArchive(ToStored(keys_, kLongTermNames, role()));
  const std::array<std::span<const std::byte>, 1> sections = {bytes};
  const Status status = WriteSections(path() / "keys", kKeysFormat, sections);
  Wipe(bytes);
  return status;
}

StatusOr<Key> PartyStore::Fingerprint(KeyName name) const {
  const std::optional<Key>& key = keys_.keys[static_cast<size_t>(name)];
  if (!key.has_value()) {
    return absl::NotFoundError(StrCat("'", path().string(), "': key ", Name(name), ": not set"));
  }
  return DeriveKey(*key, "fingerprint", std::as_bytes(std::span(Name(name))));
}

Status PartyStore::AddProgram(const Program& program) {
  if (programs_.contains(program.digest())) return absl::OkStatus();
  const fs::path file = path() / "programs" / StrCat(program.digest().Hex(), kProgramExtension);
  LUTRA_RETURN_IF_ERROR(WriteFile(file, WriteProgram(program), kSecretMode));
  LUTRA_RETURN_IF_ERROR(SyncDirectory(file.parent_path()));
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(TapeFolder(program.digest())));
  programs_.insert(program.digest());
  return absl::OkStatus();
}

std::vector<Digest> PartyStore::programs() const { return {programs_.begin(), programs_.end()}; }

StatusOr<Program> PartyStore::LoadProgram(const Registry& registry, const Digest& digest) const {
  const fs::path file = path() / "programs" / StrCat(digest.Hex(), kProgramExtension);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(file, kMaxProgramBytes));
  const std::string where = StrCat("'", file.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgram(registry, bytes, where));
  if (program.digest() == digest) return program;
  return InvalidArgument(where, ": digest: expected ", digest.Hex(), ", found ",
                         program.digest().Hex());
}

Status PartyStore::AddModel(const ModelRecord& model) {
  if (models_.contains(model.id)) {
    return absl::AlreadyExistsError(
        StrCat("model ", model.id.Hex(), ": expected a new one, found its shares in the store"));
  }
  if (!programs_.contains(model.program)) {
    return absl::NotFoundError(
        StrCat("model ", model.id.Hex(), ": program ", model.program.Hex(), ": not in the store"));
  }
  StoredModel stored;
  stored.id = model.id.bytes;
  stored.program = model.program.bytes;
  stored.keys = ToStored(model.keys, kModelNames, role());
  std::vector<std::span<const std::byte>> sections(1);
  for (const ModelRecord::Message& message : model.messages) {
    stored.levels.push_back(message.level);
    stored.from.push_back(static_cast<uint32_t>(message.from));
    sections.push_back(message.payload);
  }
  std::vector<std::byte> header = WriteArchive(stored);
  sections[0] = header;
  const fs::path file = path() / "models" / StrCat(model.id.Hex(), kModelExtension);
  const Status status = WriteSections(file, kModelFormat, sections);
  Wipe(header);
  LUTRA_RETURN_IF_ERROR(status);
  models_.insert(model.id);
  return absl::OkStatus();
}

std::vector<Identifier> PartyStore::models() const { return {models_.begin(), models_.end()}; }

StatusOr<ModelRecord> PartyStore::ReadModel(const Identifier& id, bool with_messages) const {
  const fs::path file = path() / "models" / StrCat(id.Hex(), kModelExtension);
  const std::string where = StrCat("'", file.string(), "'");
  LUTRA_ASSIGN_OR_RETURN(auto sections,
                         ReadSections(file, kModelFormat, Secrecy::kSecret,
                                      with_messages ? std::numeric_limits<size_t>::max() : 1));
  StatusOr<ModelRecord> model = ParseModel(sections[0], role(), where);
  Wipe(sections[0]);
  if (!model.ok()) return model.status();
  if (model->id != id) {
    return InvalidArgument(where, ": model: expected ", id.Hex(), ", found ", model->id.Hex());
  }
  if (!with_messages) {
    model->messages.clear();
    return model;
  }
  if (sections.size() != model->messages.size() + 1) {
    return InvalidArgument(where, ": expected ", model->messages.size(), " messages, found ",
                           sections.size() - 1);
  }
  for (size_t i = 0; i < model->messages.size(); ++i) {
    model->messages[i].payload.assign(sections[i + 1].begin(), sections[i + 1].end());
    Wipe(sections[i + 1]);
  }
  return model;
}

StatusOr<ModelRecord> PartyStore::DescribeModel(const Identifier& id) const {
  return ReadModel(id, /*with_messages=*/false);
}

StatusOr<ModelRecord> PartyStore::LoadModel(const Identifier& id) const {
  return ReadModel(id, /*with_messages=*/true);
}

Status PartyStore::RemoveModel(const Identifier& id) {
  LUTRA_RETURN_IF_ERROR(RemoveFile(path() / "models" / StrCat(id.Hex(), kModelExtension)));
  LUTRA_RETURN_IF_ERROR(SyncDirectory(path() / "models"));
  models_.erase(id);
  return absl::OkStatus();
}

fs::path PartyStore::TapeFolder(const Digest& program) const {
  return path() / "tapes" / program.Hex();
}

StatusOr<TapeEntry> PartyStore::CheckPart(const Digest& program, const fs::path& file) const {
  const std::string name = file.filename().string();
  StatusOr<TapeEntry> entry = ParseTapeName(name);
  if (!entry.ok()) return Annotate(entry.status(), StrCat("'", file.string(), "'"));
  LUTRA_ASSIGN_OR_RETURN(const TapeReader reader, TapeReader::Open(file));
  LUTRA_RETURN_IF_ERROR(reader.Expect(program, role()));
  if (reader.header().FileName() != name) {
    return InvalidArgument("'", file.string(), "': name: expected ", reader.header().FileName(),
                           ", as its header has it");
  }
  if (IsConsumed(entry->tape)) {
    return absl::FailedPreconditionError(StrCat("'", file.string(), "': tape ", entry->tape.Hex(),
                                                ": consumed already, never to be used again"));
  }
  entry->file_bytes = reader.header().file_bytes();
  return entry;
}

StatusOr<std::vector<RefusedTape>> PartyStore::ScanTapes(const Digest& program) {
  const fs::path folder = TapeFolder(program);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
  tapes_.erase(program);
  std::vector<RefusedTape> refused;
  for (const std::string& name : names) {
    const StatusOr<TapeEntry> entry = CheckPart(program, folder / name);
    if (entry.ok()) {
      AddTape(program, *entry);
    } else {
      refused.push_back({folder / name, entry.status()});
    }
  }
  return refused;
}

void PartyStore::AddTape(const Digest& program, const TapeEntry& entry) {
  std::vector<TapeEntry>& tapes = tapes_[program];
  const auto same = std::find_if(tapes.begin(), tapes.end(),
                                 [&](const TapeEntry& other) { return other.tape == entry.tape; });
  if (same != tapes.end()) return;
  tapes.insert(std::upper_bound(tapes.begin(), tapes.end(), entry, Precedes), entry);
}

void PartyStore::DropTape(const Identifier& tape) {
  for (auto& [program, tapes] : tapes_) {
    std::erase_if(tapes, [&](const TapeEntry& entry) { return entry.tape == tape; });
  }
}

std::vector<TapeEntry> PartyStore::Tapes(const Digest& program) const {
  const auto tapes = tapes_.find(program);
  return tapes == tapes_.end() ? std::vector<TapeEntry>() : tapes->second;
}

std::vector<Identifier> PartyStore::Candidates(const Digest& program,
                                               const Identifier& model) const {
  std::vector<Identifier> candidates;
  for (const TapeEntry& entry : Tapes(program)) {
    if (ModelOf(entry.tape).value_or(model) == model) candidates.push_back(entry.tape);
  }
  return candidates;
}

StatusOr<TapeReader> PartyStore::OpenTape(const Digest& program, const Identifier& tape) const {
  if (IsConsumed(tape)) {
    return absl::FailedPreconditionError(
        StrCat("tape ", tape.Hex(), ": consumed already, never to be used again"));
  }
  LUTRA_ASSIGN_OR_RETURN(const fs::path file, FindPart(TapeFolder(program), tape));
  LUTRA_ASSIGN_OR_RETURN(TapeReader reader, TapeReader::Open(file));
  LUTRA_RETURN_IF_ERROR(reader.Expect(program, role(), tape));
  return reader;
}

Status PartyStore::RemoveTape(const Digest& program, const Identifier& tape) {
  DropTape(tape);
  const StatusOr<fs::path> file = FindPart(TapeFolder(program), tape);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  if (!file.ok()) return file.status();
  LUTRA_RETURN_IF_ERROR(RemoveFile(*file));
  return SyncDirectory(file->parent_path());
}

StatusOr<int> PartyStore::RemoveConsumedTapes() {
  int removed = 0;
  LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> folders, NamesIn(path() / "tapes"));
  for (const std::string& folder : folders) {
    const fs::path place = path() / "tapes" / folder;
    LUTRA_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(place));
    for (const std::string& name : names) {
      const StatusOr<TapeEntry> entry = ParseTapeName(name);
      if (!entry.ok() || !IsConsumed(entry->tape)) continue;
      LUTRA_RETURN_IF_ERROR(RemoveFile(place / name));
      ++removed;
    }
    if (removed > 0) LUTRA_RETURN_IF_ERROR(SyncDirectory(place));
  }
  return removed;
}

PartyStore::Import::Import(PartyStore& store, const Digest& program)
    : store_(store),
      program_(program),
      decoder_(StrCat("part of a tape for ", Name(store.role()))) {}

PartyStore::Import::~Import() = default;

StatusOr<std::unique_ptr<PartyStore::Import>> PartyStore::ImportTape(const Digest& program) {
  LUTRA_RETURN_IF_ERROR(MakePrivateDirectory(TapeFolder(program)));
  return std::unique_ptr<Import>(new Import(*this, program));
}

Status PartyStore::CheckNewPart(const Digest& program, const TapeHeader& header) const {
  if (header.program != program) {
    return InvalidArgument("program: expected ", program.Hex(), ", found ", header.program.Hex());
  }
  if (header.role != role()) {
    return InvalidArgument("role: expected ", Name(role()), ", found ", Name(header.role));
  }
  if (IsConsumed(header.tape)) {
    return absl::FailedPreconditionError(
        StrCat("tape ", header.tape.Hex(), ": consumed already, never to be used again"));
  }
  if (FindPart(TapeFolder(program), header.tape).ok()) {
    return absl::AlreadyExistsError(
        StrCat("tape ", header.tape.Hex(), ": its part is in the store already"));
  }
  return absl::OkStatus();
}

Status PartyStore::Import::Add(std::span<const std::byte> record) {
  const bool is_header = !decoder_.has_header();
  LUTRA_RETURN_IF_ERROR(decoder_.Add(record));
  if (is_header) {
    LUTRA_RETURN_IF_ERROR(store_.CheckNewPart(program_, decoder_.header()));
    LUTRA_ASSIGN_OR_RETURN(
        NewFile file,
        NewFile::Create(store_.TapeFolder(program_) / decoder_.header().FileName(), kSecretMode));
    file_ = std::make_unique<NewFile>(std::move(file));
  }
  if (file_ == nullptr) return InvalidArgument("part of a tape: given up after an earlier error");
  const Status status = file_->Write(record);
  if (!status.ok()) file_.reset();
  return status;
}

Status PartyStore::Import::Finish() {
  if (file_ == nullptr || !finished()) {
    return InvalidArgument("part of a tape for ", Name(store_.role()), ": ended early, at offset ",
                           decoder_.offset());
  }
  const TapeHeader& header = decoder_.header();
  LUTRA_RETURN_IF_ERROR(store_.CheckNewPart(program_, header));
  LUTRA_RETURN_IF_ERROR(file_->Commit());
  file_.reset();
  LUTRA_RETURN_IF_ERROR(SyncDirectory(store_.TapeFolder(program_)));
  store_.AddTape(program_, {header.tape, header.number, header.file_bytes()});
  return absl::OkStatus();
}

Status PartyStore::Consume(const Identifier& tape) {
  if (IsConsumed(tape)) {
    return absl::FailedPreconditionError(
        StrCat("tape ", tape.Hex(), ": consumed already, never to be used again"));
  }
  LUTRA_RETURN_IF_ERROR(consumed_log_.Append(tape.Hex()));
  consumed_.insert(tape);
  DropTape(tape);
  return absl::OkStatus();
}

Status PartyStore::Bind(const Identifier& tape, const Identifier& model) {
  if (IsConsumed(tape)) {
    return absl::FailedPreconditionError(
        StrCat("tape ", tape.Hex(), ": consumed already, never to be used again"));
  }
  if (const std::optional<Identifier> other = ModelOf(tape); other.has_value()) {
    if (*other == model) return absl::OkStatus();
    return absl::FailedPreconditionError(StrCat("tape ", tape.Hex(), ": model: expected ",
                                                other->Hex(), ", to which it is bound, found ",
                                                model.Hex()));
  }
  LUTRA_RETURN_IF_ERROR(bound_log_.Append(StrCat(tape.Hex(), " ", model.Hex())));
  bound_.emplace(tape, model);
  return absl::OkStatus();
}

std::optional<Identifier> PartyStore::ModelOf(const Identifier& tape) const {
  const auto found = bound_.find(tape);
  if (found == bound_.end()) return std::nullopt;
  return found->second;
}

ConsumedSummary PartyStore::Summary() const {
  std::vector<std::byte> all;
  all.reserve(consumed_.size() * sizeof(Identifier));
  for (const Identifier& tape : consumed_) {
    const auto bytes = std::as_bytes(std::span(tape.bytes));
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return {consumed_.size(), Sha256(all)};
}

std::vector<Identifier> PartyStore::ConsumedSince(size_t position) const {
  std::vector<Identifier> tapes;
  const std::vector<std::string>& entries = consumed_log_.entries();
  for (size_t i = position; i < entries.size(); ++i) {
    const StatusOr<Identifier> tape = ParseIdentifier(entries[i], "consumed");
    LUTRA_CHECK(tape.ok());
    tapes.push_back(*tape);
  }
  return tapes;
}

StatusOr<size_t> PartyStore::Merge(std::span<const Identifier> consumed) {
  std::set<Identifier> fresh;
  for (const Identifier& tape : consumed) {
    if (!IsConsumed(tape)) fresh.insert(tape);
  }
  std::vector<std::string> entries;
  for (const Identifier& tape : fresh) entries.push_back(tape.Hex());
  LUTRA_RETURN_IF_ERROR(consumed_log_.Append(entries));
  consumed_.insert(fresh.begin(), fresh.end());
  for (const Identifier& tape : fresh) DropTape(tape);
  return fresh.size();
}

std::optional<Identifier> FirstCommon(std::span<const std::vector<Identifier>> candidates) {
  if (candidates.empty()) return std::nullopt;
  std::vector<std::set<Identifier>> others;
  for (const std::vector<Identifier>& list : candidates.subspan(1)) {
    others.emplace_back(list.begin(), list.end());
  }
  for (const Identifier& tape : candidates.front()) {
    const bool everywhere = std::all_of(others.begin(), others.end(),
                                        [&](const auto& other) { return other.contains(tape); });
    if (everywhere) return tape;
  }
  return std::nullopt;
}

}  // namespace lutra
