// A tape that is dealt while it is used: each party opens its part, and gets the records as they
// are dealt. In memory are two windows of the tape, and what the endpoint keeps for each of P1 and
// P2: one is dealt while they take the other.
#ifndef LUTRA_DEALER_TAPE_STREAM_H_
#define LUTRA_DEALER_TAPE_STREAM_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "cluster/dealer_store.h"
#include "cluster/endpoint.h"
#include "cluster/tape_file.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "dealer/stock.h"
#include "mpc/builder.h"

namespace lutra {

// What one party is sent of a stream.
struct StreamedPart {
  PeerId peer;
  Identifier channel;
  std::unique_ptr<TapeEncoder> encoder;
  int64_t next = 0;  // record
};

class TapeStream {
 public:
  // It has to be opened by all parties until `opened_by`.
  TapeStream(Endpoint& endpoint, std::shared_ptr<const BuiltProgram> built, const TapeSeed& seed,
             Deadline opened_by);

  const Digest& program() const { return built_->program.digest(); }
  const Identifier& tape() const { return seed_.tape; }
  int64_t records(Role role) const { return 1 + Header(role).chunks(); }

  // Answers a party's request to open its part, and sends the header. An error when it has opened
  // it before or the stream has ended. Whether it was the last one: who gets `true` calls Run.
  StatusOr<bool> Open(const Request& request);
  // Deals and sends the words, and returns when both parties have all of them or the stream was
  // ended. That a party takes nothing is no reason to end it.
  StatusOr<DealRecord> Run(ThreadPool& pool, int64_t window_bytes);
  // Ends it where it is; the parties get this error.
  void End(const Status& status);

  // Of an observer. Why it cannot go on: a party that is gone or cancelled, or did not open it in
  // time.
  Status Health() const;
  bool ended() const;
  // Whether all parties have opened it.
  bool started() const;
  // Since a record could be queued the last time.
  double SecondsWithoutProgress() const;

 private:
  enum class State { kOpening, kRunning, kEnded };
  using Part = StreamedPart;

  static size_t Number(Role role) { return Index(role) - Index(Role::kP0); }
  TapeHeader Header(Role role) const { return HeaderFor(role, built_->program, seed_); }
  std::optional<Part>& part(Role role) { return parts_[Number(role)]; }
  Status SendRecord(Part& part, std::span<const std::byte> record, const TapeChecksum& checksum);
  Status SendWindow(std::span<const std::byte> p1, std::span<const std::byte> p2);
  Status FinishParts();
  Status FlushPart(const Part& part) const;
  void EndLocked(const Status& status);
  void CloseAll();

  Endpoint& endpoint_;
  const std::shared_ptr<const BuiltProgram> built_;
  const TapeSeed seed_;
  const Deadline opened_by_;

  mutable std::mutex mutex_;
  State state_ = State::kOpening;
  bool started_ = false;
  Status why_;  // it ended early
  std::array<std::optional<Part>, 3> parts_;
  Deadline progress_;
};

}  // namespace lutra

#endif  // LUTRA_DEALER_TAPE_STREAM_H_
