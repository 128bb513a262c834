// The words of a session's tape, from a file or from the dealer as it deals, handed to a walker
// window by window.
#ifndef LUTRA_PARTIES_TAPE_FEED_H_
#define LUTRA_PARTIES_TAPE_FEED_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cluster/endpoint.h"
#include "cluster/tape_file.h"
#include "core/buffer.h"
#include "core/status.h"
#include "mpc/program.h"
#include "mpc/tape.h"
#include "parties/walker.h"

namespace lutra {

// Where words come from, in their order. Every word is checked before it is handed out.
class TapeSource {
 public:
  virtual ~TapeSource() = default;
  virtual const TapeHeader& header() const = 0;
  // As many words as there is room for.
  virtual Status Read(std::span<std::byte> words) = 0;
};

// A part that is in a store.
class FileTape final : public TapeSource {
 public:
  explicit FileTape(TapeReader reader) : reader_(std::move(reader)) {}
  const TapeHeader& header() const override { return reader_.header(); }
  Status Read(std::span<std::byte> words) override { return reader_.Read(words); }

 private:
  TapeReader reader_;
};

// A part that the dealer deals while it is used.
class StreamTape final : public TapeSource {
 public:
  // Asks the dealer for its part of a tape; the header is there when it returns.
  static StatusOr<std::unique_ptr<StreamTape>> Open(Endpoint& endpoint, const Digest& program,
                                                    const Identifier& tape, double silence_seconds);
  ~StreamTape() override;
  const TapeHeader& header() const override { return decoder_.header(); }
  Status Read(std::span<std::byte> words) override;

 private:
  StreamTape(Endpoint& endpoint, const Identifier& channel, double silence_seconds);
  Status NextRecord();

  Endpoint& endpoint_;
  Identifier channel_;
  double silence_seconds_;
  TapeDecoder decoder_;
  int64_t next_ = 0;  // record
  Bytes record_;      // of which only a part was handed out
  size_t used_ = 0;
};

class TapeFeed {
 public:
  // Words of up to `memory_bytes` are kept in memory whole, and read by Load; those of longer
  // tapes window by window as the levels come.
  // `memory` is used again for them: to touch fresh memory takes longer than to fill it. The
  // listener, which may be null and outlives the feed, is told what was received.
  TapeFeed(const Program& program, Role role, std::unique_ptr<TapeSource> source,
           int64_t memory_bytes, Buffer memory, Listener* listener);

  // Gives the memory back, wiped. The feed is not used any more.
  Buffer TakeMemory() &&;

  const TapeHeader& header() const { return source_->header(); }
  // Whether the words are kept whole, so that all are there after Load.
  bool whole() const { return windows_.size() == 1; }
  // Before the online phase.
  Status Load();
  // Before a level: gives the walker the window that begins with it, if one does.
  Status BeforeLevel(int level, Walker& walker);

 private:
  Status ReadWindow();

  const Program& program_;
  Role role_;
  std::unique_ptr<TapeSource> source_;
  Listener* listener_;
  std::vector<TapeLayout::Window> windows_;
  size_t window_ = 0;
  bool loaded_ = false;  // the words of window_ are there
  std::optional<TapeLayout> layout_;
  Buffer words_;
};

}  // namespace lutra

#endif  // LUTRA_PARTIES_TAPE_FEED_H_
