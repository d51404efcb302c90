#include "trace/traceparent.h"

#include "check.h"

using namespace triton_lite;

namespace {

constexpr const char* kValid = "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01";

}  // namespace

TEST(TakesAValidHeader) {
  const auto parent = ParseTraceParent(kValid);
  CHECK(parent.has_value());
  CHECK_EQ(parent->trace_id, "0af7651916cd43dd8448eb211c12666c");
  CHECK_EQ(parent->span_id, "b7ad6b7169242424");
  CHECK_EQ(int{parent->flags}, 1);
  CHECK(ParseTraceParent(std::string(" ") + kValid + " ").has_value());
}

TEST(LaterVersionsMayHaveMoreBehind) {
  CHECK(ParseTraceParent("cc-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01-more").has_value());
  CHECK(!ParseTraceParent(std::string(kValid) + "-more").has_value());
  CHECK(!ParseTraceParent("cc-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01more").has_value());
}

TEST(RefusesEverythingElse) {
  for (const char* header : {
           "",
           "00",
           "ff-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01",
           "00-00000000000000000000000000000000-b7ad6b7169242424-01",
           "00-0af7651916cd43dd8448eb211c12666c-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C12666C-b7ad6b7169242424-01",
           "00-0af7651916cd43dd8448eb211c12666-b7ad6b7169242424-001",
           "00_0af7651916cd43dd8448eb211c12666c_b7ad6b7169242424_01",
           "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-0x",
           "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-0",
       }) {
    CHECK(!ParseTraceParent(header).has_value());
  }
}

TEST_MAIN()
