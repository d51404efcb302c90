// Divides a range of offsets into blocks: two-level segregated fit (TLSF), O(1), with its books outside the range,
// since the process on the other side can write to the memory itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace triton_lite {

// Not thread-safe. Offsets and sizes are multiples of kUnit.
class BlockAllocator {
 public:
  static constexpr std::uint64_t kUnit = 64;

  struct Block {
    std::uint64_t offset = 0;
    std::uint64_t byte_size = 0;
    std::uint32_t id = 0;
  };

  explicit BlockAllocator(std::uint64_t byte_size);

  // Nothing when no free block is large enough. `byte_size` is rounded up, 0 counts as 1.
  std::optional<Block> Allocate(std::uint64_t byte_size);

  // Gives a block back. When more than `warm_limit` bytes that were written to are free, those of the free block
  // around it are returned, and that block does not become available yet: the caller gives the pages back to the
  // system, then calls Return.
  std::optional<Block> Free(std::uint32_t id, std::uint64_t warm_limit);
  void Return(std::uint32_t id);

  // No block is out.
  bool empty() const { return used_blocks_ == 0; }
  // Upper bound of the free bytes that still have pages.
  std::uint64_t warm_byte_size() const { return warm_; }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr unsigned kSubBits = 4;
  static constexpr unsigned kSub = 1u << kSubBits;
  static constexpr unsigned kLevels = 40;

  // Offsets; empty when they are equal.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    std::uint64_t size() const { return end - begin; }
    Range From(std::uint64_t offset) const;
    Range Enclosing(const Range& other) const;
  };

  struct Node {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    Range warm;  // Of a free block: encloses its bytes that may have pages.
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;
    std::uint32_t previous_free = kNone;
    std::uint32_t next_free = kNone;
    bool free = false;
  };
  struct Bin {
    unsigned level;
    unsigned sub;
  };

  static Bin BinOf(std::uint64_t byte_size);
  std::uint32_t FindFree(std::uint64_t byte_size) const;
  void InsertFree(std::uint32_t id);
  void RemoveFree(std::uint32_t id);
  std::uint32_t NewNode();
  void SplitOff(std::uint32_t id, std::uint64_t byte_size);
  // Joins the free neighbours of a block to it; the id of the whole.
  std::uint32_t Merge(std::uint32_t id);
  // Joins the block after `id` to it.
  void Absorb(std::uint32_t id);

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> spare_;
  std::uint64_t levels_ = 0;                   // Bit per level that has a free block.
  std::array<std::uint32_t, kLevels> subs_{};  // Bit per bin of the level.
  std::array<std::array<std::uint32_t, kSub>, kLevels> bins_;
  std::uint64_t warm_ = 0;
  std::size_t used_blocks_ = 0;
};

}  // namespace triton_lite
