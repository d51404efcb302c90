#include "cache/siphash.h"

#include <cstring>
#include <vector>

#include "check.h"

namespace triton_lite {
namespace {

constexpr SipKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::vector<std::byte> Message(std::size_t size) {
  std::vector<std::byte> message(size);
  for (std::size_t i = 0; i < size; ++i) {
    message[i] = static_cast<std::byte>(i);
  }
  return message;
}

Hash128 HashOf(std::span<const std::byte> message) {
  SipHash<2, 4> hash(kKey);
  hash.Add(message);
  return hash.Finish();
}

// The vectors that come with the reference code of SipHash-2-4 with 128 bits: key and message are 00 01 02 ….
TEST(GivesTheReferenceVectors) {
  CHECK((HashOf(Message(0)) == Hash128{0xe6a825ba047f81a3, 0x930255c71472f66d}));
  CHECK((HashOf(Message(1)) == Hash128{0x44af996bd8c187da, 0x45fc229b11597634}));
}

TEST(PiecesDoNotMatter) {
  const std::vector<std::byte> message = Message(61);
  const Hash128 whole = HashOf(message);
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    SipHash<2, 4> hash(kKey);
    const std::span<const std::byte> all(message);
    hash.Add(all.first(cut));
    hash.Add(all.subspan(cut, (message.size() - cut) / 2));
    hash.Add(all.subspan(cut + (message.size() - cut) / 2));
    CHECK((hash.Finish() == whole));
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
