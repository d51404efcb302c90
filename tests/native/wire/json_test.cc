#include "wire/json.h"

#include <cmath>
#include <cstring>

#include "check.h"
#include "wire/json_tensor.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

std::string ErrorOf(std::string_view text) {
  // Blocks of their own: the address sanitizer sees a read past the end.
  const std::vector<char> copy(text.begin(), text.end());
  JsonDocument document;
  const Status status = ParseJson({copy.data(), copy.size()}, JsonTensors::kInferInputs, &document);
  constexpr std::string_view kPrefix = "failed to parse the request JSON buffer: ";
  return status.ok() ? "" : status.message().substr(kPrefix.size());
}

struct Parsed {
  explicit Parsed(std::string json, JsonTensors tensors = JsonTensors::kNone) : text(std::move(json)) {
    ok = ParseJson(text, tensors, &document).ok();
  }
  JsonValue root() const { return Root(document); }

  std::string text;
  JsonDocument document;
  bool ok = false;
};

// The converted bytes of a "data" array, or nothing when it became nodes.
std::optional<std::string> Captured(std::string_view datatype, std::string_view data) {
  const Parsed parsed(
      "{\"inputs\":[{\"datatype\":\"" + std::string(datatype) + "\",\"data\":" + std::string(data) + "}]}",
      JsonTensors::kInferInputs);
  if (!parsed.ok) {
    return std::nullopt;
  }
  const JsonValue value = *(*parsed.root().Find("inputs")).first().Find("data");
  return value.tensor() == nullptr ? std::nullopt : std::optional(value.tensor()->bytes);
}

Result<std::string> ByNodes(DataType datatype, std::string_view data, std::int64_t expected_count) {
  const Parsed parsed{std::string(data)};
  std::string bytes;
  std::int64_t count = 0;
  RETURN_IF_ERROR(ConvertNodes(datatype, parsed.root(), expected_count, &bytes, &count));
  return bytes;
}

template <typename T>
std::string Raw(std::initializer_list<T> values) {
  std::string raw(values.size() * sizeof(T), '\0');
  std::memcpy(raw.data(), values.begin(), raw.size());
  return raw;
}

// Both ways give the same bytes.
template <typename T>
void CheckConverts(std::string_view datatype, std::string_view data, std::initializer_list<T> expected) {
  const std::optional<std::string> fast = Captured(datatype, data);
  REQUIRE(fast.has_value());
  CHECK_EQ(*fast, Raw(expected));
  const Result<std::string> slow = ByNodes(ParseDataType(datatype), data, static_cast<std::int64_t>(expected.size()));
  REQUIRE(slow.ok());
  CHECK_EQ(*slow, Raw(expected));
}

}  // namespace

TEST(ErrorTexts) {
  CHECK_EQ(ErrorOf(""), "The document is empty. at 0");
  CHECK_EQ(ErrorOf("  "), "The document is empty. at 2");
  CHECK_EQ(ErrorOf("{} x"), "The document root must not be followed by other values. at 3");
  CHECK_EQ(ErrorOf("[1,]"), "Invalid value. at 3");
  CHECK_EQ(ErrorOf("[1 2]"), "Missing a comma or ']' after an array element. at 3");
  CHECK_EQ(ErrorOf("[01]"), "Missing a comma or ']' after an array element. at 2");
  CHECK_EQ(ErrorOf("{\"inputs\":[],}"), "Missing a name for object member. at 13");
  CHECK_EQ(ErrorOf("{\"a\" 1}"), "Missing a colon after a name of object member. at 5");
  CHECK_EQ(ErrorOf("{\"a\":1"), "Missing a comma or '}' after an object member. at 6");
  CHECK_EQ(ErrorOf("{\"a\":"), "Invalid value. at 5");
  CHECK_EQ(ErrorOf("[tru]"), "Invalid value. at 4");
  CHECK_EQ(ErrorOf("[-]"), "Invalid value. at 2");
  CHECK_EQ(ErrorOf("[1.]"), "Miss fraction part in number. at 3");
  CHECK_EQ(ErrorOf("[1e]"), "Miss exponent in number. at 3");
  CHECK_EQ(ErrorOf("[1e309]"), "Number too big to be stored in double. at 1");
  CHECK_EQ(ErrorOf("[1e99999999999]"), "Number too big to be stored in double. at 1");
  CHECK_EQ(ErrorOf("[0e309]"), "Number too big to be stored in double. at 1");
  // Of a tensor, too, which is read another way.
  CHECK_EQ(ErrorOf("{\"inputs\":[{\"datatype\":\"FP64\",\"data\":[0e309]}]}"),
           "Number too big to be stored in double. at 38");
  CHECK_EQ(ErrorOf("[\"a"), "Missing a closing quotation mark in string. at 3");
  CHECK_EQ(ErrorOf("[\"a\n\"]"), "Invalid escape character in string. at 3");
  CHECK_EQ(ErrorOf("[\"\\q\"]"), "Invalid escape character in string. at 2");
  CHECK_EQ(ErrorOf("[\"\\u12g4\"]"), "Incorrect hex digit after \\u escape in string. at 2");
  CHECK_EQ(ErrorOf("[\"\\ud800x\"]"), "The surrogate pair in string is invalid. at 2");
  CHECK_EQ(ErrorOf("[Nan]"), "Invalid value. at 3");
}

TEST(ValidTexts) {
  for (const char* text : {"1", "\"x\"", "null", " [ ] ", "{ }", "[[],{}]", "[NaN,-Infinity,Inf]", "[-0,0.5e-999,1e+2]",
                           "[\"\\udc00\"]", "\xEF\xBB\xBF{}", "[1.8e308]"}) {
    CHECK_EQ(ErrorOf(text), "");
  }
}

TEST(NestingIsBoundedByMemoryOnly) {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  CHECK_EQ(ErrorOf(deep), "");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) {
    objects += "{\"a\":";
  }
  CHECK_EQ(ErrorOf(objects), "Invalid value. at 500000");
}

TEST(Lookups) {
  const Parsed parsed(R"({"a":[1,[2,3],{"x":4}],"b":"t","a":5,"n":-7,"d":1.5,"h":18446744073709551615})");
  REQUIRE(parsed.ok);
  const JsonValue root = parsed.root();
  CHECK_EQ(root.size(), 6u);
  const JsonValue list = *root.Find("a");  // The first one counts.
  REQUIRE(list.IsArray());
  CHECK_EQ(list.size(), 3u);
  std::size_t walked = 0;
  for (JsonValue item = list.first(); item != list.end(); item = item.next()) {
    ++walked;
  }
  CHECK_EQ(walked, 3u);
  CHECK(!root.Find("x"));
  CHECK_EQ(*root.Find("b")->AsText(), "t");
  CHECK_EQ(*root.Find("n")->AsInt(), -7);
  CHECK_EQ(root.Find("n")->AsUint().status().message(),
           "attempt to access JSON non-unsigned-integer as unsigned-integer");
  CHECK_EQ(*root.Find("d")->AsDouble(), 1.5);
  CHECK_EQ(*root.Find("h")->AsUint(), UINT64_MAX);
  CHECK_EQ(root.Find("h")->AsInt().status().message(), "attempt to access JSON non-signed-integer as signed-integer");
  CHECK_EQ(root.Member("z").status().message(), "attempt to access non-existing object member 'z'");
  CHECK_EQ(root.MemberAsArray("b").status().message(), "attempt to access JSON non-array as array");
}

TEST(Escapes) {
  const Parsed parsed(R"(["\u00e9\ud83d\ude00\u0000z\/\b\f\n\r\t\"\\", "plain"])");
  REQUIRE(parsed.ok);
  const std::string expected("\xC3\xA9\xF0\x9F\x98\x80\0z/\b\f\n\r\t\"\\", 16);
  CHECK_EQ(*parsed.root().first().AsText(), expected);
}

TEST(NumbersOfEveryDatatype) {
  CheckConverts<std::int32_t>("INT32", "[1, -2 ,\n[3,[-2147483648]], 2147483648]", {1, -2, 3, INT32_MIN, INT32_MIN});
  CheckConverts<std::int64_t>("INT64", "[9223372036854775807,-9223372036854775808,-0]", {INT64_MAX, INT64_MIN, 0});
  CheckConverts<std::uint64_t>("UINT64", "[18446744073709551615,0]", {UINT64_MAX, 0});
  CheckConverts<std::uint8_t>("UINT8", "[256,300,7]", {0, 44, 7});
  CheckConverts<std::int16_t>("INT16", "[[],-1,[]]", {-1});
  CheckConverts<std::uint8_t>("BOOL", "[true,false]", {1, 0});
  CheckConverts<float>("FP32", "[0.1,-2.5,3e38,1e39,16777217,1.00000000000000000000001]",
                       {0.1F, -2.5F, 3e38F, INFINITY, 16777216.0F, 1.0F});
  CheckConverts<double>("FP64", "[0.1,1e300,5e-324,1e-999,123456789012345678901,0.30000000000000004,1E2,1e22,1e23]",
                        {0.1, 1e300, 5e-324, 0.0, 123456789012345678901.0, 0.30000000000000004, 100.0, 1e22, 1e23});
}

TEST(NegativeZeroStays) {
  const std::optional<std::string> bytes = Captured("FP64", "[-0.0,-0]");
  REQUIRE(bytes.has_value());
  CHECK_EQ(*bytes, Raw<double>({-0.0, -0.0}));
}

TEST(NanAndInfinities) {
  const std::optional<std::string> bytes = Captured("FP32", "[NaN,Infinity,-Inf]");
  REQUIRE(bytes.has_value() && bytes->size() == 12);
  float values[3];
  std::memcpy(values, bytes->data(), sizeof(values));
  CHECK(std::isnan(values[0]));
  CHECK_EQ(values[1], INFINITY);
  CHECK_EQ(values[2], -INFINITY);
}

TEST(TextsGetLengths) {
  CHECK_EQ(*Captured("BYTES", R"(["ab",["","\u0000"]])"), std::string("\2\0\0\0ab\0\0\0\0\1\0\0\0\0", 15));
}

TEST(WhatDoesNotFitBecomesNodes) {
  for (const char* data : {"[1.0]", "[\"1\"]", "[null]", "[{}]", "[9223372036854775808]", "[1e2]", "[true]"}) {
    CHECK(!Captured("INT64", data));
  }
  CHECK(!Captured("UINT32", "[-1]"));
  CHECK(!Captured("FP16", "[1]"));
  CHECK(!Captured("NOPE", "[1]"));
  CHECK(!Captured("FP32", "7"));
}

TEST(ErrorsOfNodes) {
  constexpr std::string_view kInt = "attempt to access JSON non-signed-integer as signed-integer";
  CHECK_EQ(ByNodes(DataType::kInt32, "[1,\"x\"]", 5).status(),
           Internal("Unable to parse 'data': " + std::string(kInt)));
  CHECK_EQ(ByNodes(DataType::kInt32, "[1,2,3]", 2).status(),
           Internal("Unable to parse 'data': Shape does not match true shape of 'data' field"));
  CHECK_EQ(ByNodes(DataType::kBytes, "[5]", 1).status(),
           Internal("Unable to parse JSON bytes array: attempt to access JSON non-string as string"));
}

TEST(DataNestsLessThanAHundredDeep) {
  const auto nested = [](std::size_t depth, std::string_view core) {
    return std::string(depth, '[') + std::string(core) + std::string(depth, ']');
  };
  CHECK(Captured("INT32", nested(99, "1")).has_value());
  CHECK(ByNodes(DataType::kInt32, nested(99, "1"), 1).ok());
  CHECK(ByNodes(DataType::kInt32, nested(100, ""), 1).ok());
  CHECK(!Captured("INT32", nested(100, "1")).has_value());
  CHECK_EQ(ByNodes(DataType::kInt32, nested(100, "1"), 1).status(),
           InvalidArgument("Unable to parse 'data': JSON nesting depth exceeds maximum allowed limit (100)"));
  CHECK_EQ(ByNodes(DataType::kBytes, nested(100, "1"), 1).status(),
           InvalidArgument("JSON nesting depth exceeds maximum allowed limit (100)"));
}

TEST(EveryTruncationIsAnError) {
  const std::string text =
      R"({"id":"\u20ac","inputs":[{"name":"I","datatype":"FP32","shape":[2],"data":[1.5,-2e3]},{"data":[1]}],"z":[true,null]})";
  CHECK_EQ(ErrorOf(text), "");
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK(!ErrorOf(text.substr(0, size)).empty());
  }
}

TEST_MAIN()
