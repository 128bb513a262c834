#include "dealer/depot.h"

#include <string>
#include <utility>

namespace lutra {
namespace {

Status SameTables(const BuiltProgram& known, const TableContents& tables) {
  for (size_t i = 0; i < tables.size(); ++i) {
    if (known.tables[i] == tables[i]) continue;
    return absl::AlreadyExistsError(
        StrCat("program ", known.program.digest().Hex(), ": table ", i, " (",
               known.program.tables()[i].name,
               "): expected the contents that were added before, found others"));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Depot>> Depot::Make(const Registry& registry,
                                             std::unique_ptr<DealerStore> store,
                                             DepotOptions options) {
  std::unique_ptr<Depot> depot(new Depot(registry, std::move(store), std::move(options)));
  if (depot->store_ == nullptr) return depot;
  const std::string where = StrCat("'", depot->store_->path().string(), "'");
  for (const Digest& digest : depot->store_->programs()) {
    LUTRA_ASSIGN_OR_RETURN(BuiltProgram built, depot->store_->LoadProgram(registry, digest));
    LUTRA_RETURN_IF_ERROR(Annotate(depot->CheckDeployment(built.program), where));
    LUTRA_RETURN_IF_ERROR(Annotate(depot->CheckSeeded(), where));
    depot->programs_.emplace(digest, std::make_shared<const BuiltProgram>(std::move(built)));
  }
  return depot;
}

Status Depot::CheckDeployment(const Program& program) const {
  if (!options_.deployment || program.deployment() == *options_.deployment) {
    return absl::OkStatus();
  }
  return InvalidArgument("program ", program.digest().Hex(), ": deployment: expected ",
                         Name(*options_.deployment), ", found ", Name(program.deployment()));
}

// The simulation names tapes by their number only.
Status Depot::CheckSeeded() const {
  if (!options_.simulation_seed || programs_.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError("with an insecure seed: expected one program, found two");
}

StatusOr<bool> Depot::Add(BuiltProgram built) {
  const Digest digest = built.program.digest();
  LUTRA_CHECK(built.tables.size() == built.program.tables().size());
  LUTRA_RETURN_IF_ERROR(CheckDeployment(built.program));
  const std::lock_guard lock(mutex_);
  if (const auto known = programs_.find(digest); known != programs_.end()) {
    LUTRA_RETURN_IF_ERROR(SameTables(*known->second, built.tables));
    return false;
  }
  LUTRA_RETURN_IF_ERROR(CheckSeeded());
  if (store_ != nullptr) LUTRA_RETURN_IF_ERROR(store_->AddProgram(built.program, built.tables));
  programs_.emplace(digest, std::make_shared<const BuiltProgram>(std::move(built)));
  return true;
}

StatusOr<std::shared_ptr<const BuiltProgram>> Depot::Find(const Digest& program) const {
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(program);
  if (found != programs_.end()) return found->second;
  return absl::NotFoundError(StrCat("program ", program.Hex(),
                                    ": expected one that was added, found ", programs_.size(),
                                    programs_.size() == 1 ? " other" : " others"));
}

uint64_t Depot::Dealt(const Digest& program) const {
  if (store_ != nullptr) return store_->dealt(program);
  const auto streamed = streamed_.find(program);
  return streamed == streamed_.end() ? 0 : streamed->second;
}

StatusOr<Depot::Entry> Depot::EntryOf(const Digest& program) const {
  Entry entry{program, 0, Dealt(program)};
  if (store_ != nullptr) {
    LUTRA_ASSIGN_OR_RETURN(entry.stock, store_->Stock(program));
  }
  return entry;
}

StatusOr<std::vector<Depot::Entry>> Depot::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  for (const auto& [digest, built] : programs_) {
    LUTRA_ASSIGN_OR_RETURN(const Entry entry, EntryOf(digest));
    entries.push_back(entry);
  }
  return entries;
}

StatusOr<std::shared_ptr<const BuiltProgram>> Depot::MostNeeded() const {
  std::shared_ptr<const BuiltProgram> needed;
  int64_t least = options_.count.value_or(kStock);
  for (const auto& [digest, built] : programs_) {
    auto have = static_cast<int64_t>(Dealt(digest));
    if (!options_.count) {
      LUTRA_ASSIGN_OR_RETURN(have, store_->Stock(digest));
    }
    if (have >= least) continue;
    least = have;
    needed = built;
  }
  return needed;
}

StatusOr<std::optional<DealRecord>> Depot::DealNext(ThreadPool& pool,
                                                    const std::function<bool()>& stopped) {
  if (store_ == nullptr) return std::nullopt;
  std::shared_ptr<const BuiltProgram> built;
  {
    const std::lock_guard lock(mutex_);
    LUTRA_ASSIGN_OR_RETURN(built, MostNeeded());
  }
  if (built == nullptr) return std::nullopt;
  const StockOptions options{options_.window_bytes, options_.simulation_seed, &mutex_, stopped};
  LUTRA_ASSIGN_OR_RETURN(DealRecord record, DealIntoStore(*store_, *built, options, pool));
  return std::optional<DealRecord>(std::move(record));
}

StatusOr<std::optional<TapeReader>> Depot::NextPart(Role role, const Digest& program,
                                                    std::span<const Identifier> have,
                                                    const Damaged& damaged) {
  LUTRA_RETURN_IF_ERROR(Find(program).status());
  if (store_ == nullptr) return std::optional<TapeReader>();
  const std::set<Identifier> known(have.begin(), have.end());
  const std::lock_guard lock(mutex_);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<TapeEntry> parts, store_->Parts(role, program));
  for (const TapeEntry& entry : parts) {
    if (known.contains(entry.tape) || aside_.contains({role, entry.tape})) continue;
    StatusOr<TapeReader> reader = store_->OpenPart(role, program, entry.tape);
    if (reader.ok()) return std::optional<TapeReader>(*std::move(reader));
    aside_.emplace(role, entry.tape);
    damaged(reader.status());
  }
  return std::optional<TapeReader>();
}

void Depot::SetAside(Role role, const Identifier& tape) {
  const std::lock_guard lock(mutex_);
  aside_.emplace(role, tape);
}

Status Depot::RemovePart(Role role, const Digest& program, const Identifier& tape) {
  LUTRA_RETURN_IF_ERROR(Find(program).status());
  if (store_ == nullptr) return absl::FailedPreconditionError("this dealer keeps no tapes");
  const std::lock_guard lock(mutex_);
  return store_->RemovePart(role, program, tape);
}

StatusOr<TapeSeed> Depot::NewStreamSeed(const Digest& program) {
  LUTRA_RETURN_IF_ERROR(Find(program).status());
  const std::lock_guard lock(mutex_);
  const uint64_t number = Dealt(program);
  if (options_.count && number >= static_cast<uint64_t>(*options_.count)) {
    return absl::ResourceExhaustedError(
        StrCat("tapes: all ", *options_.count, " that --count allows are dealt"));
  }
  LUTRA_ASSIGN_OR_RETURN(TapeSeed seed, MakeTapeSeed(number, options_.simulation_seed));
  if (store_ == nullptr) {
    ++streamed_[program];
  } else {
    LUTRA_RETURN_IF_ERROR(store_->RecordStream(program, seed.tape, number));
  }
  return seed;
}

Status Depot::AddLedger(const DealRecord& record) {
  if (store_ == nullptr) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  return store_->AddLedger(record);
}

}  // namespace lutra
