// SipHash with 128 bits of output: a keyed hash that nobody can steer without the key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace triton_lite {

using SipKey = std::array<std::uint64_t, 2>;
using Hash128 = std::array<std::uint64_t, 2>;

// Of the concatenation of all that was added. Rounds: for each 8 bytes, and at the end (2 and 4 in the paper; 1 and 3
// where the output is not shown to anybody).
template <int kRounds, int kEndRounds>
class SipHash {
 public:
  explicit SipHash(const SipKey& key)
      : v_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee, key[0] ^ 0x6c7967656e657261,
           key[1] ^ 0x7465646279746573} {}

  void Add(Bytes bytes);
  // Once.
  Hash128 Finish();

 private:
  void Mix(std::uint64_t word);
  void Round();

  std::uint64_t v_[4];
  std::uint64_t pending_ = 0;  // The bytes that do not fill a word yet.
  std::uint64_t total_ = 0;
};

extern template class SipHash<1, 3>;
extern template class SipHash<2, 4>;

}  // namespace triton_lite
