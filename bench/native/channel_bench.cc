// Round trips between two processes, 64-byte messages, 4 us of work each: the channel against a SOCK_SEQPACKET
// ping-pong of the same work, in alternating rounds. Arguments: rounds, seconds a round, "busy" to have another process
// keep a core busy meanwhile.
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "channel/client.h"
#include "channel/server.h"

using namespace triton_lite;

namespace {

constexpr std::size_t kMessageByteSize = 64;
constexpr std::uint64_t kWorkNanoseconds = 4000;

void Work() {
  const std::uint64_t end = NowNanoseconds() + kWorkNanoseconds;
  while (NowNanoseconds() < end) {
  }
}

class Worker : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    Work();
    Answer answer;
    answer.message = AsText(call->message());
    call->Reply(std::move(answer), true);
  }
};

// Runs `body` in a process that ends with this one.
class Child {
 public:
  explicit Child(const std::function<void()>& body) : pid_(fork()) {
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      body();
      _exit(0);
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  pid_t pid_;
};

void ServeChannel(const std::string& path) {
  Worker worker;
  ChannelServerOptions options;
  options.socket_path = path;
  const auto server = ChannelServer::Start(options, &worker);
  while (true) {
    pause();
  }
}

void ServeSocket(int socket) {
  char message[kMessageByteSize];
  while (recv(socket, message, sizeof(message), 0) > 0) {
    Work();
    (void)!send(socket, message, sizeof(message), 0);
  }
}

// Calls a second with `depth` in flight.
double ChannelRate(ChannelClient& client, unsigned depth, double seconds) {
  const std::string message(kMessageByteSize, 'x');
  const auto send = [&] {
    if (!client.Send(Method::kAdmin, {message, {}}).ok()) {
      std::abort();
    }
  };
  const std::uint64_t start = NowNanoseconds();
  const std::uint64_t end = start + static_cast<std::uint64_t>(seconds * 1e9);
  std::uint64_t done = 0;
  for (unsigned i = 0; i < depth; ++i) {
    send();
  }
  std::size_t in_flight = depth;
  while (in_flight > 0) {
    const auto answers = client.Poll();
    if (answers.empty() && client.ArmWakeup()) {
      pollfd readable{client.fd(), POLLIN, 0};
      poll(&readable, 1, -1);
      continue;
    }
    const bool more = NowNanoseconds() < end;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      ++done;
      if (more) {
        send();
      } else {
        --in_flight;
      }
    }
  }
  return static_cast<double>(done) * 1e9 / static_cast<double>(NowNanoseconds() - start);
}

double SocketRate(int socket, unsigned depth, double seconds) {
  char message[kMessageByteSize] = {};
  const std::uint64_t start = NowNanoseconds();
  const std::uint64_t end = start + static_cast<std::uint64_t>(seconds * 1e9);
  std::uint64_t done = 0;
  for (unsigned i = 0; i < depth; ++i) {
    (void)!send(socket, message, sizeof(message), 0);
  }
  for (unsigned in_flight = depth; in_flight > 0; ++done) {
    (void)!recv(socket, message, sizeof(message), 0);
    if (NowNanoseconds() < end) {
      (void)!send(socket, message, sizeof(message), 0);
    } else {
      --in_flight;
    }
  }
  return static_cast<double>(done) * 1e9 / static_cast<double>(NowNanoseconds() - start);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Compare(ChannelClient& client, int socket, int rounds, double seconds) {
  for (const unsigned depth : {1u, 8u, 32u}) {
    std::vector<double> channel;
    std::vector<double> seqpacket;
    std::vector<double> ratios;
    for (int i = 0; i < rounds; ++i) {
      channel.push_back(ChannelRate(client, depth, seconds));
      seqpacket.push_back(SocketRate(socket, depth, seconds));
      ratios.push_back(channel.back() / seqpacket.back());
    }
    std::printf("in flight %2u: channel %8.0f/s  socket %8.0f/s  ratio %.2f (lowest %.2f)\n", depth, Median(channel),
                Median(seqpacket), Median(ratios), *std::min_element(ratios.begin(), ratios.end()));
    std::fflush(stdout);
  }
}

std::unique_ptr<ChannelClient> Connect(const std::string& path) {
  RingClientOptions options;
  options.socket_path = path;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (auto client = ConnectRings(options); client.ok()) {
      return *std::move(client);
    }
    usleep(10'000);  // The other process has not bound its socket yet.
  }
  std::fprintf(stderr, "no server at %s\n", path.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0.5;
  const bool busy = argc > 3 && std::string(argv[3]) == "busy";
  const std::string path = "/tmp/tl_channel_bench_" + std::to_string(getpid());
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) {
    return 1;
  }
  {
    const Child channel_server([&] { ServeChannel(path); });
    const Child socket_server([&] { ServeSocket(sockets[1]); });
    const auto client = Connect(path);
    std::unique_ptr<Child> burner;
    if (busy) {
      burner = std::make_unique<Child>([] {
        while (true) {
          Work();
        }
      });
    }
    Compare(*client, sockets[0], rounds, seconds);
  }
  unlink(path.c_str());
  return 0;
}
