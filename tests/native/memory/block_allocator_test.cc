// Which freed bytes keep their pages.
#include "memory/block_allocator.h"

#include <vector>

#include "check.h"

using namespace triton_lite;

namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kWarm = 32 * kMegabyte;

}  // namespace

TEST(SteadyTrafficLeavesItsPagesWarm) {
  BlockAllocator blocks(256 * kMegabyte);
  for (int round = 0; round < 1000; ++round) {
    std::vector<BlockAllocator::Block> out;
    for (int i = 0; i < 8; ++i) {
      const auto block = blocks.Allocate(kMegabyte + 64 * static_cast<std::uint64_t>(i));
      CHECK(block.has_value());
      CHECK(block->offset + block->byte_size <= 9 * kMegabyte);
      out.push_back(*block);
    }
    for (const auto& block : out) {
      CHECK(!blocks.Free(block.id, kWarm).has_value());
    }
  }
  CHECK(blocks.warm_byte_size() <= 9 * kMegabyte);
}

TEST(OnlyBytesThatWereOutAreReturned) {
  BlockAllocator blocks(256 * kMegabyte);
  const auto first = blocks.Allocate(20 * kMegabyte);
  const auto second = blocks.Allocate(20 * kMegabyte);
  CHECK(!blocks.Free(first->id, kWarm).has_value());
  CHECK_EQ(blocks.warm_byte_size(), 20 * kMegabyte);
  const auto hole = blocks.Free(second->id, kWarm);
  CHECK(hole.has_value());
  CHECK_EQ(hole->offset, 0u);
  CHECK_EQ(hole->byte_size, 40 * kMegabyte);
  blocks.Return(hole->id);
  CHECK_EQ(blocks.warm_byte_size(), 0u);
  CHECK(blocks.Allocate(250 * kMegabyte).has_value());
}

TEST(WhatLiesBetweenWarmBytesCountsAsWarm) {
  BlockAllocator blocks(256 * kMegabyte);
  const auto low = blocks.Allocate(kMegabyte);
  const auto middle = blocks.Allocate(4 * kMegabyte);
  const auto high = blocks.Allocate(kMegabyte);
  CHECK(!blocks.Free(low->id, kWarm).has_value());
  CHECK(!blocks.Free(high->id, kWarm).has_value());
  CHECK_EQ(blocks.warm_byte_size(), 2 * kMegabyte);
  const auto hole = blocks.Free(middle->id, kMegabyte);
  CHECK(hole.has_value());
  CHECK_EQ(hole->byte_size, 6 * kMegabyte);
}

TEST_MAIN()
