// Client and server in two processes, either of which is killed while calls run.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "channel/channel_pair.h"
#include "core/mutex.h"
#include "memory/file_descriptor.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

constexpr std::size_t kBodyByteSize = 1 << 20;

// This program again, in another role. What it writes to its standard output comes out of `said`.
class Other {
 public:
  Other(const char* role, const std::string& path) {
    int ends[2];
    (void)!pipe(ends);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execl("/proc/self/exe", "other", role, path.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    said_ = FileDescriptor(ends[0]);
  }
  ~Other() { Kill(); }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;

  // Waits for so many words (bytes) of the other; false when it ended first.
  bool Hear(std::size_t count) {
    char word;
    for (; count > 0; --count) {
      if (read(said_.get(), &word, 1) != 1) {
        return false;
      }
    }
    return true;
  }
  void Kill() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

 private:
  pid_t pid_;
  FileDescriptor said_;
};

void Say() { (void)!write(STDOUT_FILENO, ".", 1); }

// Takes calls and keeps them.
class Taker : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    {
      MutexLock lock(mu_);
      calls_.push_back(std::move(call));
    }
    Say();
  }

 private:
  Mutex mu_;
  std::vector<CallPtr> calls_;
};

int Serve(const char* path) {
  Taker taker;
  ChannelServerOptions options;
  options.socket_path = path;
  const auto server = ChannelServer::Start(options, &taker);
  Say();
  while (true) {
    pause();
  }
}

int SendOneAndStay(const char* path) {
  RingClientOptions options;
  options.socket_path = path;
  const auto client = ConnectRings(options);
  const std::string body = Pattern(kBodyByteSize, 3);
  const Bytes segment = AsBytes(body);
  if (!client.ok() || !(*client)->Send(Method::kModelInfer, {"m", std::span(&segment, 1)}).ok()) {
    return 1;
  }
  while (true) {
    pause();
  }
}

// Keeps one call at a time, until it is cancelled; answers "sync" at once.
class Keeper : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    if (AsText(call->message()) == "sync") {
      call->Reply({}, true);
      return;
    }
    call->OnCancel([this] {
      MutexLock lock(mu_);
      cancelled_ = true;
      changed_.NotifyAll();
    });
    MutexLock lock(mu_);
    call_ = std::move(call);
    changed_.NotifyAll();
  }
  void AwaitCall() {
    MutexLock lock(mu_);
    while (call_ == nullptr) {
      changed_.Wait(mu_);
    }
  }
  CallPtr AwaitCancel() {
    MutexLock lock(mu_);
    while (!cancelled_) {
      changed_.Wait(mu_);
    }
    cancelled_ = false;
    return std::exchange(call_, nullptr);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  CallPtr call_ GUARDED_BY(mu_);
  bool cancelled_ GUARDED_BY(mu_) = false;
};

std::size_t OpenDescriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

std::size_t ChannelMappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find("memfd:triton_lite") != std::string::npos ? 1 : 0;
  }
  return count;
}

// Takes answers as an event loop does until there are `count`.
std::vector<ReceivedAnswerPtr> PollFor(ChannelClient& client, std::size_t count) {
  std::vector<ReceivedAnswerPtr> all;
  while (all.size() < count) {
    auto some = client.Poll();
    if (some.empty() && client.ArmWakeup()) {
      pollfd readable{client.fd(), POLLIN, 0};
      poll(&readable, 1, -1);
    }
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

TEST(ServerDiesWithCallsPending) {
  const std::size_t descriptors = OpenDescriptors();
  const std::size_t mappings = ChannelMappings();
  {
    RingClientOptions options;
    options.socket_path = SocketPath();
    Other server("serve", options.socket_path);
    REQUIRE(server.Hear(1));
    const auto client = *ConnectRings(options);
    const std::string body = Pattern(kBodyByteSize, 1);
    const Bytes segment = AsBytes(body);
    std::vector<CallId> calls;
    for (int i = 0; i < 4; ++i) {
      calls.push_back(*client->Send(Method::kModelInfer, {"m", std::span(&segment, 1)}));
    }
    REQUIRE(server.Hear(calls.size()));
    Code waited[2] = {};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] { waited[i] = Await(*client, calls[i])->status().code(); });
    }
    server.Kill();
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK_EQ(waited[0], Code::kUnavailable);
    CHECK_EQ(waited[1], Code::kUnavailable);
    for (const ReceivedAnswerPtr& answer : PollFor(*client, 2)) {
      CHECK(answer->last());
      CHECK_EQ(answer->status().code(), Code::kUnavailable);
    }
    CHECK(!client->connected());
    CHECK_EQ(client->Send(Method::kModelInfer, {"m", {}}).status().code(), Code::kUnavailable);
    unlink(options.socket_path.c_str());
  }
  CHECK_EQ(OpenDescriptors(), descriptors);
  CHECK_EQ(ChannelMappings(), mappings);
}

TEST(ClientsDieInTheMiddleOfACall) {
  Keeper keeper;
  Pair pair(&keeper);
  // What one's reader has answered comes after whatever it did before.
  const auto sync = [&] { return Await(*pair.client, *pair.client->Send(Method::kModelInfer, {"sync", {}})); };
  CHECK(sync()->status().ok());
  const std::size_t descriptors = OpenDescriptors();
  const std::size_t mappings = ChannelMappings();
  const std::string body = Pattern(kBodyByteSize, 3);
  for (int i = 0; i < 8; ++i) {
    Other client("send", pair.path);
    keeper.AwaitCall();
    client.Kill();
    CallPtr call = keeper.AwaitCancel();
    CHECK(call->cancel_token()->cancelled());
    CHECK_EQ(pair.server->peer_count(), 1u);
    CHECK(AsText(call->segments()[0]) == body);  // Outlives its sender.
    call->Reply({{}, "nobody hears", {}}, true);
  }
  CHECK(sync()->status().ok());
  CHECK_EQ(OpenDescriptors(), descriptors);
  CHECK_EQ(ChannelMappings(), mappings);
}

int main(int argc, char** argv) {
  const std::string role = argc > 2 ? argv[1] : "";
  if (role == "serve") {
    return Serve(argv[2]);
  }
  if (role == "send") {
    return SendOneAndStay(argv[2]);
  }
  return RunAll(argc, argv);
}
