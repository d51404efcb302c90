// What the channel's tests share: an echo, a connected pair, patterns.
#pragma once

#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "channel/client.h"
#include "channel/server.h"
#include "check.h"

namespace triton_lite::testing {

inline std::string SocketPath() {
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
    path = options.socket_path = SocketPath();
    options.answer_budget_byte_size = budget;
    server = *ChannelServer::Start(options, handler);
    RingClientOptions client_options;
    client_options.socket_path = options.socket_path;
    client_options.max_calls = max_calls;
    client = *ConnectRings(client_options);
  }
  std::string path;
  std::unique_ptr<ChannelServer> server;
  std::unique_ptr<ChannelClient> client;
};

inline ReceivedAnswerPtr Await(ChannelClient& client, CallId call) {
  bool interrupted = false;
  ReceivedAnswerPtr answer;
  do {
    answer = client.Wait(call, 0, &interrupted);
  } while (answer == nullptr);
  return answer;
}

inline std::string Pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 31 + seed) >> 3);
  }
  return text;
}

inline void CheckEcho(ChannelClient& client, const std::string& message, const std::vector<std::string>& parts) {
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

}  // namespace triton_lite::testing
