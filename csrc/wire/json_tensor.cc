#include "wire/json_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace triton_lite::wire {
namespace {

// Powers of ten that a double holds exactly.
constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMaxExactPower = 22;
constexpr std::uint64_t kMaxExactInteger = std::uint64_t{1} << 53;
constexpr std::size_t kSmallTensor = 256;  // Bytes.
constexpr int kMaxDigits = 19;             // As many decimal digits always fit into 64 bits.

// Digits into `*value`, which wraps when there are more than fit: the caller counts them. Stops at anything else; the
// text ends in ']', so no bound is looked at.
inline const char* ReadDigits(const char* at, std::uint64_t* value) {
  std::uint64_t result = *value;
  for (unsigned digit; (digit = static_cast<unsigned>(*at) - '0') <= 9; ++at) {
    result = result * 10 + digit;
  }
  *value = result;
  return at;
}

// Behind 'e' or 'E'. Null when there is no digit or more than three.
const char* ReadExponent(const char* at, int* exponent) {
  const bool minus = *at == '-';
  if (*at == '-' || *at == '+') {
    ++at;
  }
  std::uint64_t value = 0;
  const char* const end = ReadDigits(at, &value);
  if (end == at || end - at > 3) {
    return nullptr;
  }
  *exponent += minus ? -static_cast<int>(value) : static_cast<int>(value);
  return end;
}

// The cases in which an integer times a power of ten, both exact, rounds once.
inline bool ExactDouble(std::uint64_t digits, int exponent, double* value) {
  if (digits > kMaxExactInteger || exponent > kMaxExactPower || exponent < -kMaxExactPower) {
    return false;
  }
  const auto integer = static_cast<double>(digits);
  *value = exponent < 0 ? integer / kPowersOfTen[-exponent] : integer * kPowersOfTen[exponent];
  return true;
}

// Null when this is no plain number in range: the scanner looks at it again.
const char* ReadDouble(const char* start, double* value) {
  const bool minus = *start == '-';
  const char* const first = minus ? start + 1 : start;
  std::uint64_t digits = 0;
  const char* at = ReadDigits(first, &digits);
  if (at == first || (*first == '0' && at - first > 1)) {
    return nullptr;
  }
  std::ptrdiff_t digit_count = at - first;
  int exponent = 0;
  if (*at == '.') {
    const char* const fraction = at + 1;
    at = ReadDigits(fraction, &digits);
    if (at == fraction || at - fraction > INT16_MAX) {
      return nullptr;
    }
    digit_count += at - fraction;
    exponent = -static_cast<int>(at - fraction);
  }
  if (*at == 'e' || *at == 'E') {
    at = ReadExponent(at + 1, &exponent);
    if (at == nullptr || exponent > kMaxExponent) {
      return nullptr;
    }
  }
  double magnitude = 0;
  if (digit_count > kMaxDigits || !ExactDouble(digits, exponent, &magnitude)) {
    const std::from_chars_result result = std::from_chars(first, at, magnitude);
    if (result.ec != std::errc()) {
      return nullptr;
    }
  }
  *value = minus ? -magnitude : magnitude;
  return at;
}

// Null when this is no plain integer of at most 18 digits.
template <bool kSigned>
inline const char* ReadInteger(const char* start, std::uint64_t* value) {
  const bool minus = kSigned && *start == '-';
  const char* const first = minus ? start + 1 : start;
  std::uint64_t digits = 0;
  const char* const at = ReadDigits(first, &digits);
  if (at == first || at - first >= kMaxDigits || (*first == '0' && at - first > 1) || *at == '.' || *at == 'e' ||
      *at == 'E') {
    return nullptr;
  }
  *value = minus ? 0 - digits : digits;
  return at;
}

// One element of each kind: reads at `at`, writes at `out`; null when it does not fit.
template <typename T>
struct RealElement {
  static const char* Read(const char* at, const char* end, std::byte* out) {
    double value = 0;
    const char* next = ReadDouble(at, &value);
    if (next == nullptr) {
      JsonCursor cursor{at, end};
      JsonNode node;
      if (ScanNumber(&cursor, &node)) {
        return nullptr;
      }
      value = node.type == JsonType::kDouble ? node.real
              : node.type == JsonType::kInt  ? static_cast<double>(node.integer)
                                             : static_cast<double>(node.natural);
      next = cursor.at;
    }
    const auto element = static_cast<T>(value);
    std::memcpy(out, &element, sizeof(element));
    return next;
  }
};

template <typename T, bool kSigned>
struct IntegerElement {
  static const char* Read(const char* at, const char* end, std::byte* out) {
    std::uint64_t value = 0;
    const char* next = ReadInteger<kSigned>(at, &value);
    if (next == nullptr) {
      JsonCursor cursor{at, end};
      JsonNode node;
      if (ScanNumber(&cursor, &node) || !Fits(node)) {
        return nullptr;
      }
      value = node.type == JsonType::kInt ? static_cast<std::uint64_t>(node.integer) : node.natural;
      next = cursor.at;
    }
    const auto element = static_cast<T>(value);  // Triton keeps the low bytes of what is too large.
    std::memcpy(out, &element, sizeof(element));
    return next;
  }

 private:
  static bool Fits(const JsonNode& node) {
    return kSigned ? node.type == JsonType::kInt || (node.type == JsonType::kUint && node.natural <= INT64_MAX)
                   : node.type == JsonType::kUint;
  }
};

struct BoolElement {
  static const char* Read(const char* at, const char* end, std::byte* out) {
    JsonCursor cursor{at, end};
    JsonNode node;
    if ((*at != 't' && *at != 'f') || ScanLiteral(&cursor, &node)) {
      return nullptr;
    }
    *out = static_cast<std::byte>(node.type == JsonType::kTrue);
    return cursor.at;
  }
};

inline const char* SkipSpace(const char* at) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') {
    ++at;
  }
  return at;
}

// Walks a nested array up to its end. `last` is the last ']' of the text: nothing here passes it but its own
// consumption, so characters before it are read without looking at a bound. `element(at)` gives the place behind one.
template <typename Element>
const char* WalkArray(const char* at, const char* last, Element element) {
  int depth = 0;
  while (true) {
    at = SkipSpace(at);
    if (*at == '[') {
      at = SkipSpace(at + 1);
      if (++depth >= kMaxDataDepth) {
        return nullptr;
      }
      if (*at != ']') {
        continue;
      }
    } else {
      at = element(at);
      if (at == nullptr || at > last) {
        return nullptr;
      }
    }
    at = SkipSpace(at);
    while (*at == ']') {
      ++at;
      if (--depth == 0) {
        return at;
      }
      if (at > last) {
        return nullptr;
      }
      at = SkipSpace(at);
    }
    if (*at != ',') {
      return nullptr;
    }
    ++at;
  }
}

// Room for elements of `kSize` bytes, guessed from the text's length for each element so far.
template <std::size_t kSize>
class ElementRoom {
 public:
  ElementRoom(const char* start, const char* last, std::string* bytes) : start_(start), last_(last), bytes_(bytes) {}

  std::byte* Next(const char* at) {
    if (used_ + kSize > bytes_->size()) {
      Grow(at);
    }
    std::byte* const place = reinterpret_cast<std::byte*>(bytes_->data()) + used_;
    used_ += kSize;
    return place;
  }

  std::size_t used() const { return used_; }

 private:
  void Grow(const char* at) {
    constexpr std::size_t kFirst = 64 * kSize;
    const auto consumed = static_cast<double>(at - start_ + 1);
    const auto share = static_cast<double>(last_ - at) / consumed;
    const auto guess = static_cast<std::size_t>(static_cast<double>(used_) * std::min(share * 1.05 + 1.01, 64.0));
    bytes_->resize(std::max(guess, used_ + used_ / 4) + kFirst);
  }

  const char* start_;
  const char* last_;
  std::string* bytes_;
  std::size_t used_ = 0;
};

template <typename Element, std::size_t kSize>
const char* ConvertFixed(const char* start, const char* last, JsonTensor* tensor) {
  ElementRoom<kSize> room(start, last, &tensor->bytes);
  const char* const end =
      WalkArray(start, last, [&](const char* at) { return Element::Read(at, last + 1, room.Next(at)); });
  tensor->bytes.resize(end == nullptr ? 0 : room.used());
  if (room.used() < kSmallTensor) {
    tensor->bytes.shrink_to_fit();  // A request of very many tiny inputs must not take many times its own size.
  }
  tensor->element_count = static_cast<std::int64_t>(room.used() / kSize);
  return end;
}

const char* ConvertTexts(const char* start, const char* last, JsonTensor* tensor) {
  std::string unescaped;
  return WalkArray(start, last, [&](const char* at) -> const char* {
    JsonCursor cursor{at, last + 1};
    std::string_view text;
    unescaped.clear();
    if (!cursor.Consume('"') || ScanString(&cursor, &unescaped, &text)) {
      return nullptr;
    }
    const auto length = static_cast<std::uint32_t>(text.size());
    char prefix[sizeof(length)];
    std::memcpy(prefix, &length, sizeof(length));
    tensor->bytes.append(prefix, sizeof(prefix)).append(text);
    ++tensor->element_count;
    return cursor.at;
  });
}

const char* ConvertArray(DataType datatype, const char* start, const char* last, JsonTensor* tensor) {
  switch (datatype) {
    case DataType::kBool:
      return ConvertFixed<BoolElement, 1>(start, last, tensor);
    case DataType::kUint8:
      return ConvertFixed<IntegerElement<std::uint8_t, false>, 1>(start, last, tensor);
    case DataType::kUint16:
      return ConvertFixed<IntegerElement<std::uint16_t, false>, 2>(start, last, tensor);
    case DataType::kUint32:
      return ConvertFixed<IntegerElement<std::uint32_t, false>, 4>(start, last, tensor);
    case DataType::kUint64:
      return ConvertFixed<IntegerElement<std::uint64_t, false>, 8>(start, last, tensor);
    case DataType::kInt8:
      return ConvertFixed<IntegerElement<std::int8_t, true>, 1>(start, last, tensor);
    case DataType::kInt16:
      return ConvertFixed<IntegerElement<std::int16_t, true>, 2>(start, last, tensor);
    case DataType::kInt32:
      return ConvertFixed<IntegerElement<std::int32_t, true>, 4>(start, last, tensor);
    case DataType::kInt64:
      return ConvertFixed<IntegerElement<std::int64_t, true>, 8>(start, last, tensor);
    case DataType::kFp32:
      return ConvertFixed<RealElement<float>, 4>(start, last, tensor);
    case DataType::kFp64:
      return ConvertFixed<RealElement<double>, 8>(start, last, tensor);
    case DataType::kBytes:
      return ConvertTexts(start, last, tensor);
    default:
      return nullptr;
  }
}

}  // namespace

bool ConvertTensor(DataType datatype, const char* last, JsonCursor* cursor, JsonTensor* tensor) {
  if (last < cursor->at) {
    return false;
  }
  tensor->datatype = datatype;
  const char* const end = ConvertArray(datatype, cursor->at, last, tensor);
  if (end == nullptr) {
    return false;
  }
  cursor->at = end;
  return true;
}

}  // namespace triton_lite::wire
