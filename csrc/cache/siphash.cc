#include "cache/siphash.h"

#include <bit>
#include <cstring>

namespace triton_lite {

static_assert(std::endian::native == std::endian::little);

template <int kRounds, int kEndRounds>
void SipHash<kRounds, kEndRounds>::Round() {
  v_[0] += v_[1];
  v_[1] = std::rotl(v_[1], 13) ^ v_[0];
  v_[0] = std::rotl(v_[0], 32);
  v_[2] += v_[3];
  v_[3] = std::rotl(v_[3], 16) ^ v_[2];
  v_[0] += v_[3];
  v_[3] = std::rotl(v_[3], 21) ^ v_[0];
  v_[2] += v_[1];
  v_[1] = std::rotl(v_[1], 17) ^ v_[2];
  v_[2] = std::rotl(v_[2], 32);
}

template <int kRounds, int kEndRounds>
void SipHash<kRounds, kEndRounds>::Mix(std::uint64_t word) {
  v_[3] ^= word;
  for (int i = 0; i < kRounds; ++i) {
    Round();
  }
  v_[0] ^= word;
}

template <int kRounds, int kEndRounds>
void SipHash<kRounds, kEndRounds>::Add(Bytes bytes) {
  std::size_t i = 0;
  for (; i < bytes.size() && total_ % 8 != 0; ++i) {
    pending_ |= static_cast<std::uint64_t>(bytes[i]) << (8 * (total_++ % 8));
    if (total_ % 8 == 0) {
      Mix(pending_);
      pending_ = 0;
    }
  }
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    Mix(word);
    total_ += 8;
  }
  for (; i < bytes.size(); ++i) {
    pending_ |= static_cast<std::uint64_t>(bytes[i]) << (8 * (total_++ % 8));
  }
}

template <int kRounds, int kEndRounds>
Hash128 SipHash<kRounds, kEndRounds>::Finish() {
  Mix(pending_ | (total_ << 56));
  Hash128 hash{};
  v_[2] ^= 0xee;
  for (std::uint64_t& half : hash) {
    for (int i = 0; i < kEndRounds; ++i) {
      Round();
    }
    half = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
    v_[1] ^= 0xdd;
  }
  return hash;
}

template class SipHash<1, 3>;
template class SipHash<2, 4>;

}  // namespace triton_lite
