// BYTES tensors: the protocol's form (a 4-byte little-endian length before each element) to and from the strings of
// ONNX Runtime, embedded NULs kept.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "backends/ort_abi.h"
#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite::ort {

// Writes the `count` elements that `data` must hold into `value`, from its element `first` on.
// An error, with Triton's texts, when `data` holds more, fewer, or a cut one.
Status FillStrings(const std::string& input_name, Bytes data, std::size_t count, std::size_t first, Value* value);

// The elements of a string tensor: all characters, and where each element starts.
class StringContent {
 public:
  // Reads `count` elements: all that `value` has. Replaces what was read before.
  Status Read(const Value* value, std::size_t count);

  // Bytes of elements [first, first + count) in the protocol's form.
  std::size_t SerializedByteSize(std::size_t first, std::size_t count) const;
  // `out` has exactly that size.
  void Serialize(std::size_t first, std::size_t count, MutableBytes out) const;

 private:
  std::vector<char> characters_;
  std::vector<std::size_t> offsets_;  // One more than there are elements.
};

}  // namespace triton_lite::ort
