// The few words that the fuzz targets share. A target is a function FUZZ_TARGET(input) { … } over an Input.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/bytes.h"

// What must be true whatever the input is. Ends the process otherwise, so that the fuzzer keeps the input.
#define HOLDS(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace triton_lite::fuzz {

// Cuts an input into parts, from its front. Behind its end there are zeros, or nothing.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  template <typename T>
  T Take() {
    T value{};
    const Bytes bytes = TakeBytes(sizeof(T));
    if (!bytes.empty()) {
      std::memcpy(static_cast<void*>(&value), bytes.data(), bytes.size());
    }
    return value;
  }

  Bytes TakeBytes(std::size_t size) {
    const Bytes bytes = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }

  // Up to a line break, which is passed over.
  std::string_view TakeLine() {
    const std::string_view text = AsText(rest_);
    const std::size_t end = std::min(text.find('\n'), text.size());
    rest_ = rest_.subspan(std::min(end + 1, rest_.size()));
    return text.substr(0, end);
  }

  Bytes TakeRest() { return TakeBytes(rest_.size()); }

 private:
  Bytes rest_;
};

// Whether `part` lies within `whole`; what is empty lies everywhere.
inline bool IsInside(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}
inline bool IsInside(std::string_view part, Bytes whole) { return IsInside(AsBytes(part), whole); }

// Reads every byte, for the address sanitizer.
inline volatile unsigned touched = 0;
inline void Touch(Bytes bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) {
    sum += static_cast<unsigned>(byte);
  }
  touched = sum;
}

}  // namespace triton_lite::fuzz

#define FUZZ_TARGET(input)                                                                 \
  static void FuzzOne(::triton_lite::fuzz::Input input);                                   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {      \
    FuzzOne(::triton_lite::fuzz::Input({reinterpret_cast<const std::byte*>(data), size})); \
    return 0;                                                                              \
  }                                                                                        \
  static void FuzzOne(::triton_lite::fuzz::Input input)
