#include "backends/config_value.h"

#include "check.h"

using namespace triton_lite;

TEST(ReadsBooleansInAnyCase) {
  for (const char* const text : {"true", "TRUE", "on", "On", "1"}) {
    CHECK(ParseBoolValue(text).ok() && *ParseBoolValue(text));
  }
  for (const char* const text : {"false", "OFF", "0"}) {
    CHECK(ParseBoolValue(text).ok() && !*ParseBoolValue(text));
  }
  CHECK_EQ(ParseBoolValue("yes").status(), InvalidArgument("failed to convert 'yes' to boolean"));
  CHECK_EQ(ParseBoolValue("").status(), InvalidArgument("failed to convert '' to boolean"));
}

TEST(ReadsIntegersAsStoiDoes) {
  const std::pair<const char*, int> cases[] = {{"3", 3}, {" 4", 4}, {"+5", 5}, {"-6", -6}, {"7x", 7}};
  for (const auto& [text, value] : cases) {
    const auto parsed = ParseIntValue(text);
    CHECK(parsed.ok() && *parsed == value);
  }
  for (const char* const text : {"", "x", "+-1", "99999999999"}) {
    CHECK_EQ(ParseIntValue(text).status(),
             InvalidArgument("failed to convert '" + std::string(text) + "' to integral number"));
  }
}

TEST(FallsBackToDefaults) {
  const ConfigValues values{{"a", "2"}, {"b", "on"}};
  CHECK_EQ(*FindInt(values, "a", 9), 2);
  CHECK_EQ(*FindInt(values, "x", 9), 9);
  CHECK_EQ(*FindBool(values, "b", false), true);
  CHECK_EQ(*FindBool(values, "x", true), true);
  CHECK(!FindBool(values, "a", true).ok());
}

TEST_MAIN()
