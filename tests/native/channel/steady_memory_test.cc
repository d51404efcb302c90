// Steady traffic of large bodies holds a steady amount of memory, on both sides.
#include <fstream>
#include <string>
#include <vector>

#include "channel/channel_pair.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

constexpr std::size_t kBodyByteSize = 1 << 20;
constexpr std::size_t kMostGrowth = 16 << 20;

// Resident bytes of one kind ("RssShmem", "RssAnon").
std::size_t Resident(const std::string& kind) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kind + ":")) {
      return std::stoul(line.substr(kind.size() + 1)) * 1024;
    }
  }
  return 0;
}

// Shared memory, and the heap where no sanitizer keeps what was freed.
std::size_t Resident() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return Resident("RssShmem");
#else
  return Resident("RssShmem") + Resident("RssAnon");
#endif
}

// `held`: answers whose memory the client keeps meanwhile.
void Exchange(ChannelClient& client, const std::string& body, int rounds, std::size_t held) {
  std::vector<ReceivedAnswerPtr> answers;
  const Bytes segment = AsBytes(body);
  for (int i = 0; i < rounds; ++i) {
    const auto call = client.Send(Method::kModelInfer, {"m", std::span(&segment, 1)});
    REQUIRE(call.ok());
    answers.push_back(Await(client, *call));
    CHECK(answers.back()->status().ok());
    if (answers.size() > held) {
      answers.erase(answers.begin());
    }
  }
}

void ExchangeBodies(ChannelClient& client, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    auto body = client.AllocateBody(kBodyByteSize);
    REQUIRE(body.ok());
    std::memset(body->data, i, kBodyByteSize);
    const Bytes segment = body->bytes();
    const auto call = client.Send(Method::kModelInfer, {"m", std::span(&segment, 1)});
    REQUIRE(call.ok());
    CHECK(Await(client, *call)->segments()[0][0] == static_cast<std::byte>(i));
  }
}

}  // namespace

TEST(RepeatedLargeBodies) {
  Echo echo;
  Pair pair(&echo);
  const std::string body = Pattern(kBodyByteSize, 1);
  Exchange(*pair.client, body, 100, 8);
  ExchangeBodies(*pair.client, 100);
  const std::size_t warm = Resident();
  REQUIRE(Resident("RssShmem") > kBodyByteSize);
  Exchange(*pair.client, body, 500, 8);
  ExchangeBodies(*pair.client, 500);
  CHECK(Resident() < warm + kMostGrowth);
}

TEST(PagesOfABurstGoBack) {
  Echo echo;
  Pair pair(&echo);
  const std::string body = Pattern(kBodyByteSize, 1);
  Exchange(*pair.client, body, 10, 0);
  const std::size_t before = Resident("RssShmem");
  Exchange(*pair.client, body, 200, 200);
  // What the client let go comes back with the next calls, when the engine comes to it. Each side keeps 32 MB warm,
  // mapped twice in this process; a burst that stayed would be 800 MB.
  const std::size_t most = before + 3 * (64u << 20);
  for (int i = 0; i < 100 && Resident("RssShmem") >= most; ++i) {
    Exchange(*pair.client, body, 10, 0);
  }
  CHECK(Resident("RssShmem") < most);
}

TEST_MAIN()
