#include "memory/block_allocator.h"

#include <algorithm>
#include <bit>

namespace triton_lite {
namespace {

// Smaller holes are not worth a system call.
constexpr std::uint64_t kSmallestHole = 256 << 10;

}  // namespace

BlockAllocator::Range BlockAllocator::Range::From(std::uint64_t offset) const {
  return {std::max(begin, offset), std::max(end, offset)};
}

BlockAllocator::Range BlockAllocator::Range::Enclosing(const Range& other) const {
  if (size() == 0) {
    return other;
  }
  return other.size() == 0 ? *this : Range{std::min(begin, other.begin), std::max(end, other.end)};
}

BlockAllocator::BlockAllocator(std::uint64_t byte_size) {
  for (auto& level : bins_) {
    level.fill(kNone);
  }
  const std::uint32_t all = NewNode();
  nodes_[all].size = byte_size / kUnit * kUnit;
  InsertFree(all);
}

std::optional<BlockAllocator::Block> BlockAllocator::Allocate(std::uint64_t byte_size) {
  if (byte_size > std::uint64_t{1} << 46) {
    return std::nullopt;
  }
  const std::uint64_t size = std::max<std::uint64_t>(1, (byte_size + kUnit - 1) / kUnit) * kUnit;
  const std::uint32_t id = FindFree(size);
  if (id == kNone) {
    return std::nullopt;
  }
  RemoveFree(id);
  SplitOff(id, size);
  ++used_blocks_;
  return Block{nodes_[id].offset, size, id};
}

std::optional<BlockAllocator::Block> BlockAllocator::Free(std::uint32_t id, std::uint64_t warm_limit) {
  nodes_[id].warm = {nodes_[id].offset, nodes_[id].offset + nodes_[id].size};
  const std::uint32_t merged_id = Merge(id);
  const Range warm = nodes_[merged_id].warm;
  if (warm_ + warm.size() > warm_limit && warm.size() >= kSmallestHole) {
    nodes_[merged_id].warm = {};
    return Block{warm.begin, warm.size(), merged_id};
  }
  --used_blocks_;
  InsertFree(merged_id);
  return std::nullopt;
}

void BlockAllocator::Return(std::uint32_t id) {
  --used_blocks_;
  InsertFree(Merge(id));
}

std::uint32_t BlockAllocator::Merge(std::uint32_t id) {
  const std::uint32_t before = nodes_[id].before;
  const std::uint32_t after = nodes_[id].after;
  if (after != kNone && nodes_[after].free) {
    RemoveFree(after);
    Absorb(id);
  }
  if (before != kNone && nodes_[before].free) {
    RemoveFree(before);
    Absorb(before);
    return before;
  }
  return id;
}

BlockAllocator::Bin BlockAllocator::BinOf(std::uint64_t byte_size) {
  const std::uint64_t units = byte_size / kUnit;
  if (units < kSub) {
    return {0, static_cast<unsigned>(units)};
  }
  const unsigned log = static_cast<unsigned>(std::bit_width(units)) - 1;
  return {log - kSubBits + 1, static_cast<unsigned>(units >> (log - kSubBits)) & (kSub - 1)};
}

std::uint32_t BlockAllocator::FindFree(std::uint64_t byte_size) const {
  std::uint64_t units = byte_size / kUnit;
  if (units >= kSub) {
    // Every block of the next bin is large enough.
    units += (std::uint64_t{1} << (static_cast<unsigned>(std::bit_width(units)) - 1 - kSubBits)) - 1;
  }
  const Bin wanted = BinOf(units * kUnit);
  unsigned level = wanted.level;
  std::uint32_t subs = subs_[level] & (~0u << wanted.sub);
  if (subs == 0) {
    const std::uint64_t levels = levels_ & (~std::uint64_t{0} << (level + 1));
    if (levels == 0) {
      // Blocks of the very bin may still do (a region that is one exact block).
      const Bin exact = BinOf(byte_size);
      const std::uint32_t first = bins_[exact.level][exact.sub];
      return first != kNone && nodes_[first].size >= byte_size ? first : kNone;
    }
    level = static_cast<unsigned>(std::countr_zero(levels));
    subs = subs_[level];
  }
  return bins_[level][static_cast<unsigned>(std::countr_zero(subs))];
}

void BlockAllocator::InsertFree(std::uint32_t id) {
  Node& node = nodes_[id];
  const Bin bin = BinOf(node.size);
  std::uint32_t& first = bins_[bin.level][bin.sub];
  node.free = true;
  node.previous_free = kNone;
  node.next_free = first;
  if (first != kNone) {
    nodes_[first].previous_free = id;
  }
  first = id;
  subs_[bin.level] |= 1u << bin.sub;
  levels_ |= std::uint64_t{1} << bin.level;
  warm_ += node.warm.size();
}

void BlockAllocator::RemoveFree(std::uint32_t id) {
  Node& node = nodes_[id];
  const Bin bin = BinOf(node.size);
  node.free = false;
  warm_ -= node.warm.size();
  if (node.next_free != kNone) {
    nodes_[node.next_free].previous_free = node.previous_free;
  }
  if (node.previous_free != kNone) {
    nodes_[node.previous_free].next_free = node.next_free;
    return;
  }
  bins_[bin.level][bin.sub] = node.next_free;
  if (node.next_free == kNone) {
    subs_[bin.level] &= ~(1u << bin.sub);
    if (subs_[bin.level] == 0) {
      levels_ &= ~(std::uint64_t{1} << bin.level);
    }
  }
}

std::uint32_t BlockAllocator::NewNode() {
  if (!spare_.empty()) {
    const std::uint32_t id = spare_.back();
    spare_.pop_back();
    nodes_[id] = Node{};
    return id;
  }
  nodes_.emplace_back();
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

void BlockAllocator::SplitOff(std::uint32_t id, std::uint64_t byte_size) {
  if (nodes_[id].size == byte_size) {
    return;
  }
  const std::uint32_t rest = NewNode();
  Node& node = nodes_[id];
  Node& tail = nodes_[rest];
  tail.offset = node.offset + byte_size;
  tail.size = node.size - byte_size;
  tail.warm = node.warm.From(tail.offset);
  tail.before = id;
  tail.after = node.after;
  if (node.after != kNone) {
    nodes_[node.after].before = rest;
  }
  node.after = rest;
  node.size = byte_size;
  InsertFree(rest);
}

void BlockAllocator::Absorb(std::uint32_t id) {
  Node& node = nodes_[id];
  const std::uint32_t gone = node.after;
  node.size += nodes_[gone].size;
  node.warm = node.warm.Enclosing(nodes_[gone].warm);
  node.after = nodes_[gone].after;
  if (node.after != kNone) {
    nodes_[node.after].before = id;
  }
  spare_.push_back(gone);
}

}  // namespace triton_lite
