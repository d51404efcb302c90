// Answers with a status that is not OK: their text, and the segments that they may carry.
#include <string>
#include <vector>

#include "channel/channel_pair.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// Fails every call with its message for a text, and the call's segments: in the call's memory or elsewhere.
class Failing : public CallHandler {
 public:
  explicit Failing(bool in_call_memory) : in_call_memory_(in_call_memory) {}

  void Handle(CallPtr call) override {
    Answer answer;
    answer.status = InvalidArgument(std::string(AsText(call->message())));
    for (Bytes segment : call->segments()) {
      if (in_call_memory_) {
        Buffer copy = *call->Allocate(segment.size());
        std::memcpy(copy.data, segment.data(), segment.size());
        answer.segments.push_back(std::move(copy));
      } else {
        auto text = std::make_shared<std::string>(AsText(segment));
        answer.segments.push_back({reinterpret_cast<std::byte*>(text->data()), text->size(), text});
      }
    }
    call->Reply(std::move(answer), true);
  }

 private:
  const bool in_call_memory_;
};

void CheckFails(ChannelClient& client, const std::string& text, const std::vector<std::string>& heads) {
  std::vector<Bytes> segments;
  for (const std::string& head : heads) {
    segments.push_back(AsBytes(head));
  }
  const auto call = client.Send(Method::kModelInfer, {text, segments});
  REQUIRE(call.ok());
  const auto answer = Await(client, *call);
  CHECK(answer->last());
  CHECK_EQ(answer->status().code(), Code::kInvalidArgument);
  CHECK_EQ(answer->status().message(), text);
  CHECK(answer->message().empty());
  REQUIRE(answer->segments().size() == heads.size());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    CHECK(AsText(answer->segments()[i]) == heads[i]);
  }
}

void CheckAllSizes(ChannelClient& client) {
  for (std::size_t text : {1, 100, 440, 500, 5000}) {
    CheckFails(client, Pattern(text, 1), {});
    for (std::size_t head : {1, 64, 300, 5000, 2 << 20}) {
      CheckFails(client, Pattern(text, 2), {Pattern(head, 3)});
    }
  }
  CheckFails(client, "two", {Pattern(10, 1), Pattern(100'000, 2)});
}

}  // namespace

TEST(OverRings) {
  for (const bool in_call_memory : {true, false}) {
    Failing failing(in_call_memory);
    Pair pair(&failing);
    CheckAllSizes(*pair.client);
  }
}

TEST(Direct) {
  for (const bool in_call_memory : {true, false}) {
    Failing failing(in_call_memory);
    CheckAllSizes(*MakeDirectClient(&failing));
  }
}

TEST(TextOfASlowReaderIsCutButArrives) {
  Failing failing(true);
  // The answers' budget does not hold the text of an error.
  Pair pair(&failing, 1024, 64);
  const auto call = pair.client->Send(Method::kModelInfer, {Pattern(5000, 1), {}});
  REQUIRE(call.ok());
  const auto answer = Await(*pair.client, *call);
  CHECK_EQ(answer->status().code(), Code::kInvalidArgument);
  CHECK_EQ(answer->status().message(), Pattern(200, 1));
}

TEST_MAIN()
