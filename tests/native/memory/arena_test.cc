#include "memory/arena.h"

#include <sys/mman.h>

#include <cstring>
#include <deque>
#include <random>

#include "check.h"

using namespace triton_lite;

namespace {

ArenaOptions Small() {
  ArenaOptions options;
  options.base_byte_size = 1 << 20;
  options.further_byte_size = 1 << 20;
  options.budget_byte_size = 8 << 20;
  options.warm_byte_size = 256 << 10;
  return options;
}

// Pages of the first `byte_size` bytes at `data` that are in memory.
std::size_t ResidentPages(std::byte* data, std::size_t byte_size) {
  std::vector<unsigned char> pages(byte_size / 4096);
  CHECK_EQ(mincore(data, byte_size, pages.data()), 0);
  std::size_t count = 0;
  for (unsigned char page : pages) {
    count += page & 1;
  }
  return count;
}

}  // namespace

TEST(AlignedAndLocated) {
  const auto arena = *Arena::Create(Small());
  for (std::size_t size : {0, 1, 64, 65, 1000}) {
    const auto buffer = arena->Allocate(size);
    REQUIRE(buffer.ok());
    CHECK_EQ(reinterpret_cast<std::uintptr_t>(buffer->data) % 64, 0u);
    CHECK_EQ(buffer->size, size);
    const auto place = arena->Locate(buffer->bytes());
    REQUIRE(place.has_value());
    CHECK_EQ(place->region, 0u);
  }
  const std::string elsewhere = "elsewhere";
  CHECK(!arena->Locate(AsBytes(elsewhere)).has_value());
  CHECK_EQ(arena->used_byte_size(), 0u);
}

TEST(BudgetIsKept) {
  const auto arena = *Arena::Create(Small());
  CHECK_EQ(arena->Allocate(9 << 20).status().code(), Code::kUnavailable);
  auto most = arena->Allocate(8 << 20);
  REQUIRE(most.ok());
  CHECK_EQ(arena->Allocate(64).status().code(), Code::kUnavailable);
  most->owner.reset();
  CHECK(arena->Allocate(64).ok());
}

TEST(LargeBlocksGetRegionsThatAreGivenBack) {
  const auto arena = *Arena::Create(Small());
  auto large = arena->Allocate(3 << 20);
  REQUIRE(large.ok());
  const auto place = arena->Locate(large->bytes());
  REQUIRE(place.has_value() && place->region != 0);
  CHECK(arena->DescriptorToAnnounce(place->region) >= 0);
  arena->MarkAnnounced(place->region);
  CHECK_EQ(arena->DescriptorToAnnounce(place->region), -1);
  CHECK(arena->TakeRetired().empty());
  large->owner.reset();
  const auto retired = arena->TakeRetired();
  CHECK_EQ(retired.size(), 1u);
  CHECK_EQ(arena->used_byte_size(), 0u);
}

TEST(FreedPagesGoBackBeyondTheWarmOnes) {
  const auto arena = *Arena::Create(Small());
  auto buffer = arena->Allocate(768 << 10);
  REQUIRE(buffer.ok());
  std::memset(buffer->data, 1, buffer->size);
  std::byte* const data = buffer->data;
  CHECK_EQ(ResidentPages(data, 768 << 10), 192u);
  buffer->owner.reset();
  CHECK(ResidentPages(data, 768 << 10) <= 64u);
}

TEST(RandomBlocksNeverOverlap) {
  const auto arena = *Arena::Create(Small());
  std::mt19937 random(7);
  std::deque<std::pair<Buffer, unsigned char>> held;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 == 0 || held.empty()) {
      const std::size_t size = random() % (std::size_t{1} << (random() % 18));
      auto buffer = arena->Allocate(size);
      if (!buffer.ok()) {
        held.clear();
        continue;
      }
      const auto mark = static_cast<unsigned char>(random());
      std::memset(buffer->data, mark, size);
      held.emplace_back(*buffer, mark);
      continue;
    }
    const std::size_t at = random() % held.size();
    const auto& [buffer, mark] = held[at];
    const std::string expected(buffer.size, static_cast<char>(mark));
    REQUIRE(buffer.text() == expected);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
  }
  held.clear();
  CHECK_EQ(arena->used_byte_size(), 0u);
  CHECK(arena->Allocate(1 << 20).ok());
}

TEST(AbandonedMemoryStays) {
  const auto arena = *Arena::Create(Small());
  auto buffer = arena->Allocate(3 << 20);
  REQUIRE(buffer.ok());
  const auto place = arena->Locate(buffer->bytes());
  const int fd = arena->DescriptorToAnnounce(place->region);
  const auto other_side = *Mapping::Map(fd, 3 << 20);
  std::memset(buffer->data, 5, buffer->size);
  arena->Abandon();
  buffer->owner.reset();
  CHECK(other_side->data()[place->offset + 12345] == std::byte{5});
  CHECK_EQ(arena->Allocate(64).status().code(), Code::kUnavailable);
}

TEST(OnlySealedOrdinaryMemoryIsAccepted) {
  const FileDescriptor open(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CHECK(!SealedByteSize(open.get()).ok());
  const auto sealed = CreateMemfd("sealed", 4096);
  REQUIRE(sealed.ok());
  const auto size = SealedByteSize(sealed->get());
  REQUIRE(size.ok());
  CHECK_EQ(*size, 4096u);
  CHECK(ftruncate(sealed->get(), 0) != 0);
  CHECK(!SealedByteSize(0).ok());
}

TEST_MAIN()
