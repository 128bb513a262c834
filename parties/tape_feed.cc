#include "parties/tape_feed.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "cluster/wire.h"
#include "core/clock.h"

namespace lutra {
namespace {

constexpr int64_t kWindowBytes = int64_t{1} << 28;  // of both streams

}  // namespace

StreamTape::StreamTape(Endpoint& endpoint, const Identifier& channel, double silence_seconds)
    : endpoint_(endpoint),
      channel_(channel),
      silence_seconds_(silence_seconds),
      decoder_("the dealer's stream") {}

StreamTape::~StreamTape() {
  // A dealer that still deals learns that nobody takes it.
  if (!decoder_.finished()) endpoint_.Cancel(channel_, Unavailable("the stream is not needed"));
  endpoint_.Close(channel_);
  Wipe(record_);
}

StatusOr<std::unique_ptr<StreamTape>> StreamTape::Open(Endpoint& endpoint, const Digest& program,
                                                       const Identifier& tape,
                                                       double silence_seconds) {
  LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
  auto stream = std::unique_ptr<StreamTape>(new StreamTape(endpoint, channel, silence_seconds));
  LUTRA_RETURN_IF_ERROR(endpoint.Ask(
      Role::kDealer, channel, EncodeRequest(OpenStream{program, tape}), After(silence_seconds)));
  constexpr int64_t kMostAnswer = 1 << 16;
  LUTRA_ASSIGN_OR_RETURN(const Bytes answer, endpoint.Receive({Role::kDealer}, channel, /*tag=*/0,
                                                              kMostAnswer, After(silence_seconds)));
  LUTRA_ASSIGN_OR_RETURN(const TapeOffer offer, DecodeAnswer<TapeOffer>(answer, "dealer: stream"));
  if (!offer.found) return Unavailable("dealer: no stream of tape ", tape.Hex());
  LUTRA_RETURN_IF_ERROR(stream->NextRecord());
  const TapeHeader& header = stream->header();
  LUTRA_RETURN_IF_ERROR(CheckSame("dealer: stream: program", program, header.program));
  LUTRA_RETURN_IF_ERROR(CheckSame("dealer: stream: tape", tape, header.tape));
  return stream;
}

Status StreamTape::NextRecord() {
  Wipe(record_);
  LUTRA_ASSIGN_OR_RETURN(
      record_, endpoint_.Receive({Role::kDealer}, channel_, RecordTag(next_),
                                 TapeHeader::kMaxChunkBytes + int64_t{sizeof(TapeChecksum)},
                                 After(silence_seconds_)));
  ++next_;
  used_ = 0;
  LUTRA_RETURN_IF_ERROR(decoder_.Add(record_));
  record_.resize(record_.size() - sizeof(TapeChecksum));
  if (next_ == 1) record_.clear();  // the header has no words
  return absl::OkStatus();
}

Status StreamTape::Read(std::span<std::byte> words) {
  while (!words.empty()) {
    if (used_ == record_.size()) {
      if (decoder_.finished()) {
        return InvalidArgument("the dealer's stream: expected ", words.size(),
                               " more bytes, found its end");
      }
      LUTRA_RETURN_IF_ERROR(NextRecord());
    }
    const size_t size = std::min(words.size(), record_.size() - used_);
    std::memcpy(words.data(), record_.data() + used_, size);
    words = words.subspan(size);
    used_ += size;
  }
  return absl::OkStatus();
}

TapeFeed::TapeFeed(const Program& program, Role role, std::unique_ptr<TapeSource> source,
                   int64_t memory_bytes, Buffer memory, Listener* listener)
    : program_(program),
      role_(role),
      source_(std::move(source)),
      listener_(listener),
      words_(std::move(memory)) {
  const bool whole = source_->header().words <= memory_bytes;
  windows_ = TapeLayout::Windows(
      program, whole ? std::numeric_limits<int64_t>::max() : std::min(kWindowBytes, memory_bytes));
}

Buffer TapeFeed::TakeMemory() && {
  Wipe(words_.bytes());
  return std::move(words_);
}

Status TapeFeed::ReadWindow() {
  layout_.emplace(program_, windows_[window_].levels);
  words_.Resize(static_cast<size_t>(layout_->bytes(role_)));
  Span wait{MonotonicNanoseconds(), 0, 0};
  LUTRA_RETURN_IF_ERROR(source_->Read(words_.bytes()));
  wait.end = MonotonicNanoseconds();
  if (listener_ != nullptr && layout_->bytes(role_) > 0) {
    listener_->OnReceive(Phase::kDeal, 0, Role::kDealer, role_, layout_->bytes(role_), wait);
  }
  loaded_ = true;
  return absl::OkStatus();
}

Status TapeFeed::Load() { return whole() && !loaded_ ? ReadWindow() : absl::OkStatus(); }

Status TapeFeed::BeforeLevel(int level, Walker& walker) {
  if (level == windows_[window_].levels.end) {
    ++window_;
    loaded_ = false;
  }
  if (level != windows_[window_].levels.begin) return absl::OkStatus();
  if (!loaded_) LUTRA_RETURN_IF_ERROR(ReadWindow());
  return walker.SetTape(*layout_, std::as_const(words_).bytes());
}

}  // namespace lutra
