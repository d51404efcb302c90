// What front ends say about calls: all of it, some of it, and nonsense.
#include "wire/call_metadata.h"

#include <string>

#include "check.h"
#include "wire/request_id.h"

using namespace triton_lite;

namespace {

std::string Number(std::uint64_t number) { return {reinterpret_cast<const char*>(&number), sizeof(number)}; }

}  // namespace

TEST(EverythingIsSaid) {
  const std::string metadata = wire::EncodeCallMetadata(100, 200, Number(5) + "127.0.0.1:1\none\nparent\nstate");
  const wire::CallMetadata said = wire::ReadCallMetadata(AsBytes(metadata));
  CHECK_EQ(said.received_start, 100u);
  CHECK_EQ(said.received_end, 200u);
  CHECK_EQ(said.byte_size, 5u);
  CHECK_EQ(said.peer, "127.0.0.1:1");
  CHECK_EQ(said.request_id, "one");
  CHECK_EQ(said.traceparent, "parent");
  CHECK_EQ(said.tracestate, "state");
}

TEST(OnlyTimes) {
  const std::string metadata = wire::EncodeCallMetadata(100, 200, {});
  const wire::CallMetadata said = wire::ReadCallMetadata(AsBytes(metadata));
  CHECK_EQ(said.received_end, 200u);
  CHECK_EQ(said.byte_size, 0u);
  CHECK(said.peer.empty() && said.request_id.empty() && said.traceparent.empty() && said.tracestate.empty());
}

TEST(TextsMayBeMissing) {
  const std::string peer = wire::EncodeCallMetadata(0, 0, Number(5) + "peer");
  CHECK_EQ(wire::ReadCallMetadata(AsBytes(peer)).peer, "peer");
  CHECK(wire::ReadCallMetadata(AsBytes(peer)).request_id.empty());
  const std::string parent = wire::EncodeCallMetadata(1, 2, Number(0) + "\n\nparent");
  CHECK(wire::ReadCallMetadata(AsBytes(parent)).peer.empty());
  CHECK_EQ(wire::ReadCallMetadata(AsBytes(parent)).traceparent, "parent");
  CHECK(wire::ReadCallMetadata(AsBytes(parent)).tracestate.empty());
}

TEST(NonsenseSaysNothing) {
  for (const std::string& metadata : {std::string(), std::string("h"), Number(1) + Number(2) + "1234567"}) {
    const wire::CallMetadata said = wire::ReadCallMetadata(AsBytes(metadata));
    CHECK(said.received_start == 0 && said.byte_size == 0 && said.peer.empty());
  }
  CHECK(!wire::ReadTraceSent(AsBytes(Number(1) + Number(2))).has_value());
  CHECK(!wire::ReadTraceSent(AsBytes(Number(1) + Number(2) + Number(3) + "x")).has_value());
  const std::string sent = Number(1) + Number(2) + Number(3);
  CHECK_EQ(wire::ReadTraceSent(AsBytes(sent))->end, 3u);
}

TEST(IdsInHeaders) {
  CHECK(wire::FitsHeader("one") && wire::FitsHeader(std::string(256, 'x')) && wire::FitsHeader("a b"));
  for (const char* const id : {"", " a", "a ", "a\nb", "\r", "\x7f", "\xc3\xa4"}) {
    CHECK(!wire::FitsHeader(id));
  }
  CHECK(!wire::FitsHeader(std::string(257, 'x')));
}

TEST_MAIN()
