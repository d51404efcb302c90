// The tokens of JSON with RapidJSON's rules and error texts. Internal to wire/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/json.h"

namespace triton_lite::wire {

// A place in the text. Reading at the end gives '\0', which no token contains.
struct JsonCursor {
  const char* at;
  const char* end;

  char Peek() const { return at < end ? *at : '\0'; }
  bool Consume(char c) {
    if (at < end && *at == c) {
      ++at;
      return true;
    }
    return false;
  }
  void SkipSpace() {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
      ++at;
    }
  }
  bool AtDigit() const { return at < end && *at >= '0' && *at <= '9'; }
};

// What went wrong and where (null text: nothing did).
struct JsonError {
  const char* text = nullptr;
  const char* at = nullptr;

  explicit operator bool() const { return text != nullptr; }
};

inline constexpr char kInvalidValue[] = "Invalid value.";
inline constexpr char kMissName[] = "Missing a name for object member.";
inline constexpr char kMissColon[] = "Missing a colon after a name of object member.";
inline constexpr char kMissCommaOrCurly[] = "Missing a comma or '}' after an object member.";
inline constexpr char kMissCommaOrSquare[] = "Missing a comma or ']' after an array element.";

// A number above 10 to the power of this is refused, even if its digits are zeros.
inline constexpr int kMaxExponent = 308;

// At the first character of a number (or of nothing valid). Sets a kInt, kUint or kDouble node.
JsonError ScanNumber(JsonCursor* cursor, JsonNode* node);

// After the opening quotation mark; leaves the cursor behind the closing one. `*text` is a view of the source, or of
// `*unescaped` when there were escapes.
JsonError ScanString(JsonCursor* cursor, std::string* unescaped, std::string_view* text);

// At 't', 'f' or 'n'.
JsonError ScanLiteral(JsonCursor* cursor, JsonNode* node);

}  // namespace triton_lite::wire
