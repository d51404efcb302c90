#include "cuda/pinned_memory.h"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <vector>

#include "core/mutex.h"
#include "cuda/driver.h"

namespace triton_lite::cuda {
namespace {

constexpr std::size_t kSmallest = 4096;

// Blocks of sizes that are powers of two: pinning costs as much as copying megabytes, so that they are used again.
class Pool {
 public:
  void SetLimit(std::uint64_t limit) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    limit_ = limit;
  }
  std::uint64_t in_use() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return in_use_;
  }

  // Null when the limit leaves no room or pinning failed.
  void* Take(std::size_t block_size) EXCLUDES(mu_) {
    std::vector<void*> surplus;
    {
      MutexLock lock(mu_);
      if (void* const block = TakeIdle(block_size)) {
        in_use_ += block_size;
        return block;
      }
      if (block_size > limit_ - std::min(limit_, in_use_)) {
        return nullptr;
      }
      // Other sizes that lie idle make room.
      while (held_ + block_size > limit_ && !idle_.empty()) {
        auto last = std::prev(idle_.end());
        surplus.push_back(last->second);
        held_ -= last->first;
        idle_.erase(last);
      }
      held_ += block_size;
      in_use_ += block_size;
    }
    for (void* const block : surplus) {
      Unpin(block);
    }
    void* const block = Pin(block_size);
    if (block == nullptr) {
      MutexLock lock(mu_);
      held_ -= block_size;
      in_use_ -= block_size;
    }
    return block;
  }

  void Return(void* block, std::size_t block_size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    in_use_ -= block_size;
    idle_.emplace(block_size, block);
  }

 private:
  void* TakeIdle(std::size_t block_size) REQUIRES(mu_) {
    const auto found = idle_.find(block_size);
    if (found == idle_.end()) {
      return nullptr;
    }
    void* const block = found->second;
    idle_.erase(found);
    return block;
  }
  static void* Pin(std::size_t block_size) {
    const DeviceScope scope(0);
    void* block = nullptr;
    return scope.status().ok() && Api().cuMemHostAlloc(&block, block_size, kHostPortable) == kSuccess ? block : nullptr;
  }
  static void Unpin(void* block) {
    const DeviceScope scope(0);
    (void)Api().cuMemFreeHost(block);
  }

  Mutex mu_;
  std::uint64_t limit_ GUARDED_BY(mu_) = std::uint64_t{256} << 20;
  std::uint64_t held_ GUARDED_BY(mu_) = 0;  // In use and idle.
  std::uint64_t in_use_ GUARDED_BY(mu_) = 0;
  std::multimap<std::size_t, void*> idle_ GUARDED_BY(mu_);  // By size.
};

Pool& ThePool() {
  static Pool* const pool = new Pool;  // NOLINT: lives as long as the process, as its users may.
  return *pool;
}

}  // namespace

void SetPinnedMemoryLimit(std::uint64_t byte_size) { ThePool().SetLimit(byte_size); }

std::uint64_t PinnedMemoryInUse() { return ThePool().in_use(); }

Result<Buffer> AllocatePinned(std::size_t byte_size) {
  constexpr std::size_t kLargest = std::size_t{1} << 62;
  const std::size_t block_size = byte_size > kLargest ? 0 : std::bit_ceil(std::max(byte_size, kSmallest));
  void* const block = block_size == 0 ? nullptr : ThePool().Take(block_size);
  if (block == nullptr) {
    return AllocateHeap(byte_size);
  }
  std::shared_ptr<void> owner(block, [block_size](void* mine) { ThePool().Return(mine, block_size); });
  return Buffer{static_cast<std::byte*>(block), byte_size, std::move(owner), MemoryKind::kPinned};
}

}  // namespace triton_lite::cuda
