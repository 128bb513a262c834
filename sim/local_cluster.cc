#include "sim/local_cluster.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <utility>

#include "core/file.h"

namespace lutra {
namespace {

namespace fs = std::filesystem;

constexpr double kStartSeconds = 60;
constexpr double kStopSeconds = 60;
constexpr int kNiceness = 19;
constexpr auto kPoll = std::chrono::milliseconds(20);

// Ports that nobody listens at; held together, so that they differ.
StatusOr<std::vector<uint16_t>> FreePorts(size_t count) {
  std::vector<int> sockets;
  std::vector<uint16_t> ports;
  Status status;
  for (size_t i = 0; i < count && status.ok(); ++i) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (socket < 0 || ::bind(socket, generic, size) != 0 ||
        ::getsockname(socket, generic, &size) != 0) {
      status = absl::ErrnoToStatus(errno, "cannot find a free port on 127.0.0.1");
    }
    if (socket >= 0) sockets.push_back(socket);
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int socket : sockets) ::close(socket);
  if (!status.ok()) return status;
  return ports;
}

// The last line of a log, without its time.
std::string LastLine(const fs::path& log) {
  constexpr int64_t kMostLog = int64_t{16} << 20;
  const StatusOr<std::string> text = ReadTextFile(log, kMostLog);
  if (!text.ok()) return OneLine(text.status());
  std::string_view rest = *text;
  while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  const size_t begin = rest.rfind('\n');
  return std::string(begin == rest.npos ? rest : rest.substr(begin + 1));
}

// In the child: becomes the program. Ends with the launcher, however that ends.
[[noreturn]] void Become(const std::vector<std::string>& command, const fs::path& log,
                         pid_t launcher, bool may_wait) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (may_wait) ::setpriority(PRIO_PROCESS, 0, kNiceness);
  if (::getppid() != launcher) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setpgid(0, 0);  // an interrupt at the terminal is the launcher's to pass on
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Start(const LocalClusterOptions& options) {
  auto cluster = std::unique_ptr<LocalCluster>(new LocalCluster(options));
  LUTRA_RETURN_IF_ERROR(cluster->MakeDirectory());
  LUTRA_RETURN_IF_ERROR(cluster->MakeKeys());
  LUTRA_RETURN_IF_ERROR(cluster->MakeClusterFile());
  LUTRA_RETURN_IF_ERROR(cluster->MakeNetworkFile());
  std::vector<std::string> dealer = {"--count", StrCat(options.tapes), "--threads",
                                     StrCat(options.threads)};
  if (options.stream) dealer.emplace_back("--stream");
  LUTRA_RETURN_IF_ERROR(cluster->Launch(Role::kDealer, dealer));
  for (const Role party : kParties) {
    // P1 and P2 compute at the same time, P0 before them.
    const int threads = party == Role::kP0 ? options.threads : std::max(1, options.threads / 2);
    LUTRA_RETURN_IF_ERROR(
        cluster->Launch(party, {"--role", std::string(Name(party)), "--threads", StrCat(threads)}));
  }
  LUTRA_RETURN_IF_ERROR(cluster->WaitUntilServing());
  return cluster;
}

LocalCluster::~LocalCluster() {
  for (Process& process : processes_) {
    if (process.pid <= 0) continue;
    ::kill(process.pid, SIGKILL);
    Reap(process, /*wait=*/true);
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
  if (janitor_ > 0) {
    ::kill(janitor_, SIGKILL);
    ::waitpid(janitor_, nullptr, 0);
  }
  if (janitor_pipe_ >= 0) ::close(janitor_pipe_);
}

Status LocalCluster::MakeDirectory() {
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  std::string pattern = (temporary / "lutra-launch-XXXXXX").string();
  if (error || ::mkdtemp(pattern.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, StrCat("cannot make a directory in ", temporary.string()));
  }
  directory_ = pattern;
  return StartJanitor();
}

Status LocalCluster::StartJanitor() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  const std::string directory = directory_.string();
  janitor_ = ::fork();
  if (janitor_ == 0) {
    ::setsid();  // signals of the terminal are not for it
    ::close(ends[1]);
    std::array<char, 1> nothing{};
    while (::read(ends[0], nothing.data(), 1) < 0 && errno == EINTR) {
    }
    // The other processes are killed when the launcher ends.
    constexpr timespec kMoment{0, 300'000'000};
    ::nanosleep(&kMoment, nullptr);
    ::execl("/bin/rm", "rm", "-rf", directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[0]);
  janitor_pipe_ = ends[1];
  if (janitor_ < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  return absl::OkStatus();
}

fs::path LocalCluster::Store(Role role) const { return directory_ / StrCat(Name(role), ".store"); }

fs::path LocalCluster::LogFile(Role role) const { return directory_ / StrCat(Name(role), ".log"); }

Status LocalCluster::MakeKeys() {
  keys_.resize(kRoles.size());
  for (const Role role : kRoles) {
    LUTRA_ASSIGN_OR_RETURN(keys_[Index(role)], CurveKeyPair::Generate());
    const std::string name(Name(role));
    LUTRA_RETURN_IF_ERROR(
        keys_[Index(role)]->Write(directory_ / (name + ".key"), directory_ / (name + ".pub")));
  }
  return absl::OkStatus();
}

Status LocalCluster::MakeClusterFile() {
  cluster_.deployment = options_.deployment;
  cluster_.connect_seconds += options_.patience_seconds;
  cluster_.silence_seconds += options_.patience_seconds;
  LUTRA_ASSIGN_OR_RETURN(const std::vector<uint16_t> ports, FreePorts(kServers.size()));
  for (size_t i = 0; i < kServers.size(); ++i) {
    Cluster::Server& server = cluster_.server(kServers[i]);
    server.address = {"127.0.0.1", ports[i]};
    server.public_key = keys_[Index(kServers[i])]->public_key();
  }
  for (const Role owner : kOwners) {
    cluster_.keys(owner) = {keys_[Index(owner)]->public_key()};
  }
  return WriteFile(directory_ / "cluster.toml", FormatCluster(cluster_));
}

Status LocalCluster::MakeNetworkFile() {
  network_ = options_.network;
  if (!network_) return absl::OkStatus();
  if (!options_.shape_dealer) {
    for (const Role role : kRoles) {
      network_->link(Role::kDealer, role) = network_->link(role, Role::kDealer) = {};
    }
  }
  return WriteFile(directory_ / "network.toml", FormatNetwork(*network_));
}

Status LocalCluster::Launch(Role role, std::vector<std::string> arguments) {
  const fs::path program =
      options_.programs / (role == Role::kDealer ? "lutra-dealer" : "lutra-party");
  if (::access(program.c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot run ", program.string()));
  }
  std::vector<std::string> command = {program.string(), "--cluster",
                                      (directory_ / "cluster.toml").string(), "--store",
                                      Store(role).string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (network_) {
    command.emplace_back("--network");
    command.push_back((directory_ / "network.toml").string());
  }
  if (options_.insecure_plaintext) command.emplace_back("--insecure-plaintext");
  if (options_.insecure_seed.has_value()) {
    command.push_back(StrCat("--insecure-seed=", *options_.insecure_seed));
  }
  const fs::path log = LogFile(role);
  const pid_t launcher = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, StrCat("cannot start ", program.string()));
  // The dealer works ahead: on one machine it gives way to those whom a data owner waits for.
  if (pid == 0) Become(command, log, launcher, role == Role::kDealer);
  processes_.push_back({role, pid});
  return absl::OkStatus();
}

bool LocalCluster::Reap(Process& process, bool wait) {
  rusage usage{};
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::wait4(process.pid, &status, wait ? 0 : WNOHANG, &usage);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  process.pid = -1;
  status_ = status;
  peak_memory_bytes_ += int64_t{1024} * usage.ru_maxrss;
  return true;
}

Status LocalCluster::Failure(const Process& process) const {
  const std::string how = WIFSIGNALED(status_) ? StrCat("signal ", WTERMSIG(status_))
                                               : StrCat("exit status ", WEXITSTATUS(status_));
  return Unavailable(Name(process.role), " ended with ", how, ": ",
                     LastLine(LogFile(process.role)));
}

Status LocalCluster::CheckAlive() {
  for (Process& process : processes_) {
    if (process.pid > 0 && Reap(process, /*wait=*/false)) return Failure(process);
  }
  return absl::OkStatus();
}

Status LocalCluster::WaitUntilServing() {
  LUTRA_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint,
                         OwnerEndpoint(Role::kModelOwner));
  const double patience = kStartSeconds + options_.patience_seconds;
  const Deadline deadline = After(patience);
  for (const Role server : kServers) {
    while (true) {
      LUTRA_RETURN_IF_ERROR(CheckAlive());
      const Status connected = endpoint->Connect(server, After(0.5));
      if (connected.ok()) break;
      if (std::chrono::steady_clock::now() > deadline) {
        return Annotate(connected, StrCat(Name(server), " lives, but does not answer within ",
                                          patience, " s; the last try"));
      }
      std::this_thread::sleep_for(kPoll);
    }
  }
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<Endpoint>> LocalCluster::OwnerEndpoint(Role owner) const {
  std::optional<CurveKeyPair> keys;
  if (!options_.insecure_plaintext) keys.emplace(keys_[Index(owner)]->Clone());
  EndpointOptions options = EndpointOptions::ForRole(cluster_, owner, std::move(keys));
  options.network = network_;
  return Endpoint::Make(std::move(options));
}

Status LocalCluster::Stop() {
  for (const Process& process : processes_) {
    if (process.pid > 0) ::kill(process.pid, SIGTERM);
  }
  const Deadline deadline = After(kStopSeconds + options_.patience_seconds);
  Status status;
  for (Process& process : processes_) {
    while (process.pid > 0 && !Reap(process, /*wait=*/false)) {
      if (std::chrono::steady_clock::now() > deadline) {
        return absl::DeadlineExceededError(
            StrCat(Name(process.role), " does not end: ", LastLine(LogFile(process.role))));
      }
      std::this_thread::sleep_for(kPoll);
    }
    if (status_ != 0) status.Update(Failure(process));
  }
  return status;
}

}  // namespace lutra
