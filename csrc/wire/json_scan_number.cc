#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "wire/json_scan.h"

namespace triton_lite::wire {
namespace {

JsonError ScanNanOrInfinity(JsonCursor* cursor, bool minus, JsonNode* node) {
  node->type = JsonType::kDouble;
  if (cursor->Consume('N')) {
    node->real = std::numeric_limits<double>::quiet_NaN();
    return cursor->Consume('a') && cursor->Consume('N') ? JsonError{} : JsonError{kInvalidValue, cursor->at};
  }
  cursor->Consume('I');
  if (!cursor->Consume('n') || !cursor->Consume('f')) {
    return {kInvalidValue, cursor->at};
  }
  const double infinity = std::numeric_limits<double>::infinity();
  node->real = minus ? -infinity : infinity;
  if (cursor->Peek() != 'i') {
    return {};
  }
  for (const char c : {'i', 'n', 'i', 't', 'y'}) {
    if (!cursor->Consume(c)) {
      return {kInvalidValue, cursor->at};
    }
  }
  return {};
}

// Digits into `*value`; false when they do not fit.
bool ScanDigits(JsonCursor* cursor, std::uint64_t* value) {
  bool fits = true;
  for (; cursor->AtDigit(); ++cursor->at) {
    fits = fits && !__builtin_mul_overflow(*value, 10u, value) &&
           !__builtin_add_overflow(*value, static_cast<std::uint64_t>(*cursor->at - '0'), value);
  }
  return fits;
}

// Behind 'e'. RapidJSON gives up in the middle of a positive exponent that is too large.
JsonError ScanExponent(JsonCursor* cursor, const char* start, int fraction_digits) {
  const bool minus = !cursor->Consume('+') && cursor->Consume('-');
  if (!cursor->AtDigit()) {
    return {"Miss exponent in number.", cursor->at};
  }
  const int limit = kMaxExponent + fraction_digits;
  int exponent = *cursor->at++ - '0';
  for (; cursor->AtDigit(); ++cursor->at) {
    if (exponent <= limit) {
      exponent = exponent * 10 + (*cursor->at - '0');
    }
    if (!minus && exponent > limit) {
      return {"Number too big to be stored in double.", start};
    }
  }
  return {};
}

// Too small a number is zero. Too large a one that passed ScanExponent is infinite, as in Triton.
void ConvertReal(const char* start, const char* end, JsonNode* node) {
  double value = 0;
  const std::from_chars_result result = std::from_chars(start, end, value);
  if (result.ec == std::errc::result_out_of_range) {
    const std::string text(start, end);
    value = std::strtod(text.c_str(), nullptr);  // Says on which side it is out of range.
  }
  node->type = JsonType::kDouble;
  node->real = value;
}

void SetInteger(bool minus, std::uint64_t value, JsonNode* node) {
  if (minus && value != 0) {
    node->type = JsonType::kInt;
    node->integer = static_cast<std::int64_t>(~value + 1);
  } else {
    node->type = JsonType::kUint;
    node->natural = value;
  }
}

}  // namespace

JsonError ScanNumber(JsonCursor* cursor, JsonNode* node) {
  const char* const start = cursor->at;
  const bool minus = cursor->Consume('-');
  if (cursor->Peek() == 'N' || cursor->Peek() == 'I') {
    return ScanNanOrInfinity(cursor, minus, node);
  }
  if (!cursor->AtDigit()) {
    return {kInvalidValue, cursor->at};
  }
  std::uint64_t value = 0;
  bool is_integer = cursor->Consume('0') || ScanDigits(cursor, &value);
  is_integer = is_integer && (!minus || value <= std::uint64_t{1} << 63);
  int fraction_digits = 0;
  if (cursor->Consume('.')) {
    const char* const fraction = cursor->at;
    if (!cursor->AtDigit()) {
      return {"Miss fraction part in number.", cursor->at};
    }
    ScanDigits(cursor, &value);
    fraction_digits = static_cast<int>(std::min<std::ptrdiff_t>(cursor->at - fraction, INT16_MAX));
    is_integer = false;
  }
  if (cursor->Consume('e') || cursor->Consume('E')) {
    if (const JsonError error = ScanExponent(cursor, start, fraction_digits)) {
      return error;
    }
    is_integer = false;
  }
  if (is_integer) {
    SetInteger(minus, value, node);
  } else {
    ConvertReal(start, cursor->at, node);
  }
  return {};
}

}  // namespace triton_lite::wire
