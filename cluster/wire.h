// What servers are asked, and what they answer: small structures as archives. What is large (words
// of tapes, shares of models, messages of sessions) goes as messages on the request's channel.
//
// A request is one byte that says which it is, then the archive of its structure. Who asks is known
// from the link. Identifiers and digests that do not fit are errors that name both values.
//
//   asked of      by                 request
//   all servers   anybody            Status
//   dealer        model owner        AddProgram; then the tables: tag kBulkTag
//                 parties            TakeTape, KeepTape, NewStream, OpenStream
//   parties       model owner        ShareModel; then the messages of the model phase: MessageTag
//                 parties            Meet, Merge, Offer, Prepare, Open
//                 data owner         Join; then the messages of the online phase, both ways
#ifndef LUTRA_CLUSTER_WIRE_H_
#define LUTRA_CLUSTER_WIRE_H_

#include <array>
#include <cereal/types/array.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/archive.h"
#include "core/memory.h"
#include "core/status.h"
#include "mpc/keys.h"
#include "mpc/role.h"

namespace lutra {

template <class Archive>
void serialize(Archive& archive, Identifier& identifier) {
  archive(identifier.bytes);
}
template <class Archive>
void serialize(Archive& archive, Digest& digest) {
  archive(digest.bytes);
}
template <class Archive>
void serialize(Archive& archive, Key& key) {
  archive(key.bytes);
}

// Tags on a channel; 0 is the answer's.
inline constexpr uint64_t kBulkTag = 1;
constexpr uint64_t MessageTag(Phase phase, int level) {
  return (uint64_t{1} << 40) | (static_cast<uint64_t>(phase) << 32) | static_cast<uint64_t>(level);
}
// Of the records of a tape part, header first.
constexpr uint64_t RecordTag(int64_t record) {
  return (uint64_t{1} << 50) | static_cast<uint64_t>(record);
}

enum class RequestKind : uint8_t {
  kStatus,
  kAddProgram,
  kTakeTape,
  kKeepTape,
  kNewStream,
  kOpenStream,
  kShareModel,
  kMeet,
  kMerge,
  kOffer,
  kPrepare,
  kOpen,
  kJoin,
};
inline constexpr int kRequestKinds = 13;

// An answer without content.
struct Done {
  template <class Archive>
  void serialize(Archive&) {}
};

struct StatusRequest {
  static constexpr RequestKind kKind = RequestKind::kStatus;
  template <class Archive>
  void serialize(Archive&) {}
};
struct ServerStatus {
  struct Program {
    Digest digest;
    int64_t tapes = 0;  // dealer: that every party can still take; party: that it can use
    template <class Archive>
    void serialize(Archive& archive) {
      archive(digest, tapes);
    }
  };
  struct Model {
    Identifier id;
    Digest program;
    int64_t prepared = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(id, program, prepared);
    }
  };
  std::string version;
  double uptime_seconds = 0;
  std::vector<Program> programs;
  std::vector<Model> models;
  int64_t sessions_done = 0;
  int64_t sessions_failed = 0;
  int64_t sessions_running = 0;
  int64_t tapes_dealt = 0;  // dealer
  int64_t sent_bytes = 0;   // payload, since the process started
  int64_t received_bytes = 0;
  int64_t framing_bytes = 0;  // both ways
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version, uptime_seconds, programs, models, sessions_done, sessions_failed,
            sessions_running, tapes_dealt, sent_bytes, received_bytes, framing_bytes);
  }
};

// ---- dealer ----

// `program`: WriteProgram's bytes. The tables follow as PackTables has them. Answer: Done.
struct AddProgram {
  static constexpr RequestKind kKind = RequestKind::kAddProgram;
  std::vector<std::byte> program;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program);
  }
};

// The next part of the asking role that it does not have. Answer: TapeOffer; where `found`, the
// records of the part follow (RecordTag), with their checksums behind them.
struct TakeTape {
  static constexpr RequestKind kKind = RequestKind::kTakeTape;
  Digest program;
  std::vector<Identifier> have;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, have);
  }
};
struct TapeOffer {
  bool found = false;
  bool streaming = false;  // nothing is dealt ahead: ask for a stream
  Identifier tape;
  int64_t records = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(found, streaming, tape, records);
  }
};

// The part is on the asking role's disk: the dealer forgets it. Answer: Done.
struct KeepTape {
  static constexpr RequestKind kKind = RequestKind::kKeepTape;
  Digest program;
  Identifier tape;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, tape);
  }
};

// P1, for a tape that is dealt while it is used. Answer: TapeOffer. Each party then opens its part
// once: OpenStream is answered by TapeOffer, and the records follow as they are dealt; the dealer
// deals on as they are taken.
struct NewStream {
  static constexpr RequestKind kKind = RequestKind::kNewStream;
  Digest program;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program);
  }
};
struct OpenStream {
  static constexpr RequestKind kKind = RequestKind::kOpenStream;
  Digest program;
  Identifier tape;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, tape);
  }
};

// ---- parties ----

// From the model owner. The messages of the model phase follow. Answer, when the share is on the
// disk and ready: Done.
struct ShareModel {
  static constexpr RequestKind kKind = RequestKind::kShareModel;
  Identifier model;
  std::vector<std::byte> program;
  std::vector<Key> key0;  // model0, where the role holds it; else empty
  std::vector<Key> key1;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(model, program, key0, key1);
  }
};

// Whether two parties have the same keys; who does not have one yet gets it from the party that
// makes it (P0: k0, k1, data0, data1; P1: k2).
struct Meet {
  static constexpr RequestKind kKind = RequestKind::kMeet;
  struct Known {
    uint32_t key = 0;  // KeyName
    Key fingerprint;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(key, fingerprint);
    }
  };
  std::vector<Known> known;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(known);
  }
};
struct Met {
  struct Given {
    uint32_t key = 0;
    Key value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(key, value);
    }
  };
  std::vector<Given> given;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(given);
  }
};

// Tapes that the asking party has consumed. Answer: Done.
struct Merge {
  static constexpr RequestKind kKind = RequestKind::kMerge;
  std::vector<Identifier> consumed;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(consumed);
  }
};

// P1, before it chooses a tape: which of these could the other one use for this model? With what is
// consumed on either side compared; where it differs the answer has all that the other consumed.
struct Offer {
  static constexpr RequestKind kKind = RequestKind::kOffer;
  Digest program;
  Identifier model;
  std::vector<Identifier> tapes;
  uint64_t consumed_count = 0;
  Digest consumed_hash;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, model, tapes, consumed_count, consumed_hash);
  }
};
struct Offered {
  std::vector<Identifier> usable;
  bool same_consumed = false;
  std::vector<Identifier> consumed;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(usable, same_consumed, consumed);
  }
};

// P1 to P0 and P2: prepare this tape for this model, on this channel. Answer, when the tape is
// bound to the model on the other's disk: Done.
struct Prepare {
  static constexpr RequestKind kKind = RequestKind::kPrepare;
  Digest program;
  Identifier model;
  Identifier tape;
  Identifier channel;
  bool streamed = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, model, tape, channel, streamed);
  }
};

// P1 to P2 and, where it takes part online, P0: a session starts on this tape. Answer, when the
// tape is consumed on the other's disk: Done.
struct Open {
  static constexpr RequestKind kKind = RequestKind::kOpen;
  Identifier session;
  Digest program;
  Identifier model;
  Identifier tape;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, program, model, tape);
  }
};

// From the data owner to P1 and P2. P1 chooses a tape and opens the session.
struct Join {
  static constexpr RequestKind kKind = RequestKind::kJoin;
  Identifier session;
  Digest program;
  Identifier model;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, program, model);
  }
};
// `data`: what the role's data key (data1 of P1, data0 of P2) gives for this tape.
struct Joined {
  Identifier session;
  Digest program;
  Identifier model;
  Identifier tape;
  Key data;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, program, model, tape, data);
  }
};

// ---- bytes ----

template <class T>
Bytes EncodeAnswer(const T& answer) {
  std::vector<std::byte> archived = WriteArchive(answer);
  Bytes bytes(archived.begin(), archived.end());
  Wipe(archived);
  return bytes;
}
template <class T>
Bytes EncodeRequest(const T& request) {
  std::vector<std::byte> archived = WriteArchive(request);
  Bytes bytes(archived.size() + 1);
  bytes[0] = static_cast<std::byte>(T::kKind);
  std::copy(archived.begin(), archived.end(), bytes.begin() + 1);
  Wipe(archived);
  return bytes;
}
// An error for an empty request and for a kind that is not there.
StatusOr<RequestKind> KindOf(std::span<const std::byte> request);
std::string_view Name(RequestKind kind);
// Of a request whose kind is T's.
template <class T>
StatusOr<T> DecodeRequest(std::span<const std::byte> request) {
  return ReadArchive<T>(request.subspan(1), Name(T::kKind));
}
template <class T>
StatusOr<T> DecodeAnswer(std::span<const std::byte> answer, std::string_view where) {
  return ReadArchive<T>(answer, where);
}

// "program: expected 12ab.., found 34cd.." where the two differ.
template <class T>
Status CheckSame(std::string_view field, const T& expected, const T& found) {
  if (expected == found) return absl::OkStatus();
  return InvalidArgument(field, ": expected ", expected.Hex(), ", found ", found.Hex());
}

}  // namespace lutra

#endif  // LUTRA_CLUSTER_WIRE_H_
