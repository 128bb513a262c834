#include "dealer/tape_stream.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>
#include <utility>

#include "cluster/wire.h"

namespace lutra {
namespace {

// No deadline: a party may prepare long before it uses its tape. Cancelling wakes who waits.
constexpr double kForever = 1e9;
constexpr double kPollSeconds = 0.1;

double SecondsSince(Deadline start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TapeStream::TapeStream(Endpoint& endpoint, std::shared_ptr<const BuiltProgram> built,
                       const TapeSeed& seed, Deadline opened_by)
    : endpoint_(endpoint),
      built_(std::move(built)),
      seed_(seed),
      opened_by_(opened_by),
      progress_(std::chrono::steady_clock::now()) {}

StatusOr<bool> TapeStream::Open(const Request& request) {
  const Role role = request.from.role;
  const std::lock_guard lock(mutex_);
  if (state_ == State::kEnded) {
    return absl::FailedPreconditionError(StrCat("stream ", tape().Hex(), ": has ended"));
  }
  if (part(role)) {
    return absl::AlreadyExistsError(
        StrCat("stream ", tape().Hex(), ": ", Name(role), " has opened its part already"));
  }
  Part& opened = part(role).emplace();
  opened.peer = request.from;
  opened.channel = request.channel;
  opened.encoder = std::make_unique<TapeEncoder>(
      Header(role), [this, &opened](std::span<const std::byte> record, const TapeChecksum& sum) {
        return SendRecord(opened, record, sum);
      });
  // Nothing waits on a new channel: this does not block.
  Status sent =
      endpoint_.Send(opened.peer, opened.channel, 0,
                     EncodeAnswer(TapeOffer{true, true, tape(), records(role)}), After(kForever));
  if (sent.ok()) sent = opened.encoder->Append({});
  if (!sent.ok()) {
    EndLocked(Annotate(sent, Name(role)));
    return sent;
  }
  for (const std::optional<Part>& one : parts_) {
    if (!one) return false;
  }
  state_ = State::kRunning;
  started_ = true;
  return true;
}

Status TapeStream::SendRecord(Part& part, std::span<const std::byte> record,
                              const TapeChecksum& checksum) {
  Bytes bytes;
  try {
    bytes.resize(record.size() + checksum.size());
  } catch (const std::bad_alloc&) {
    return Unavailable("not enough memory");
  }
  std::memcpy(bytes.data(), record.data(), record.size());
  std::memcpy(bytes.data() + record.size(), checksum.data(), checksum.size());
  return endpoint_.Send(part.peer, part.channel, RecordTag(part.next++), std::move(bytes),
                        After(kForever));
}

// Side by side: who waits for the other party may take nothing, and the other one must get its
// words all the same.
Status TapeStream::SendWindow(std::span<const std::byte> p1, std::span<const std::byte> p2) {
  const auto send = [this](Role role, std::span<const std::byte> words) -> Status {
    TapeEncoder& encoder = *part(role)->encoder;
    while (!words.empty()) {
      const auto size = std::min<size_t>(words.size(), TapeHeader::kChunkBytes);
      LUTRA_RETURN_IF_ERROR(Annotate(encoder.Append(words.first(size)), Name(role)));
      words = words.subspan(size);
      const std::lock_guard lock(mutex_);
      progress_ = std::chrono::steady_clock::now();
    }
    return absl::OkStatus();
  };
  Status first;
  std::thread other([&] {
    first = send(Role::kP1, p1);
    if (!first.ok()) End(first);
  });
  const Status second = send(Role::kP2, p2);
  if (!second.ok()) End(second);
  other.join();
  return first.ok() ? second : first;
}

StatusOr<DealRecord> TapeStream::Run(ThreadPool& pool, int64_t window_bytes) {
  DealRecord record{tape(), program(), seed_.number, 0, {}, {}};
  TraceRecorder recorder(TraceRecorder::Roles::kOne);
  Listeners listeners{&record.ledger, &recorder};
  const auto start = std::chrono::steady_clock::now();
  std::span<const std::byte> p1;
  const auto sink = [&](Role role, std::span<const std::byte> words) {
    if (role == Role::kP2) return SendWindow(p1, words);
    p1 = words;
    return absl::OkStatus();
  };
  Status status;
  try {
    status =
        DealWindows(built_->program, built_->tables, seed_, {window_bytes, &listeners}, pool, sink);
  } catch (const std::bad_alloc&) {
    status = Unavailable("not enough memory for a window of the tape");
  }
  if (status.ok()) status = FinishParts();
  record.seconds = SecondsSince(start);
  record.trace = std::move(recorder.trace());
  record.trace.threads[Role::kDealer] = pool.threads();
  const std::lock_guard lock(mutex_);
  if (!status.ok()) EndLocked(status);
  state_ = State::kEnded;
  CloseAll();
  LUTRA_RETURN_IF_ERROR(why_);
  return record;
}

Status TapeStream::FinishParts() {
  for (const Role role : kParties) {
    Part& one = *part(role);
    LUTRA_RETURN_IF_ERROR(one.encoder->Finish());
    // P0 has had all that it gets since it opened its part.
    if (role != Role::kP0) LUTRA_RETURN_IF_ERROR(Annotate(FlushPart(one), Name(role)));
  }
  return absl::OkStatus();
}

// What the party does not take at once waits here: as long as it takes.
Status TapeStream::FlushPart(const Part& part) const {
  for (;;) {
    LUTRA_RETURN_IF_ERROR(endpoint_.LinkStatus(part.peer, part.channel));
    const Status flushed = endpoint_.Flush(part.peer, part.channel, After(kPollSeconds));
    if (flushed.ok()) return endpoint_.LinkStatus(part.peer, part.channel);
  }
}

void TapeStream::End(const Status& status) {
  const std::lock_guard lock(mutex_);
  EndLocked(status);
}

void TapeStream::EndLocked(const Status& status) {
  if (!why_.ok() || state_ == State::kEnded) return;
  why_ = status;
  for (const std::optional<Part>& one : parts_) {
    if (one) endpoint_.Cancel(one->channel, status);
  }
  if (state_ == State::kRunning) return;  // Run closes what it may still use
  state_ = State::kEnded;
  CloseAll();
}

void TapeStream::CloseAll() {
  for (const std::optional<Part>& one : parts_) {
    if (one) endpoint_.Close(one->channel);
  }
}

Status TapeStream::Health() const {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kEnded) return absl::OkStatus();
  for (const Role role : kParties) {
    const std::optional<Part>& one = parts_[Number(role)];
    if (one && (state_ == State::kOpening || role != Role::kP0)) {
      LUTRA_RETURN_IF_ERROR(endpoint_.LinkStatus(one->peer, one->channel));
    }
    if (!one && std::chrono::steady_clock::now() >= opened_by_) {
      return absl::DeadlineExceededError(
          StrCat("stream ", tape().Hex(), ": expected all parties to open it in time, found that ",
                 Name(role), " did not"));
    }
  }
  return absl::OkStatus();
}

bool TapeStream::ended() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kEnded;
}

bool TapeStream::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

double TapeStream::SecondsWithoutProgress() const {
  const std::lock_guard lock(mutex_);
  return SecondsSince(progress_);
}

}  // namespace lutra
