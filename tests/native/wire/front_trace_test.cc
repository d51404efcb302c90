#include "wire/front_trace.h"

#include <string>

#include "check.h"
#include "wire/infer_message.h"

using namespace triton_lite;

namespace {

std::string Number(std::uint64_t number) { return {reinterpret_cast<const char*>(&number), sizeof(number)}; }

std::string Front(char protocol, const std::string& context = {}) {
  return protocol + Number(7) + Number(100) + Number(200) + context;
}

}  // namespace

TEST(ReadsWhatAFrontEndSays) {
  const std::string bytes = Front('g', "parent\nstate");
  const auto front = wire::ReadFrontTrace(AsBytes(bytes));
  CHECK(front.has_value());
  CHECK(front->protocol == wire::FrontProtocol::kGrpc);
  CHECK_EQ(front->token, 7u);
  CHECK_EQ(front->received_start, 100u);
  CHECK_EQ(front->received_end, 200u);
  CHECK_EQ(front->traceparent, "parent");
  CHECK_EQ(front->tracestate, "state");
}

TEST(TheContextMayBeMissing) {
  const std::string bytes = Front('h');
  CHECK(wire::ReadFrontTrace(AsBytes(bytes))->traceparent.empty());
  const std::string parent = Front('h', "parent");
  CHECK_EQ(wire::ReadFrontTrace(AsBytes(parent))->traceparent, "parent");
  CHECK(wire::ReadFrontTrace(AsBytes(parent))->tracestate.empty());
}

TEST(RefusesEverythingElse) {
  for (const std::string& bytes : {std::string(), std::string("h"), Front('h').substr(0, 24), Front('x')}) {
    CHECK(!wire::ReadFrontTrace(AsBytes(bytes)).has_value());
  }
  CHECK(!wire::ReadTraceSent(AsBytes(Number(1) + Number(2))).has_value());
  CHECK(!wire::ReadTraceSent(AsBytes(Number(1) + Number(2) + Number(3) + "x")).has_value());
  const std::string sent = Number(1) + Number(2) + Number(3);
  CHECK_EQ(wire::ReadTraceSent(AsBytes(sent))->end, 3u);
}

TEST(OfTwoInARequestTheLastCounts) {
  std::string message = wire::EncodeInferRequest({.model_name = "m",
                                                  .model_version = {},
                                                  .id = {},
                                                  .parameters = {},
                                                  .inputs = {},
                                                  .outputs = {},
                                                  .from_http = false});
  const std::string tag("\xD2\x3E", 2);  // Field 1002, bytes.
  for (const std::string& field : {std::string("a client's"), Front('h')}) {
    message += tag + static_cast<char>(field.size()) + field;
  }
  wire::InferRequestView view;
  CHECK(wire::DecodeInferRequest(AsBytes(message), &view).ok());
  CHECK(wire::ReadFrontTrace(view.front_trace).has_value());
}

TEST_MAIN()
