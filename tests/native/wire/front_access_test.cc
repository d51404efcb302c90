// What front ends say for the access log: the last one counts, and nothing malformed does harm.
#include "wire/front_access.h"

#include <string>

#include "check.h"
#include "wire/request_id.h"

using namespace triton_lite;

namespace {

// Field 1003 with a payload of less than 128 bytes.
std::string Field(const std::string& payload) {
  return std::string("\xDA\x3E", 2) + static_cast<char>(payload.size()) + payload;
}

std::string Payload(char byte_size, const std::string& texts) { return byte_size + std::string(7, '\0') + texts; }

}  // namespace

TEST(TheLastOneCounts) {
  const std::string message = "\x0A\x01m" + Field(Payload(9, "evil\nforged")) + Field(Payload(5, "127.0.0.1:1\none"));
  const wire::FrontAccess access = wire::ReadFrontAccess(AsBytes(message));
  CHECK_EQ(access.byte_size, std::uint64_t{5});
  CHECK_EQ(access.peer, "127.0.0.1:1");
  CHECK_EQ(access.request_id, "one");
}

TEST(NothingSaid) {
  for (const std::string& message : {std::string(), std::string("\x0A\x01m"), Field("short"),
                                     std::string("\xDA\x3E\x7F"), std::string("\xFF\xFF")}) {
    const wire::FrontAccess access = wire::ReadFrontAccess(AsBytes(message));
    CHECK(access.byte_size == 0 && access.peer.empty() && access.request_id.empty());
  }
  CHECK_EQ(wire::ReadFrontAccess(AsBytes(Field(Payload(1, "peer")))).peer, "peer");
}

TEST(IdsInHeaders) {
  CHECK(wire::FitsHeader("one") && wire::FitsHeader(std::string(256, 'x')) && wire::FitsHeader("a b"));
  for (const char* const id : {"", " a", "a ", "a\nb", "\r", "\x7f", "\xc3\xa4"}) {
    CHECK(!wire::FitsHeader(id));
  }
  CHECK(!wire::FitsHeader(std::string(257, 'x')));
}

TEST_MAIN()
