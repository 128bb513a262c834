// What tests of the dealer have in common: programs, a network of all roles on loopback, and what a
// party does to get its part of a tape.
#ifndef LUTRA_TESTS_DEALER_SUPPORT_H_
#define LUTRA_TESTS_DEALER_SUPPORT_H_

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/cluster_file.h"
#include "cluster/endpoint.h"
#include "cluster/tape_file.h"
#include "cluster/tensor_file.h"
#include "cluster/wire.h"
#include "dealer/stock.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/reveal.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

namespace lutra {

inline Deadline Soon() { return After(20); }

// A chain of lookups in a private table: a tape of some windows. Of another `width`, another
// program; of another `contents`, the same program with another private table.
class Example {
 public:
  explicit Example(int64_t width, uint64_t contents = 3, int32_t bits = 3, int steps = 3) {
    Builder& b = case_.builder;
    const TableId table = b.AddTable(
        "T", {bits}, RandomTensor(Ring(bits), Shape{1, int64_t{1} << bits}, contents), true);
    const TableId seen =
        b.AddTable("W", {bits}, RandomTensor(Ring(9), Shape{1, int64_t{1} << bits}, 4), false);
    Value x = case_.Random("x", Role::kDataOwner, Ring(bits), Shape{width}, 7);
    for (int i = 0; i < steps; ++i) x = LookupReplicated(b, {x}, table, LookupForm::kReshare);
    Reveal(b, "y", Lookup(b, {x}, seen));
    StatusOr<BuiltProgram> built = std::move(case_.builder).Build();
    INFO(OneLine(built.status()));
    REQUIRE(built.ok());
    built_.emplace(*std::move(built));
  }
  const BuiltProgram& built() const { return *built_; }
  const Program& program() const { return built_->program; }
  const TableContents& tables() const { return built_->tables; }
  const Digest& digest() const { return built_->program.digest(); }

  // Program and tables, once more.
  BuiltProgram Copy() const {
    StatusOr<Program> program =
        ReadProgram(case_.registry, WriteProgram(built_->program), "a copy");
    REQUIRE(program.ok());
    StatusOr<TableContents> copies = UnpackTables(*program, PackTables(built_->program, tables()));
    REQUIRE(copies.ok());
    return {*std::move(program), *std::move(copies)};
  }
  // What `lutra-client compile` leaves of it for a dealer.
  void Write(const std::filesystem::path& directory) const {
    REQUIRE(MakePrivateDirectory(directory).ok());
    REQUIRE(WriteFile(directory / "program", WriteProgram(program())).ok());
    REQUIRE(WriteTables(directory / "tables", program(), tables()).ok());
  }
  // A part as the dealer with this seed deals it, without its file.
  std::vector<std::byte> Words(Role role, uint64_t number, uint64_t seed) const {
    ThreadPool pool(1);
    std::vector<std::byte> all;
    const auto sink = [&](Role to, std::span<const std::byte> words) {
      if (to == role) all.insert(all.end(), words.begin(), words.end());
      return absl::OkStatus();
    };
    REQUIRE(DealWindows(program(), tables(), *MakeTapeSeed(number, seed), {}, pool, sink).ok());
    return all;
  }

 private:
  Case case_;
  std::optional<BuiltProgram> built_;
};

// Keys of every role, and the endpoints of some.
class Net {
 public:
  Net() {
    for (const Role role : kRoles) {
      StatusOr<CurveKeyPair> pair = CurveKeyPair::Generate();
      REQUIRE(pair.ok());
      keys_.emplace(role, *std::move(pair));
    }
    for (const Role role : kServers) {
      cluster_.server(role).address = Address{"127.0.0.1", 0};
      cluster_.server(role).public_key = keys_.at(role).public_key();
    }
    for (const Role role : kOwners) cluster_.keys(role) = {keys_.at(role).public_key()};
    cluster_.silence_seconds = 20;
  }

  Cluster& cluster() { return cluster_; }
  const CurveKeyPair& keys(Role role) const { return keys_.at(role); }
  Endpoint& operator[](Role role) { return *endpoints_.at(role); }

  Endpoint& Start(Role role, const std::function<void(EndpointOptions&)>& adjust = {}) {
    EndpointOptions options = EndpointOptions::ForRole(cluster_, role, keys_.at(role).Clone());
    options.request_bytes = int64_t{64} << 20;
    options.linger_seconds = 1;
    if (adjust) adjust(options);
    StatusOr<std::unique_ptr<Endpoint>> made = Endpoint::Make(std::move(options));
    INFO(OneLine(made.status()));
    REQUIRE(made.ok());
    Endpoint& endpoint = *(endpoints_[role] = *std::move(made));
    if (role == Role::kDealer) cluster_.server(role).address = endpoint.address();
    return endpoint;
  }
  void Stop(Role role) { endpoints_.erase(role); }

 private:
  std::map<Role, CurveKeyPair> keys_;
  Cluster cluster_;
  std::map<Role, std::unique_ptr<Endpoint>> endpoints_;
};

template <class Answer, class Request>
StatusOr<Answer> Call(Endpoint& endpoint, const Request& request) {
  LUTRA_ASSIGN_OR_RETURN(const Bytes answer, endpoint.Call(Role::kDealer, EncodeRequest(request),
                                                           int64_t{1} << 20, Soon()));
  return DecodeAnswer<Answer>(answer, "answer");
}

inline Status SendProgram(Endpoint& owner, std::vector<std::byte> program, Bytes tables) {
  LUTRA_ASSIGN_OR_RETURN(const Identifier channel, RandomIdentifier());
  LUTRA_RETURN_IF_ERROR(
      owner.Ask(Role::kDealer, channel, EncodeRequest(AddProgram{std::move(program)}), Soon()));
  LUTRA_RETURN_IF_ERROR(owner.Send({Role::kDealer}, channel, kBulkTag, std::move(tables), Soon()));
  const Status status = owner.Receive({Role::kDealer}, channel, 0, 1 << 20, Soon()).status();
  owner.Close(channel);
  return status;
}
inline Status SendProgram(Endpoint& owner, const Example& example) {
  return SendProgram(owner, WriteProgram(example.program()),
                     PackTables(example.program(), example.tables()));
}

// A part of a tape as it arrives, checked record by record.
class Arriving {
 public:
  // Asks, and takes the dealer's answer.
  template <class Request>
  Arriving(Endpoint& endpoint, const Request& request)
      : endpoint_(&endpoint), channel_(*RandomIdentifier()) {
    status_ = endpoint_->Ask(Role::kDealer, channel_, EncodeRequest(request), Soon());
    if (!status_.ok()) return;
    const StatusOr<Bytes> answer =
        endpoint_->Receive({Role::kDealer}, channel_, 0, 1 << 20, Soon());
    status_ = answer.status();
    if (answer.ok()) offer_ = *DecodeAnswer<TapeOffer>(*answer, "offer");
  }
  ~Arriving() {
    if (endpoint_ != nullptr) endpoint_->Close(channel_);
  }
  Arriving(const Arriving&) = delete;
  Arriving& operator=(const Arriving&) = delete;

  const Status& status() const { return status_; }
  const TapeOffer& offer() const { return offer_; }
  const TapeHeader& header() const { return decoder_.header(); }
  const std::vector<std::byte>& words() const { return words_; }
  const Identifier& channel() const { return channel_; }

  Status Next(Deadline deadline = Soon()) {
    LUTRA_ASSIGN_OR_RETURN(const Bytes record,
                           endpoint_->Receive({Role::kDealer}, channel_, RecordTag(next_),
                                              int64_t{1} << 20, deadline));
    LUTRA_RETURN_IF_ERROR(decoder_.Add(record));
    if (next_++ > 0) {
      words_.insert(words_.end(), record.begin(),
                    record.end() - static_cast<std::ptrdiff_t>(sizeof(TapeChecksum)));
    }
    return absl::OkStatus();
  }
  // Before the endpoint goes.
  void Forget() { endpoint_ = nullptr; }
  // All that is left.
  Status Finish() {
    LUTRA_RETURN_IF_ERROR(status_);
    while (next_ < offer_.records) LUTRA_RETURN_IF_ERROR(Next());
    if (!decoder_.finished()) return InvalidArgument("expected an end");
    return absl::OkStatus();
  }

 private:
  Endpoint* endpoint_;
  Identifier channel_;
  Status status_;
  TapeOffer offer_;
  TapeDecoder decoder_{"arriving"};
  int64_t next_ = 0;
  std::vector<std::byte> words_;
};

// Within some seconds.
inline bool Eventually(const std::function<bool()>& condition) {
  const Deadline deadline = Soon();
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace lutra

#endif  // LUTRA_TESTS_DEALER_SUPPORT_H_
