// Client and server over real rings, in one process.
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "channel/client.h"
#include "channel/server.h"
#include "check.h"

using namespace triton_lite;

namespace {

std::string SocketPath() {
  static int count = 0;
  return "/tmp/tl_ring_test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
}

// Answers with the message and the segments of the call.
class Echo : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    Answer answer;
    answer.message = AsText(call->message());
    for (Bytes segment : call->segments()) {
      auto buffer = call->Allocate(segment.size());
      if (!buffer.ok()) {
        call->Reply({buffer.status(), {}, {}}, true);
        return;
      }
      if (!segment.empty()) {
        std::memcpy(buffer->data, segment.data(), segment.size());
      }
      answer.segments.push_back(*std::move(buffer));
    }
    call->Reply(std::move(answer), true);
  }
};

struct Pair {
  explicit Pair(CallHandler* handler, std::uint32_t max_calls = 1024, std::uint64_t budget = 4ull << 30) {
    ChannelServerOptions options;
    options.socket_path = SocketPath();
    options.answer_budget_byte_size = budget;
    server = *ChannelServer::Start(options, handler);
    RingClientOptions client_options;
    client_options.socket_path = options.socket_path;
    client_options.max_calls = max_calls;
    client = *ConnectRings(client_options);
  }
  std::unique_ptr<ChannelServer> server;
  std::unique_ptr<ChannelClient> client;
};

ReceivedAnswerPtr Await(ChannelClient& client, CallId call) {
  bool interrupted = false;
  ReceivedAnswerPtr answer;
  do {
    answer = client.Wait(call, 0, &interrupted);
  } while (answer == nullptr);
  return answer;
}

std::string Pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 31 + seed) >> 3);
  }
  return text;
}

void CheckEcho(ChannelClient& client, const std::string& message, const std::vector<std::string>& parts) {
  std::vector<Bytes> segments;
  for (const std::string& part : parts) {
    segments.push_back(AsBytes(part));
  }
  const auto call = client.Send(Method::kModelInfer, {message, segments});
  REQUIRE(call.ok());
  const auto answer = Await(client, *call);
  CHECK(answer->last());
  CHECK(answer->status().ok());
  CHECK_EQ(AsText(answer->message()), message);
  REQUIRE(answer->segments().size() == parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    CHECK(AsText(answer->segments()[i]) == parts[i]);
  }
}

}  // namespace

TEST(Small) {
  Echo echo;
  Pair pair(&echo);
  for (unsigned i = 0; i < 5000; ++i) {
    CheckEcho(*pair.client, Pattern(200, i), {Pattern(64, i), Pattern(64, i + 1)});
  }
}

TEST(AllSizes) {
  Echo echo;
  Pair pair(&echo);
  for (std::size_t size : {0, 1, 63, 64, 255, 256, 257, 400, 463, 464, 465, 4096, 70000, 1 << 20, 40 << 20}) {
    CheckEcho(*pair.client, "message", {Pattern(size, 1)});
    CheckEcho(*pair.client, "message", {Pattern(size, 1), Pattern(3, 2), Pattern(size, 5)});
    CheckEcho(*pair.client, Pattern(size / 4, 3), {Pattern(7, 1), Pattern(size, 1)});
  }
  std::vector<std::string> many;
  for (unsigned i = 0; i < 100; ++i) {
    many.push_back(Pattern(i, i));
  }
  CheckEcho(*pair.client, "many", many);
}

TEST_MAIN()
