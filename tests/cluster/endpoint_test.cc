// Links between endpoints of one process, on loopback, with and without CURVE.
#include "cluster/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <zmq.hpp>

#include "cluster/frame.h"
#include "tests/support/sanitized.h"
#include "tests/support/text.h"

namespace lutra {
namespace {

constexpr int64_t kChunk = Endpoint::kChunkBytes;
constexpr int64_t kMost = int64_t{1} << 30;

Deadline Soon() { return After(20); }

Identifier NewChannel() {
  StatusOr<Identifier> channel = RandomIdentifier();
  REQUIRE(channel.ok());
  return *channel;
}

Bytes Pattern(size_t size, uint64_t seed) {
  Bytes bytes(size);
  uint64_t state = seed * 2 + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

Bytes Text(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return Bytes(data, data + text.size());
}

std::string Message(const Status& status) { return OneLine(status); }

// What an endpoint logged.
class Log {
 public:
  void Add(const LinkEvent& event) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(event.Line());
    changed_.notify_all();
  }
  // Whether a line with both parts comes within some seconds.
  bool Gets(std::string_view part, std::string_view other = "") {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, Soon(), [&] {
      for (const std::string& line : lines_) {
        if (Has(line, part) && Has(line, other)) return true;
      }
      return false;
    });
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

CurveKeyPair NewKeys() {
  StatusOr<CurveKeyPair> keys = CurveKeyPair::Generate();
  REQUIRE(keys.ok());
  return *std::move(keys);
}

// Endpoints of some roles, which know each other.
struct Net {
  explicit Net(bool encrypted = true, std::function<void(EndpointOptions&)> change = {})
      : curve(encrypted), adjust(std::move(change)) {
    for (const Role role : kRoles) keys.emplace(role, NewKeys());
  }

  EndpointOptions Options(Role role) {
    EndpointOptions options;
    options.role = role;
    options.insecure_plaintext = !curve;
    if (curve) options.keys = keys.at(role).Clone();
    if (IsServer(role)) options.listen = Address{"127.0.0.1", 0};
    if (curve) {
      for (const auto& [other, pair] : keys) {
        if (other != role) options.admitted.push_back({pair.public_key(), other});
      }
    }
    options.connect_seconds = 10;
    options.silence_seconds = 20;
    options.linger_seconds = 5;
    Log* log = &logs[role];
    options.on_event = [log](const LinkEvent& event) { log->Add(event); };
    if (adjust) adjust(options);
    return options;
  }

  Endpoint& Start(EndpointOptions options) {
    const Role role = options.role;
    StatusOr<std::unique_ptr<Endpoint>> made = Endpoint::Make(std::move(options));
    INFO(Message(made.status()));
    REQUIRE(made.ok());
    Endpoint& endpoint = *(endpoints[role] = *std::move(made));
    for (auto& [other, existing] : endpoints) {
      if (other == role) continue;
      if (IsServer(role)) Introduce(*existing, role, endpoint);
      if (IsServer(other)) Introduce(endpoint, other, *existing);
    }
    return endpoint;
  }
  Endpoint& Start(Role role) { return Start(Options(role)); }

  void Introduce(Endpoint& to, Role role, Endpoint& server) {
    REQUIRE(to.SetServer(role, {server.address(), keys.at(role).public_key()}).ok());
  }

  bool curve;
  std::function<void(EndpointOptions&)> adjust;
  std::map<Role, CurveKeyPair> keys;
  std::map<Role, Log> logs;
  std::map<Role, std::unique_ptr<Endpoint>> endpoints;
};

// A message there and back.
void CheckRoundTrip(Endpoint& a, Role a_role, Endpoint& b, Role b_role, size_t size) {
  const Identifier channel = NewChannel();
  const Bytes sent = Pattern(size, size);
  const Status status = a.Send({b_role}, channel, 1, sent, Soon());
  INFO(Message(status));
  REQUIRE(status.ok());
  StatusOr<Bytes> got = b.Receive({a_role}, channel, 1, kMost, Soon());
  INFO(Message(got.status()));
  REQUIRE(got.ok());
  CHECK((*got == sent));
  REQUIRE(b.Send({a_role}, channel, 2, *std::move(got), Soon()).ok());
  const StatusOr<Bytes> back = a.Receive({b_role}, channel, 2, kMost, Soon());
  REQUIRE(back.ok());
  CHECK((*back == sent));
  a.Close(channel);
  b.Close(channel);
}

// Everything works between p1 and p2, whatever happened before.
void CheckServing(Net& net) {
  CheckRoundTrip(*net.endpoints[Role::kP1], Role::kP1, *net.endpoints[Role::kP2], Role::kP2, 1000);
}

TEST_CASE("Messages of any size arrive", "[cluster][endpoint]") {
  const bool curve = GENERATE(true, false);
  Net net(curve);
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{4096}, int64_t{4097}, kChunk - 1,
                             kChunk, kChunk + 1, 5 * kChunk + 77}) {
    INFO(size);
    CheckRoundTrip(p1, Role::kP1, p2, Role::kP2, static_cast<size_t>(size));
  }
  CHECK(net.logs[Role::kP1].size() == 0);
  CHECK(net.logs[Role::kP2].size() == 0);
  CHECK(p1.Connected(Role::kP2));
  CHECK_FALSE(p1.Connected(Role::kP0));
}

TEST_CASE("A message larger than the window arrives", "[cluster][endpoint]") {
  Net net(true, [](EndpointOptions& options) { options.window_bytes = 2 * kChunk; });
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  CheckRoundTrip(p1, Role::kP1, p2, Role::kP2, 21 * kChunk + 5);
}

TEST_CASE("Sessions in many threads do not mix", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  constexpr int kSessions = 6;
  const int rounds = kSanitized ? 10 : 60;
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  std::vector<Identifier> channels;
  for (int i = 0; i < kSessions; ++i) channels.push_back(NewChannel());
  const auto run = [&](Endpoint& self, Role peer, int session) {
    for (int round = 0; round < rounds; ++round) {
      const size_t size = static_cast<size_t>((session * 7919 + round * 104729) % 700000);
      const auto seed = static_cast<uint64_t>(session * 1000 + round);
      if (!self.Send({peer}, channels[static_cast<size_t>(session)], seed, Pattern(size, seed),
                     Soon())
               .ok()) {
        return;
      }
      const StatusOr<Bytes> got =
          self.Receive({peer}, channels[static_cast<size_t>(session)], seed, kMost, Soon());
      if (!got.ok() || *got != Pattern(size, seed)) return;
      ++right;
    }
  };
  for (int session = 0; session < kSessions; ++session) {
    threads.emplace_back(run, std::ref(p1), Role::kP2, session);
    threads.emplace_back(run, std::ref(p2), Role::kP1, session);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 2 * kSessions * rounds);
}

TEST_CASE("Owners call, and servers answer whom they know by connection", "[cluster][endpoint]") {
  const bool curve = GENERATE(true, false);
  Net net(curve);
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& owner = net.Start(Role::kDataOwner);
  // Catch2 checks in one thread only.
  std::atomic<int> wrong = 0;
  const auto expect = [&](bool right) { wrong += right ? 0 : 1; };
  std::thread server([&] {
    for (;;) {
      StatusOr<Request> request = p1.NextRequest(Soon());
      expect(request.ok());
      if (!request.ok()) return;
      expect(request->from.role == Role::kDataOwner);
      if (request->body == Text("stop")) {
        expect(p1.Reply(*request, Text("bye"), Soon()).ok());
        return;
      }
      if (request->body == Text("fail")) {
        expect(p1.Reply(*request, InvalidArgument("no such model"), Soon()).ok());
      } else if (request->body == Text("stream")) {
        for (uint64_t tag = 0; tag < 5; ++tag) {
          expect(
              p1.Send(request->from, request->channel, tag, Pattern(kChunk * 2, tag), Soon()).ok());
        }
        const StatusOr<Bytes> thanks = p1.Receive(request->from, request->channel, 9, 100, Soon());
        expect((thanks.ok() && *thanks == Text("thanks")));
        p1.Close(request->channel);
      } else {
        expect(p1.Reply(*request, std::move(request->body), Soon()).ok());
      }
    }
  });
  for (const size_t size : {size_t{0}, size_t{10}, size_t{900000}}) {
    const StatusOr<Bytes> answer = owner.Call(Role::kP1, Pattern(size, 3), kMost, Soon());
    INFO(Message(answer.status()));
    CHECK((answer.ok() && *answer == Pattern(size, 3)));
  }
  const StatusOr<Bytes> failed = owner.Call(Role::kP1, Text("fail"), kMost, Soon());
  CHECK(failed.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Message(failed.status()) == "p1: no such model");

  const Identifier channel = NewChannel();
  REQUIRE(owner.Ask(Role::kP1, channel, Text("stream"), Soon()).ok());
  for (uint64_t tag = 0; tag < 5; ++tag) {
    const StatusOr<Bytes> part = owner.Receive({Role::kP1}, channel, tag, kMost, Soon());
    CHECK((part.ok() && *part == Pattern(kChunk * 2, tag)));
  }
  CHECK(owner.Send({Role::kP1}, channel, 9, Text("thanks"), Soon()).ok());
  const StatusOr<Bytes> long_request = owner.Call(Role::kP1, Pattern(2 << 20, 1), kMost, Soon());
  CHECK(Message(long_request.status()) ==
        "p1: a request of 2097152 bytes; at most 1048576 are accepted");
  const StatusOr<Bytes> bye = owner.Call(Role::kP1, Text("stop"), kMost, Soon());
  CHECK((bye.ok() && *bye == Text("bye")));
  server.join();
  CHECK(wrong == 0);
  CHECK(Has(Message(owner.Connect(Role::kModelOwner, Soon())), "cannot connect to model-owner"));
  CHECK(Has(Message(p1.Receive({Role::kDataOwner}, channel, 0, 1, Soon()).status()),
            "which data-owner"));
}

TEST_CASE("A request may come behind another peer's messages on its channel, but only once",
          "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  Endpoint& owner = net.Start(Role::kDataOwner);
  const Identifier session = NewChannel();
  REQUIRE(p1.Send({Role::kP2, 0}, session, 5, Text("first"), Soon()).ok());
  const bool opened = GENERATE(false, true);
  if (opened) {  // also where somebody reads it already
    REQUIRE(p2.Receive({Role::kP1, 0}, session, 5, kMost, Soon()).ok());
  } else {
    REQUIRE(p1.Flush({Role::kP2, 0}, session, Soon()).ok());
    // What P1 asks now arrives behind it.
    REQUIRE(p1.Ask(Role::kP2, NewChannel(), Text("behind"), Soon()).ok());
    REQUIRE(p2.NextRequest(Soon()).ok());
  }
  REQUIRE(owner.Ask(Role::kP2, session, Text("join"), Soon()).ok());
  const StatusOr<Request> request = p2.NextRequest(Soon());
  REQUIRE(request.ok());
  CHECK(request->channel == session);
  CHECK(request->body == Text("join"));
  if (!opened) CHECK(p2.Receive({Role::kP1, 0}, session, 5, kMost, Soon()).ok());
  REQUIRE(p2.Send(request->from, session, 0, Text("joined"), Soon()).ok());
  const StatusOr<Bytes> answer = owner.Receive({Role::kP2, 0}, session, 0, kMost, Soon());
  REQUIRE(answer.ok());
  CHECK(*answer == Text("joined"));
  REQUIRE(owner.Ask(Role::kP2, session, Text("again"), Soon()).ok());
  CHECK(Has(Message(owner.Receive({Role::kP2, 0}, session, 1, kMost, Soon()).status()), "in use"));
  CHECK(absl::IsDeadlineExceeded(p2.NextRequest(After(0.2)).status()));
}

TEST_CASE("An unknown key is refused, logged and disturbs nobody", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  EndpointOptions options = net.Options(Role::kDataOwner);
  const CurveKeyPair stranger = NewKeys();
  options.keys = stranger.Clone();
  options.servers[Index(Role::kP1)] = {p1.address(), net.keys.at(Role::kP1).public_key()};
  StatusOr<std::unique_ptr<Endpoint>> made = Endpoint::Make(std::move(options));
  REQUIRE(made.ok());
  const Status refused = (*made)->Connect(Role::kP1, Soon());
  CHECK(refused.code() == absl::StatusCode::kPermissionDenied);
  CHECK(Has(Message(refused), StrCat("p1 at ", p1.address().Endpoint(), ": refused our key ",
                                     stranger.public_key())));
  CHECK(net.logs[Role::kP1].Gets("unknown public key, from 127.0.0.1", stranger.public_key()));
  CHECK(Has(Message((*made)->Call(Role::kP1, {}, 10, Soon()).status()), "refused our key"));
  CheckServing(net);
}

TEST_CASE("A key in another role is refused at both ends", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  EndpointOptions options = net.Options(Role::kP0);
  options.keys = net.keys.at(Role::kDataOwner).Clone();
  options.servers[Index(Role::kP1)] = {p1.address(), net.keys.at(Role::kP1).public_key()};
  StatusOr<std::unique_ptr<Endpoint>> made = Endpoint::Make(std::move(options));
  REQUIRE(made.ok());
  constexpr std::string_view kWhy = "expected data-owner, whose key it is, found a hello of p0";
  CHECK(Has(Message((*made)->Connect(Role::kP1, Soon())), kWhy));
  CHECK(net.logs[Role::kP1].Gets(kWhy, "from 127.0.0.1:"));
  CHECK_FALSE(p1.Connected(Role::kP0));
  CHECK_FALSE(p1.Connected(Role::kDataOwner));
  CheckServing(net);
}

TEST_CASE("A wrong server key and plain text fail the handshake", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  SECTION("wrong server key") {
    Endpoint& owner = net.Start(Role::kDataOwner);
    REQUIRE(owner.SetServer(Role::kP1, {p1.address(), NewKeys().public_key()}).ok());
    const Status failed = owner.Connect(Role::kP1, Soon());
    CHECK(Has(Message(failed), "handshake failed: is its public key right in the cluster file"));
    CHECK(net.logs[Role::kP1].Gets("our public key", "from "));
  }
  SECTION("plain text to CURVE") {
    EndpointOptions options;
    options.role = Role::kDataOwner;
    options.insecure_plaintext = true;
    options.servers[Index(Role::kP1)] = {p1.address(), ""};
    StatusOr<std::unique_ptr<Endpoint>> made = Endpoint::Make(std::move(options));
    REQUIRE(made.ok());
    CHECK(Has(Message((*made)->Connect(Role::kP1, Soon())), "does it expect CURVE?"));
    CHECK(net.logs[Role::kP1].Gets("CURVE", "from "));
  }
  SECTION("CURVE to plain text") {
    Net plain(false);
    Endpoint& server = plain.Start(Role::kP0);
    REQUIRE(p1.SetServer(Role::kP0, {server.address(), net.keys.at(Role::kP0).public_key()}).ok());
    CHECK(Has(Message(p1.Connect(Role::kP0, Soon())), "does it use CURVE?"));
    CHECK(plain.logs[Role::kP0].Gets("connection", "from "));
  }
  CheckServing(net);
}

TEST_CASE("Without CURVE only loopback addresses are taken", "[cluster][endpoint]") {
  EndpointOptions options;
  options.role = Role::kP1;
  options.insecure_plaintext = true;
  const bool listens = GENERATE(true, false);
  if (listens) {
    options.listen = Address{"0.0.0.0", 0};
  } else {
    options.listen = Address{"127.0.0.1", 0};
    options.servers[Index(Role::kP2)] = {Address{"192.0.2.1", 7000}, ""};
  }
  const auto made = Endpoint::Make(std::move(options));
  CHECK(Has(Message(made.status()), "expected a loopback address"));
}

// A bare ZeroMQ socket that says what it likes.
struct Raw {
  Raw(const Address& to, bool dealer = true)
      : socket(context, dealer ? zmq::socket_type::dealer : zmq::socket_type::router) {
    socket.set(zmq::sockopt::linger, 1000);
    socket.set(zmq::sockopt::rcvtimeo, 10000);
    if (dealer) {
      socket.connect(to.Endpoint());
    } else {
      socket.bind("tcp://127.0.0.1:*");
    }
  }
  void Send(const std::vector<Bytes>& frames) {
    for (size_t i = 0; i < frames.size(); ++i) {
      zmq::message_t frame(frames[i].data(), frames[i].size());
      zmq_msg_send(frame.handle(), socket.handle(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    }
  }
  // The frames of the next message; none within 10 s.
  std::vector<Bytes> Receive() {
    std::vector<Bytes> frames;
    zmq::message_t frame;
    do {
      if (zmq_msg_recv(frame.handle(), socket.handle(), 0) < 0) return {};
      const auto* data = frame.data<std::byte>();
      frames.emplace_back(data, data + frame.size());
    } while (frame.more());
    return frames;
  }
  static Bytes FrameOf(const FrameHeader& header, const Bytes& body) {
    const auto bytes = EncodeHeader(header);
    Bytes frame(bytes.begin(), bytes.end());
    frame.insert(frame.end(), body.begin(), body.end());
    return frame;
  }
  void SendFrame(const FrameHeader& header, const Bytes& body) { Send({FrameOf(header, body)}); }
  void SendHello(Role role, uint32_t version = kLinkVersion, uint64_t window = 1 << 30) {
    Send({HelloOf(role, version, window)});
  }
  static Bytes HelloOf(Role role, uint32_t version, uint64_t window = 1 << 30) {
    const auto body = EncodeHello({version, static_cast<uint32_t>(Index(role)), window});
    FrameHeader header;
    header.total = body.size();
    return FrameOf(header, Bytes(body.begin(), body.end()));
  }

  zmq::context_t context;
  zmq::socket_t socket;
};

TEST_CASE("Another protocol version is named at both ends", "[cluster][endpoint]") {
  Net net(false);
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  SECTION("of who connects") {
    Raw raw(p1.address());
    raw.SendHello(Role::kP0, 99);
    const std::vector<Bytes> answer = raw.Receive();
    REQUIRE(answer.size() == 1);
    REQUIRE(DecodeHeader(answer[0]).has_value());
    const std::optional<Hello> hello = DecodeHello(std::span(answer[0]).subspan(kHeaderBytes));
    REQUIRE(hello.has_value());
    CHECK(hello->version == kLinkVersion);
    CHECK(hello->role == Index(Role::kP1));
    CHECK(net.logs[Role::kP1].Gets("expected protocol version 2 as here, found version 99 of p0"));
    CHECK_FALSE(p1.Connected(Role::kP0));
  }
  SECTION("of the server") {
    Raw raw({}, false);
    const StatusOr<Address> address = ParseAddress(raw.socket.get(zmq::sockopt::last_endpoint));
    REQUIRE(address.ok());
    REQUIRE(p1.SetServer(Role::kP0, {*address, ""}).ok());
    Status status;
    std::thread connecting([&] { status = p1.Connect(Role::kP0, Soon()); });
    const std::vector<Bytes> hello = raw.Receive();
    REQUIRE(hello.size() == 2);
    raw.Send({hello[0], Raw::HelloOf(Role::kP0, 99)});
    connecting.join();
    CHECK(Has(Message(status), "expected protocol version 2 as here, found version 99"));
  }
  SECTION("another role than expected") {
    REQUIRE(p1.SetServer(Role::kP0, {net.endpoints[Role::kP2]->address(), ""}).ok());
    CHECK(Has(Message(p1.Connect(Role::kP0, Soon())), "expected p0, found p2"));
  }
  CheckServing(net);
}

TEST_CASE("Garbage does not disturb", "[cluster][endpoint]") {
  Net net(false);
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  std::mt19937_64 random(7);
  const auto noise = [&](size_t most) { return Pattern(random() % (most + 1), random()); };
  SECTION("before a hello") {
    Raw raw(p1.address());
    for (int i = 0; i < 200; ++i) {
      std::vector<Bytes> frames(1 + random() % 4);
      for (Bytes& frame : frames) frame = noise(100);
      raw.Send(frames);
    }
    CHECK(net.logs[Role::kP1].Gets("before any hello"));
  }
  SECTION("after a hello, with valid and invalid headers") {
    Raw raw(p1.address());
    raw.SendHello(Role::kP0);
    REQUIRE(raw.Receive().size() == 1);
    const Identifier used = NewChannel();
    for (int i = 0; i < 500; ++i) {
      FrameHeader header;
      header.kind = static_cast<FrameKind>(random() % 8);
      header.channel = random() % 2 == 0 ? used : NewChannel();
      header.tag = random() % 3;
      header.total = random() % 4 == 0 ? random() : random() % 300;
      header.offset = random() % 4 == 0 ? random() : random() % 3;
      raw.SendFrame(header, noise(200));
      if (i % 10 == 0) raw.Send({noise(60), noise(60), noise(60)});
      if (i % 10 == 1) raw.Send({noise(60)});
    }
    CHECK(net.logs[Role::kP1].Gets("another form"));
    CHECK(p1.Connected(Role::kP0));
  }
  SECTION("not even ZeroMQ") {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(p1.address().port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const Bytes bytes = noise(4000);
    REQUIRE(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0);
    ::close(descriptor);
  }
  CheckServing(net);
}

TEST_CASE("More than was allowed is refused", "[cluster][endpoint]") {
  Net net(false, [](EndpointOptions& options) {
    options.window_bytes = 4 * kChunk;
    options.unread_bytes = 6 * kChunk;
  });
  Endpoint& p1 = net.Start(Role::kP1);
  net.Start(Role::kP2);
  Raw raw(p1.address());
  raw.SendHello(Role::kP0);
  REQUIRE(raw.Receive().size() == 1);
  FrameHeader header;
  header.kind = FrameKind::kData;
  header.channel = NewChannel();
  SECTION("an announced total beyond what the reader expects") {
    header.total = uint64_t{1} << 39;
    raw.SendFrame(header, Pattern(10, 1));
    const StatusOr<Bytes> got = p1.Receive({Role::kP0}, header.channel, 0, 1000, Soon());
    CHECK(Has(Message(got.status()), "expected at most 1000 bytes, found 549755813888"));
  }
  SECTION("more than the window without credit") {
    header.total = 10 * kChunk;
    for (int i = 0; i < 5; ++i) {
      raw.SendFrame(header, Pattern(kChunk, 1));
      header.offset += kChunk;
    }
    CHECK(net.logs[Role::kP1].Gets("more sent without credit"));
    const StatusOr<Bytes> got = p1.Receive({Role::kP0}, header.channel, 0, kMost, Soon());
    CHECK(Has(Message(got.status()), "more sent without credit"));
  }
  SECTION("too much on all channels of a connection") {
    header.total = 3 * kChunk;
    for (int channel = 0; channel < 3; ++channel) {
      header.channel = NewChannel();
      for (int i = 0; i < 3; ++i) {
        header.offset = static_cast<uint64_t>(i * kChunk);
        raw.SendFrame(header, Pattern(kChunk, 1));
      }
    }
    CHECK(net.logs[Role::kP1].Gets("wait unread on one connection"));
  }
  SECTION("a gap") {
    raw.SendFrame({FrameKind::kData, header.channel, 0, 100, 50}, Pattern(50, 1));
    const StatusOr<Bytes> got = p1.Receive({Role::kP0}, header.channel, 0, kMost, Soon());
    CHECK(Has(Message(got.status()), "then came 50 at 50 of 100"));
  }
  CheckServing(net);
}

TEST_CASE("Absent and silent peers are an error in time", "[cluster][endpoint]") {
  Net net(true, [](EndpointOptions& options) { options.connect_seconds = 0.5; });
  Endpoint& p1 = net.Start(Role::kP1);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const Cluster::Server server = {{"127.0.0.1", ntohs(address.sin_port)},
                                  net.keys.at(Role::kP0).public_key()};
  REQUIRE(p1.SetServer(Role::kP0, server).ok());
  const Identifier channel = NewChannel();
  SECTION("absent") {
    REQUIRE(p1.Send({Role::kP0}, channel, 0, Text("hello"), Soon()).ok());
    // Whoever waits for a message of the peer hears of it too.
    const StatusOr<Bytes> got = p1.Receive({Role::kP0}, channel, 0, 10, Soon());
    CHECK(Message(got.status()) ==
          StrCat("p0 at ", server.address.Endpoint(),
                 ": no answer within 0.5 s (nothing accepts connections there)"));
    CHECK_FALSE(p1.Send({Role::kP0}, channel, 1, {}, Soon()).ok());
    CHECK_FALSE(p1.Flush({Role::kP0}, channel, Soon()).ok());
  }
  SECTION("accepts, but says nothing") {
    REQUIRE(::listen(descriptor, 5) == 0);
    CHECK(Has(Message(p1.Connect(Role::kP0, Soon())), "says no hello"));
  }
  SECTION("sends no message") {
    net.Start(Role::kP2);
    REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
    const StatusOr<Bytes> got = p1.Receive({Role::kP2}, channel, 7, 10, After(0.2));
    CHECK(got.status().code() == absl::StatusCode::kDeadlineExceeded);
    CHECK(Has(Message(got.status()), "p2: no whole message 7 on channel "));
    CHECK(Has(Message(got.status()), "it is connected"));
  }
  ::close(descriptor);
}

TEST_CASE("A peer that goes away wakes who waits for it", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  const Identifier channel = NewChannel();
  REQUIRE(p2.Send({Role::kP1}, channel, 1, Text("first"), Soon()).ok());
  REQUIRE(p2.Send({Role::kP1}, channel, 2, Pattern(5 * kChunk, 1), Soon()).ok());
  CHECK(p1.Receive({Role::kP2}, channel, 1, 10, Soon()).ok());
  Status status;
  std::thread waiting([&] { status = p1.Receive({Role::kP2}, channel, 3, 10, Soon()).status(); });
  net.endpoints.erase(Role::kP2);
  waiting.join();
  CHECK(Message(status) == "p2: the connection was lost");
  // What had come whole is not lost.
  const StatusOr<Bytes> rest = p1.Receive({Role::kP2}, channel, 2, kMost, Soon());
  CHECK((rest.ok() && *rest == Pattern(5 * kChunk, 1)));
  p1.Close(channel);
  net.Start(Role::kP2);
  CheckServing(net);
}

TEST_CASE("Both ends may close while messages are under way", "[cluster][endpoint]") {
  for (int i = 0; i < 20; ++i) {
    Net net(/*encrypted=*/i % 2 == 0, [](EndpointOptions& each) { each.linger_seconds = 0.001; });
    Endpoint& p1 = net.Start(Role::kP1);
    Endpoint& p2 = net.Start(Role::kP2);
    const Identifier channel = NewChannel();
    const size_t size = i % 4 < 2 ? 10 : kChunk / 2;
    const auto flood = [&](Endpoint& from, Role to) {
      for (uint64_t tag = 0; from.Send({to}, channel, tag, Bytes(size), Soon()).ok(); ++tag) {
      }
    };
    std::thread there([&] { flood(p1, Role::kP2); });
    std::thread back([&] { flood(p2, Role::kP1); });
    CHECK(p1.Receive({Role::kP2}, channel, 0, kMost, Soon()).ok());
    CHECK(p2.Receive({Role::kP1}, channel, 0, kMost, Soon()).ok());
    p1.Stop(Unavailable("enough"));
    p2.Stop(Unavailable("enough"));
    there.join();
    back.join();
    std::thread closing([&] { net.endpoints[Role::kP1].reset(); });
    net.endpoints[Role::kP2].reset();
    closing.join();
  }
}

TEST_CASE("Cancelling wakes who waits, here and there", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  const Identifier channel = NewChannel();
  CheckServing(net);
  REQUIRE(p1.Send({Role::kP2}, channel, 1, Text("first"), Soon()).ok());
  CHECK(p2.Receive({Role::kP1}, channel, 1, 10, Soon()).ok());
  Status here;
  Status there;
  std::thread first([&] { here = p1.Receive({Role::kP2}, channel, 3, 10, Soon()).status(); });
  std::thread second([&] { there = p2.Receive({Role::kP1}, channel, 3, 10, Soon()).status(); });
  p1.Cancel(channel, absl::FailedPreconditionError("the tape is used"));
  first.join();
  second.join();
  CHECK(Message(here) == "the tape is used");
  CHECK(here.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(there) == "p1: cancelled: the tape is used");
  CHECK(there.code() == absl::StatusCode::kFailedPrecondition);
  CHECK_FALSE(p2.Send({Role::kP1}, channel, 4, {}, Soon()).ok());
  p1.Close(channel);
  p2.Close(channel);
  CheckServing(net);
  p1.Stop(absl::CancelledError("shutting down"));
  CHECK(Message(p1.NextRequest(Soon()).status()) == "shutting down");
  CHECK(Message(p1.Receive({Role::kP2}, NewChannel(), 0, 1, Soon()).status()) == "shutting down");
}

TEST_CASE("A sender waits for a slow reader, other channels do not", "[cluster][endpoint]") {
  constexpr int64_t kWindow = 4 * kChunk;
  constexpr int64_t kQueue = 2 * kChunk;
  Net net(false, [](EndpointOptions& options) {
    options.window_bytes = kWindow;
    options.queue_bytes = kQueue;
  });
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  const Identifier stream = NewChannel();
  constexpr uint64_t kMessages = 40;
  std::atomic<uint64_t> sent = 0;
  std::thread sender([&] {
    for (uint64_t tag = 0; tag < kMessages; ++tag) {
      if (!p1.Send({Role::kP2}, stream, tag, Pattern(kChunk, tag), Soon()).ok()) return;
      ++sent;
    }
  });
  for (int i = 0; i < 20; ++i) CheckServing(net);
  // The window, the queue and the message that fills it.
  CHECK(sent <= static_cast<uint64_t>((kWindow + kQueue) / kChunk + 1));
  CHECK(p2.traffic(Role::kP1).received.payload_bytes <= kWindow + 20 * 1000);
  for (uint64_t tag = 0; tag < kMessages; ++tag) {
    const StatusOr<Bytes> got = p2.Receive({Role::kP1}, stream, tag, kMost, Soon());
    REQUIRE(got.ok());
    CHECK((*got == Pattern(kChunk, tag)));
  }
  sender.join();
  CHECK(sent == kMessages);

  // And a reader that never comes: an error at the deadline.
  const Identifier unread = NewChannel();
  Status status;
  for (uint64_t tag = 0; tag < 20 && status.ok(); ++tag) {
    status = p1.Send({Role::kP2}, unread, tag, Pattern(kChunk, 1), After(0.2));
  }
  CHECK(Has(Message(status), "p2: took nothing for 0.2 s"));
}

TEST_CASE("What nobody awaits is dropped", "[cluster][endpoint]") {
  Net net(false, [](EndpointOptions& options) { options.silence_seconds = 1; });
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  const Identifier channel = NewChannel();
  REQUIRE(p1.Send({Role::kP2}, channel, 0, Text("anybody?"), Soon()).ok());
  const StatusOr<Bytes> got = p1.Receive({Role::kP2}, channel, 0, 10, Soon());
  CHECK(Message(got.status()) == "p2: nobody awaits this channel");
  CHECK(net.logs[Role::kP2].Gets("dropped 1 channels"));
  const Identifier closed = NewChannel();
  p2.Receive({Role::kP1}, closed, 0, 10, After(0)).IgnoreError();
  p2.Close(closed);
  REQUIRE(p1.Send({Role::kP2}, closed, 0, Text("late"), Soon()).ok());
  CHECK(Message(p1.Receive({Role::kP2}, closed, 0, 10, Soon()).status()) ==
        "p2: the channel was closed");
}

TEST_CASE("Flush waits until all is sent; a destructor sends what it can", "[cluster][endpoint]") {
  Net net;
  net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  const Identifier channel = NewChannel();
  Endpoint& p1 = *net.endpoints[Role::kP1];
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  REQUIRE(p1.Send({Role::kP2}, channel, 0, Pattern(9 * kChunk, 1), Soon()).ok());
  CHECK(p1.Flush({Role::kP2}, channel, Soon()).ok());
  REQUIRE(p1.Send({Role::kP2}, channel, 1, Pattern(9 * kChunk, 2), Soon()).ok());
  net.endpoints.erase(Role::kP1);
  for (const uint64_t tag : {0U, 1U}) {
    const StatusOr<Bytes> got = p2.Receive({Role::kP1}, channel, tag, kMost, Soon());
    INFO(Message(got.status()));
    CHECK((got.ok() && *got == Pattern(9 * kChunk, tag + 1)));
  }
}

// ---- Shaped links ----

double Seconds(Deadline from, Deadline to) {
  return std::chrono::duration<double>(to - from).count();
}

// So much, each way, of every link.
std::function<void(EndpointOptions&)> ShapedTo(double latency, double bytes_per_second) {
  Network network;
  network.name = "test";
  network.header_bytes = 1000;
  for (auto& from : network.links) from.fill({latency, bytes_per_second});
  return [network](EndpointOptions& options) { options.network = network; };
}

TEST_CASE("On shaped links nothing is earlier than the network says", "[cluster][endpoint]") {
  constexpr double kLatency = 0.03;
  constexpr double kRate = 2e7;
  Net net(GENERATE(true, false), ShapedTo(kLatency, kRate));
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  Deadline start = std::chrono::steady_clock::now();
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  CHECK(Seconds(start, std::chrono::steady_clock::now()) >= 2 * kLatency);  // the hellos
  for (const int64_t size : {int64_t{0}, int64_t{1}, kChunk, 3 * kChunk + 7}) {
    INFO(size);
    const Identifier channel = NewChannel();
    const Bytes sent = Pattern(static_cast<size_t>(size), 1);
    start = std::chrono::steady_clock::now();
    REQUIRE(p1.Send({Role::kP2}, channel, 0, sent, Soon()).ok());
    const StatusOr<Bytes> got = p2.Receive({Role::kP1}, channel, 0, kMost, Soon());
    REQUIRE(got.ok());
    CHECK(Seconds(start, std::chrono::steady_clock::now()) >=
          kLatency + static_cast<double>(size + 1000) / kRate);
    CHECK((*got == sent));
  }
}

TEST_CASE("Many channels and threads over shaped links: all arrives, in time and as it was",
          "[cluster][endpoint]") {
  constexpr double kLatency = 0.002;
  constexpr double kRate = 1e8;
  Net net(true, [](EndpointOptions& options) {
    ShapedTo(kLatency, kRate)(options);
    options.window_bytes = 2 * kChunk;  // so that credit is needed
  });
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  REQUIRE(p2.Connect(Role::kP1, Soon()).ok());
  constexpr int kSessions = 4;
  constexpr size_t kBytes = 3 * kChunk;
  std::atomic<int> right = 0;
  std::vector<Identifier> channels;
  for (int i = 0; i < kSessions; ++i) channels.push_back(NewChannel());
  const auto run = [&](Endpoint& self, Role peer, size_t session) {
    for (const uint64_t tag : {0U, 1U}) {
      if (!self.Send({peer}, channels[session], tag, Pattern(kBytes, session + tag), Soon()).ok()) {
        return;
      }
    }
    for (const uint64_t tag : {0U, 1U}) {
      const StatusOr<Bytes> got = self.Receive({peer}, channels[session], tag, kMost, Soon());
      if (!got.ok() || *got != Pattern(kBytes, session + tag)) return;
      ++right;
    }
  };
  const Deadline start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (size_t session = 0; session < kSessions; ++session) {
    threads.emplace_back(run, std::ref(p1), Role::kP2, session);
    threads.emplace_back(run, std::ref(p2), Role::kP1, session);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 2 * 2 * kSessions);
  // All of one direction went over one link.
  CHECK(Seconds(start, std::chrono::steady_clock::now()) >=
        kLatency + 2.0 * kSessions * kBytes / kRate);
}

TEST_CASE("Requests, owners and cancellations over shaped links", "[cluster][endpoint]") {
  constexpr double kLatency = 0.01;
  Net net(true, ShapedTo(kLatency, 1e9));
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  Endpoint& owner = net.Start(Role::kDataOwner);
  std::thread server([&] {
    const StatusOr<Request> request = p1.NextRequest(Soon());
    if (request.ok()) p1.Reply(*request, Text("yes"), Soon()).IgnoreError();
  });
  const Deadline start = std::chrono::steady_clock::now();
  const StatusOr<Bytes> answer = owner.Call(Role::kP1, Text("well?"), 100, Soon());
  const double seconds = Seconds(start, std::chrono::steady_clock::now());
  server.join();
  REQUIRE(answer.ok());
  CHECK((*answer == Text("yes")));
  CHECK(seconds >= 4 * kLatency);  // hellos, request and answer

  const Identifier channel = NewChannel();
  REQUIRE(p1.Send({Role::kP2}, channel, 0, Text("x"), Soon()).ok());
  REQUIRE(p2.Receive({Role::kP1}, channel, 0, 10, Soon()).ok());
  p1.Cancel(channel, absl::InternalError("enough"));
  CHECK(Message(p2.Receive({Role::kP1}, channel, 1, 10, Soon()).status()) ==
        "p1: cancelled: enough");
}

TEST_CASE("What is on a shaped link is flushed, and sent by a destructor", "[cluster][endpoint]") {
  constexpr double kLatency = 0.35;
  Net net(true, [](EndpointOptions& options) {
    ShapedTo(kLatency, 1e9)(options);
    options.linger_seconds = 0.3;  // less than the latency, which it does not have to cover
  });
  net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  Endpoint& p1 = *net.endpoints[Role::kP1];
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  const Identifier channel = NewChannel();
  const Deadline start = std::chrono::steady_clock::now();
  REQUIRE(p1.Send({Role::kP2}, channel, 0, Pattern(1000, 0), Soon()).ok());
  CHECK(p1.Flush({Role::kP2}, channel, Soon()).ok());
  CHECK(Seconds(start, std::chrono::steady_clock::now()) >= kLatency);
  REQUIRE(p1.Send({Role::kP2}, channel, 1, Pattern(1000, 1), Soon()).ok());
  net.endpoints.erase(Role::kP1);
  for (const uint64_t tag : {0U, 1U}) {
    const StatusOr<Bytes> got = p2.Receive({Role::kP1}, channel, tag, kMost, Soon());
    INFO(Message(got.status()));
    CHECK((got.ok() && *got == Pattern(1000, tag)));
  }
}

TEST_CASE("A peer that goes away while a shaped link is full wakes who waits",
          "[cluster][endpoint]") {
  Net net(true, [](EndpointOptions& options) {
    ShapedTo(0.01, 1e6)(options);
    options.linger_seconds = 0.1;
  });
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  const Identifier channel = NewChannel();
  // Longer than anybody here waits.
  REQUIRE(p1.Send({Role::kP2}, channel, 0, Pattern(40 * kChunk, 0), Soon()).ok());
  p2.Stop(absl::CancelledError("ends"));
  net.endpoints.erase(Role::kP2);
  CHECK(Has(Message(p1.Flush({Role::kP2}, channel, Soon())), "p2"));
  // And a destructor does not wait for what takes longer than it lingers.
  Endpoint& again = net.Start(Role::kP2);
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  const Identifier other = NewChannel();
  REQUIRE(p1.Send({Role::kP2}, other, 0, Pattern(40 * kChunk, 0), Soon()).ok());
  net.endpoints.erase(Role::kP1);
  CHECK_FALSE(again.Receive({Role::kP1}, other, 0, kMost, Soon()).ok());
}

TEST_CASE("A network whose hellos would come too late is an error", "[cluster][endpoint]") {
  Net net(true, ShapedTo(5, std::numeric_limits<double>::infinity()));
  EndpointOptions options = net.Options(Role::kP1);
  options.connect_seconds = 10;
  CHECK(Message(Endpoint::Make(std::move(options)).status()) ==
        "endpoint: network 'test': between p1 and dealer: expected a round trip of hellos below "
        "connect_seconds, 10, found 10");
  options = net.Options(Role::kDataOwner);
  options.connect_seconds = 10.5;
  CHECK(Endpoint::Make(std::move(options)).ok());
  // A hello of 16 bytes behind a header of 1000, each way, at 100 bytes a second.
  Net narrow(true, ShapedTo(0, 100));
  options = narrow.Options(Role::kP1);
  options.connect_seconds = 20.3;
  CHECK(Has(Message(Endpoint::Make(std::move(options)).status()), "20.3, found 20.32"));
  options = narrow.Options(Role::kDataOwner);
  options.connect_seconds = 20.5;
  CHECK(Endpoint::Make(std::move(options)).ok());
}

// Forwards one TCP connection and counts its bytes.
class Relay {
 public:
  explicit Relay(uint16_t target) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Loopback(0);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, target] { Run(target); });
  }
  ~Relay() { thread_.join(); }

  uint16_t port = 0;
  std::atomic<int64_t> there = 0;
  std::atomic<int64_t> back = 0;

 private:
  static sockaddr_in Loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void Pump(int from, int to, std::atomic<int64_t>& count) {
    std::vector<char> buffer(1 << 16);
    for (;;) {
      const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      count += got;
      for (ssize_t done = 0; done < got;) {
        const ssize_t sent =
            ::send(to, buffer.data() + done, static_cast<size_t>(got - done), MSG_NOSIGNAL);
        if (sent <= 0) return;
        done += sent;
      }
    }
    ::shutdown(to, SHUT_RDWR);
  }
  void Run(uint16_t target) {
    const int client = ::accept(listener_, nullptr, nullptr);
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = Loopback(target);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      std::thread answers([&] { Pump(server, client, back); });
      Pump(client, server, there);
      answers.join();
    }
    ::close(client);
    ::close(server);
    ::close(listener_);
  }

  int listener_;
  std::thread thread_;
};

struct Counted {
  int64_t there = 0;
  int64_t back = 0;
  Traffic sent;
  Traffic received;
};

// What a relay sees of one connection that carries these messages, beside what p1 counts.
Counted CountBytes(bool curve, const std::vector<size_t>& sizes) {
  Net net(curve);
  Endpoint& p1 = net.Start(Role::kP1);
  Endpoint& p2 = net.Start(Role::kP2);
  Relay relay(p2.address().port);
  REQUIRE(p1.SetServer(Role::kP2, {{"127.0.0.1", relay.port}, net.keys.at(Role::kP2).public_key()})
              .ok());
  REQUIRE(p1.Connect(Role::kP2, Soon()).ok());
  const Identifier channel = NewChannel();
  for (uint64_t tag = 0; tag < sizes.size(); ++tag) {
    REQUIRE(p1.Send({Role::kP2}, channel, tag, Pattern(sizes[tag], tag), Soon()).ok());
    REQUIRE(p2.Receive({Role::kP1}, channel, tag, kMost, Soon()).ok());
  }
  // The reader's half of the books is the same.
  const LinkTraffic mine = p1.traffic(Role::kP2);
  const LinkTraffic theirs = p2.traffic(Role::kP1);
  CHECK(mine.sent.messages == static_cast<int64_t>(sizes.size()));
  CHECK(theirs.received.messages == mine.sent.messages);
  CHECK(theirs.received.payload_bytes == mine.sent.payload_bytes);
  CHECK(theirs.received.control_bytes == mine.sent.control_bytes);
  CHECK(theirs.received.framing_bytes == mine.sent.framing_bytes);
  net.endpoints.erase(Role::kP1);
  net.endpoints.erase(Role::kP2);
  return {relay.there, relay.back, mine.sent, mine.received};
}

TEST_CASE("Counted bytes are those on the wire", "[cluster][endpoint]") {
  const bool curve = GENERATE(false, true);
  INFO(curve);
  const std::vector<size_t> sizes = {0,
                                     1,
                                     100,
                                     222,
                                     223,
                                     255,
                                     256,
                                     static_cast<size_t>(kChunk),
                                     300,
                                     70000,
                                     static_cast<size_t>(3 * kChunk + 1)};
  const Counted idle = CountBytes(curve, {});
  const Counted busy = CountBytes(curve, sizes);
  int64_t payload = 0;
  for (const size_t size : sizes) payload += static_cast<int64_t>(size);
  CHECK(busy.sent.payload_bytes == payload);
  CHECK(idle.sent.control_bytes == static_cast<int64_t>(kHelloBytes));
  // Greeting and handshake are in both.
  CHECK(busy.there - idle.there == payload + busy.sent.framing_bytes - idle.sent.framing_bytes);
  CHECK(busy.back - idle.back == busy.received.control_bytes - idle.received.control_bytes +
                                     busy.received.framing_bytes - idle.received.framing_bytes);
}

TEST_CASE("An address in use and wrong options are errors", "[cluster][endpoint]") {
  Net net;
  Endpoint& p1 = net.Start(Role::kP1);
  EndpointOptions options = net.Options(Role::kP2);
  std::string expected;
  SECTION("address in use") {
    options.listen = p1.address();
    expected = StrCat("cannot listen on ", p1.address().Endpoint(), ": Address already in use");
  }
  SECTION("no keys") {
    options.keys.reset();
    expected = "expected either CURVE keys or insecure_plaintext, found neither";
  }
  SECTION("a key twice") {
    options.admitted.push_back(options.admitted[0]);
    expected = "is there twice";
  }
  SECTION("a window below two chunks") {
    options.window_bytes = kChunk;
    expected = "window_bytes: expected ";
  }
  CHECK(Has(Message(Endpoint::Make(std::move(options)).status()), expected));
}

}  // namespace
}  // namespace lutra
