#include "dealer/stock.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "dealer/generator.h"

namespace lutra {
namespace {

// The numbers of a run with one model: 0 names the model, the next ones its tapes.
constexpr uint64_t kFirstTape = 1;

// Wipes what was dealt: a tape's words are secret to all but the one that they are for.
void WipeStreams(Tape& tape) {
  for (const Role party : {Role::kP1, Role::kP2}) Wipe(tape.to(party).bytes());
}

}  // namespace

TapeSeed::~TapeSeed() {
  for (std::optional<Key>& key : keys.keys) {
    if (key.has_value()) Wipe(std::as_writable_bytes(std::span(key->bytes)));
  }
}

StatusOr<TapeSeed> MakeTapeSeed(uint64_t number, const std::optional<uint64_t>& simulation_seed) {
  TapeSeed seed;
  seed.number = number;
  if (simulation_seed.has_value()) {
    seed.tape = IdentifierFromSeed(*simulation_seed, "tape id", number + kFirstTape);
    seed.keys = LongTermKeysFromSeed(*simulation_seed).For(Role::kDealer);
    return seed;
  }
  LUTRA_ASSIGN_OR_RETURN(seed.tape, RandomIdentifier());
  for (const KeyName name : kDealerKeys) {
    LUTRA_ASSIGN_OR_RETURN(seed.keys.keys[static_cast<size_t>(name)], RandomKey());
  }
  return seed;
}

TapeHeader HeaderFor(Role role, const Program& program, const TapeSeed& seed) {
  TapeHeader header;
  header.program = program.digest();
  header.tape = seed.tape;
  header.role = role;
  header.number = seed.number;
  header.words = TapeLayout(program).bytes(role);
  header.keys = seed.keys.For(role);
  return header;
}

Status DealWindows(const Program& program, const TableContents& tables, const TapeSeed& seed,
                   const DealOptions& options, ThreadPool& pool, const WordSink& sink) {
  const KeyRing keys = KeyRing::ForTape(seed.keys, program.digest(), seed.tape);
  Tape tape;   // that is being dealt
  Tape dealt;  // that the sink takes
  std::future<Status> taken;
  const auto take = [&]() -> Status {
    LUTRA_RETURN_IF_ERROR(sink(Role::kP1, std::as_const(dealt).to(Role::kP1).bytes()));
    return sink(Role::kP2, std::as_const(dealt).to(Role::kP2).bytes());
  };
  Status status;
  for (const auto& window : TapeLayout::Windows(program, options.window_bytes / 2)) {
    Deal(program, TapeLayout(program, window.levels), tables, keys, tape, pool, options.listener);
    if (taken.valid()) status = taken.get();
    if (!status.ok()) break;
    std::swap(tape, dealt);
    taken = std::async(std::launch::async, take);
  }
  if (taken.valid()) status = taken.get();
  WipeStreams(tape);
  WipeStreams(dealt);
  return status;
}

StatusOr<DealRecord> DealIntoStore(DealerStore& store, const BuiltProgram& built,
                                   const StockOptions& options, ThreadPool& pool) {
  const Program& program = built.program;
  const Digest& digest = program.digest();
  const auto lock = [&options] {
    return options.mutex == nullptr ? std::unique_lock<std::mutex>()
                                    : std::unique_lock(*options.mutex);
  };
  TapeSeed seed;
  std::unique_ptr<DealerStore::NewTape> tape;
  {
    const auto held = lock();
    LUTRA_ASSIGN_OR_RETURN(seed, MakeTapeSeed(store.dealt(digest), options.simulation_seed));
    LUTRA_ASSIGN_OR_RETURN(tape, store.BeginTape({HeaderFor(Role::kP0, program, seed),
                                                  HeaderFor(Role::kP1, program, seed),
                                                  HeaderFor(Role::kP2, program, seed)}));
  }
  DealRecord record{seed.tape, digest, seed.number, 0, {}, {}};
  TraceRecorder recorder(TraceRecorder::Roles::kOne);
  Listeners listeners{&record.ledger, &recorder};
  const auto start = std::chrono::steady_clock::now();
  const auto sink = [&](Role role, std::span<const std::byte> words) -> Status {
    if (options.stopped && options.stopped()) return absl::CancelledError("dealing was stopped");
    return tape->Append(role, words);
  };
  LUTRA_RETURN_IF_ERROR(
      DealWindows(program, built.tables, seed, {options.window_bytes, &listeners}, pool, sink));
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  record.trace = std::move(recorder.trace());
  record.trace.threads[Role::kDealer] = pool.threads();
  LUTRA_RETURN_IF_ERROR(tape->Finish(record));
  const auto held = lock();
  LUTRA_RETURN_IF_ERROR(tape->Commit());
  return record;
}

}  // namespace lutra
