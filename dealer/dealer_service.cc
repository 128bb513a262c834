#include "dealer/dealer_service.h"

#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/tensor_file.h"
#include "core/version.h"

namespace lutra {
namespace {

constexpr int kMostRequests = 64;  // at a time; parts that are sent and streams count
constexpr double kPollSeconds = 0.1;
constexpr double kRetrySeconds = 5;        // after an error of dealing, such as a full disk
constexpr double kSlowestBytes = 1 << 20;  // a second, of the tables of a program

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

std::string Short(const Identifier& tape) { return tape.Hex().substr(0, 8); }
std::string Short(const Digest& program) { return program.Hex().substr(0, 8); }

Status Refused(RequestKind kind, Role from, std::string_view expected) {
  return absl::PermissionDeniedError(
      StrCat("request ", Name(kind), ": expected ", expected, ", found ", Name(from)));
}

// Whether this role may ask this of the dealer.
Status CheckRole(RequestKind kind, Role from) {
  switch (kind) {
    case RequestKind::kStatus:
      return absl::OkStatus();
    case RequestKind::kAddProgram:
      return from == Role::kModelOwner ? absl::OkStatus() : Refused(kind, from, "model-owner");
    case RequestKind::kTakeTape:
    case RequestKind::kKeepTape:
    case RequestKind::kOpenStream:
      return IsParty(from) ? absl::OkStatus() : Refused(kind, from, "p0, p1 or p2");
    case RequestKind::kNewStream:
      return from == Role::kP1 ? absl::OkStatus() : Refused(kind, from, "p1");
    default:
      return absl::PermissionDeniedError(
          StrCat("request ", Name(kind), " of ", Name(from), ": a dealer does not answer it"));
  }
}

Bytes ToBytes(std::vector<std::byte> record) {
  Bytes bytes(record.begin(), record.end());
  Wipe(record);
  return bytes;
}

}  // namespace

Status DealAll(Depot& depot, ThreadPool& pool, Log& log, const std::function<bool()>& stopped,
               int64_t& dealt) {
  while (!stopped()) {
    try {
      LUTRA_ASSIGN_OR_RETURN(const auto record, depot.DealNext(pool, stopped));
      if (!record) return absl::OkStatus();
      ++dealt;
      log.Info(StrCat("program ", Short(record->program), ": tape ", Short(record->tape),
                      " dealt, number ", record->number));
    } catch (const std::bad_alloc&) {
      return Unavailable("not enough memory to deal a tape");
    }
  }
  return absl::CancelledError("dealing was stopped");
}

DealerService::DealerService(Endpoint& endpoint, Depot& depot, ThreadPool& pool, Log& log,
                             const DealerServiceOptions& options)
    : endpoint_(endpoint),
      depot_(depot),
      pool_(pool),
      log_(log),
      options_(options),
      started_(std::chrono::steady_clock::now()) {}

void DealerService::Run(const std::function<bool()>& stopped) {
  std::atomic<bool> served = false;  // every request
  std::thread dealing([&] {
    if (!options_.stream && depot_.has_store()) DealAhead([&] { return stopped() || served; });
  });
  std::thread watching([&] {
    while (!served) {
      WatchStreams(stopped());
      Sleep(kPollSeconds);
    }
  });
  RequestLoop(endpoint_, kMostRequests).Run(stopped, [this](const Request& request) {
    Handle(request);
  });
  served = true;
  dealing.join();
  watching.join();
  WatchStreams(/*stopping=*/true);
}

void DealerService::DealAhead(const std::function<bool()>& stopped) {
  int64_t dealt = 0;
  while (!stopped()) {
    const Status status = DealAll(depot_, pool_, log_, stopped, dealt);
    if (status.ok()) {
      Sleep(kPollSeconds);
    } else if (!absl::IsCancelled(status)) {
      log_.Error("dealing", status);
      for (const auto start = std::chrono::steady_clock::now();
           SecondsSince(start) < kRetrySeconds && !stopped();) {
        Sleep(kPollSeconds);
      }
    }
  }
}

void DealerService::WatchStreams(bool stopping) {
  std::vector<std::shared_ptr<TapeStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [tape, stream] : streams_) streams.push_back(stream);
  }
  for (const std::shared_ptr<TapeStream>& stream : streams) {
    const bool started = stream->started();
    Status why = stream->Health();
    if (why.ok() && stopping &&
        (!started || stream->SecondsWithoutProgress() > options_.silence_seconds)) {
      why = absl::CancelledError("the dealer is ending");
    }
    if (!why.ok()) stream->End(why);
    // Who runs it takes it out, and says why it ended.
    if (stream->started() || !stream->ended()) continue;
    if (!why.ok()) log_.Error(StrCat("stream ", Short(stream->tape())), why);
    const std::lock_guard lock(mutex_);
    streams_.erase(stream->tape());
    ++streams_failed_;
  }
}

void DealerService::Handle(const Request& request) {
  const Role from = request.from.role;
  Status status;
  std::string what = "request";
  try {
    const StatusOr<RequestKind> kind = KindOf(request.body);
    if (kind.ok()) what = Name(*kind);
    status = kind.ok() ? Answer(*kind, request) : kind.status();
  } catch (const std::bad_alloc&) {
    status = Unavailable("not enough memory");
  }
  if (status.ok()) return;
  log_.Error(StrCat(what, " of ", Name(from)), status);
  endpoint_.Reply(request, status, After(options_.silence_seconds)).IgnoreError();
}

Status DealerService::Answer(RequestKind kind, const Request& request) {
  LUTRA_RETURN_IF_ERROR(CheckRole(kind, request.from.role));
  if (kind == RequestKind::kTakeTape) return ServeTakeTape(request);
  if (kind == RequestKind::kOpenStream) return ServeOpenStream(request);
  const auto answer = [&] {
    if (kind == RequestKind::kAddProgram) return AnswerAddProgram(request);
    if (kind == RequestKind::kKeepTape) return AnswerKeepTape(request);
    if (kind == RequestKind::kNewStream) return AnswerNewStream(request);
    return AnswerStatus();
  };
  LUTRA_ASSIGN_OR_RETURN(Bytes bytes, answer());
  return endpoint_.Reply(request, std::move(bytes), After(options_.silence_seconds));
}

StatusOr<Bytes> DealerService::AnswerStatus() {
  ServerStatus status;
  status.version = Version();
  status.uptime_seconds = SecondsSince(started_);
  LUTRA_ASSIGN_OR_RETURN(const std::vector<Depot::Entry> entries, depot_.List());
  for (const Depot::Entry& entry : entries) {
    status.programs.push_back({entry.program, entry.stock});
    status.tapes_dealt += static_cast<int64_t>(entry.dealt);
  }
  for (const Role role : kRoles) {
    const LinkTraffic traffic = endpoint_.traffic(role);
    status.sent_bytes += traffic.sent.payload_bytes;
    status.received_bytes += traffic.received.payload_bytes;
    status.framing_bytes += traffic.sent.framing_bytes + traffic.received.framing_bytes;
  }
  const std::lock_guard lock(mutex_);
  status.sessions_running = static_cast<int64_t>(streams_.size());
  status.sessions_done = streams_done_;
  status.sessions_failed = streams_failed_;
  return EncodeAnswer(status);
}

StatusOr<Bytes> DealerService::AnswerAddProgram(const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const AddProgram add, DecodeRequest<AddProgram>(request.body));
  LUTRA_ASSIGN_OR_RETURN(Program program, ReadProgram(depot_.registry(), add.program, "program"));
  const Digest digest = program.digest();
  const int64_t size = PackedTablesBytes(program);
  const double seconds = options_.silence_seconds + static_cast<double>(size) / kSlowestBytes;
  LUTRA_ASSIGN_OR_RETURN(const Bytes bulk, endpoint_.Receive(request.from, request.channel,
                                                             kBulkTag, size, After(seconds)));
  StatusOr<TableContents> tables = UnpackTables(program, bulk);
  if (!tables.ok()) {
    return Annotate(tables.status(), StrCat("program ", digest.Hex()));
  }
  LUTRA_ASSIGN_OR_RETURN(const bool added,
                         depot_.Add(BuiltProgram{std::move(program), *std::move(tables)}));
  if (added) log_.Info(StrCat("program ", Short(digest), ": added"));
  return EncodeAnswer(Done{});
}

StatusOr<Bytes> DealerService::AnswerKeepTape(const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const KeepTape keep, DecodeRequest<KeepTape>(request.body));
  LUTRA_RETURN_IF_ERROR(depot_.RemovePart(request.from.role, keep.program, keep.tape));
  return EncodeAnswer(Done{});
}

Status DealerService::ServeTakeTape(const Request& request) {
  const Role role = request.from.role;
  LUTRA_ASSIGN_OR_RETURN(const TakeTape take, DecodeRequest<TakeTape>(request.body));
  const auto damaged = [&](const Status& why) {
    log_.Error(StrCat("a part of ", Name(role), " is set aside"), why);
  };
  LUTRA_ASSIGN_OR_RETURN(std::optional<TapeReader> reader,
                         depot_.NextPart(role, take.program, take.have, damaged));
  if (!reader) {
    return endpoint_.Reply(request, EncodeAnswer(TapeOffer{false, options_.stream, {}, 0}),
                           After(options_.silence_seconds));
  }
  const Status status = SendPart(request, *reader);
  if (!status.ok()) endpoint_.Cancel(request.channel, status);
  endpoint_.Close(request.channel);
  if (!status.ok()) {
    return Annotate(status, StrCat("tape ", Short(reader->header().tape)));
  }
  log_.Info(StrCat("tape ", Short(reader->header().tape), ": sent to ", Name(role)));
  return absl::OkStatus();
}

Status DealerService::SendPart(const Request& request, TapeReader& reader) {
  const auto send = [&](uint64_t tag, Bytes bytes) {
    return endpoint_.Send(request.from, request.channel, tag, std::move(bytes),
                          After(options_.silence_seconds));
  };
  const int64_t records = 1 + reader.header().chunks();
  LUTRA_RETURN_IF_ERROR(
      send(0, EncodeAnswer(TapeOffer{true, false, reader.header().tape, records})));
  for (int64_t i = 0; i < records; ++i) {
    StatusOr<std::vector<std::byte>> record = reader.NextRecord();
    if (!record.ok()) {
      depot_.SetAside(request.from.role, reader.header().tape);
      return record.status();
    }
    LUTRA_RETURN_IF_ERROR(send(RecordTag(i), ToBytes(*std::move(record))));
  }
  return endpoint_.Flush(request.from, request.channel, After(options_.silence_seconds));
}

StatusOr<Bytes> DealerService::AnswerNewStream(const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const NewStream wanted, DecodeRequest<NewStream>(request.body));
  if (!options_.stream) {
    return absl::FailedPreconditionError("this dealer deals ahead: take a tape, not a stream");
  }
  LUTRA_ASSIGN_OR_RETURN(std::shared_ptr<const BuiltProgram> built, depot_.Find(wanted.program));
  const std::lock_guard lock(mutex_);
  if (streams_.size() >= kMostStreams) {
    return absl::ResourceExhaustedError(
        StrCat("streams: expected at most ", kMostStreams, " at a time, found one more"));
  }
  LUTRA_ASSIGN_OR_RETURN(const TapeSeed seed, depot_.NewStreamSeed(wanted.program));
  auto stream = std::make_shared<TapeStream>(endpoint_, std::move(built), seed,
                                             After(options_.connect_seconds));
  streams_.emplace(seed.tape, stream);
  return EncodeAnswer(TapeOffer{true, true, seed.tape, stream->records(Role::kP1)});
}

StatusOr<std::shared_ptr<TapeStream>> DealerService::FindStream(const OpenStream& open) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(open.tape);
  if (found == streams_.end()) {
    return absl::NotFoundError(
        StrCat("stream ", open.tape.Hex(), ": expected one that was asked for and has not ended"));
  }
  LUTRA_RETURN_IF_ERROR(CheckSame("stream: program", found->second->program(), open.program));
  return found->second;
}

Status DealerService::ServeOpenStream(const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const OpenStream open, DecodeRequest<OpenStream>(request.body));
  LUTRA_ASSIGN_OR_RETURN(const std::shared_ptr<TapeStream> stream, FindStream(open));
  LUTRA_ASSIGN_OR_RETURN(const bool complete, stream->Open(request));
  if (!complete) return absl::OkStatus();
  const StatusOr<DealRecord> record = stream->Run(pool_, depot_.options().window_bytes);
  {
    const std::lock_guard lock(mutex_);
    streams_.erase(open.tape);
    ++(record.ok() ? streams_done_ : streams_failed_);
  }
  const std::string name = StrCat("stream ", Short(open.tape));
  if (!record.ok()) {
    log_.Error(name, record.status());
    return absl::OkStatus();  // the parties know
  }
  const Status kept = depot_.AddLedger(*record);
  if (!kept.ok()) log_.Error(StrCat(name, ": its ledger"), kept);
  log_.Info(StrCat(name, ": done"));
  return absl::OkStatus();
}

}  // namespace lutra
