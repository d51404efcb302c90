#include "cache/local_cache.h"

#include <random>
#include <string>
#include <utility>

namespace triton_lite {
namespace {

SipKey RandomKey() {
  std::random_device device;
  const auto word = [&] { return (static_cast<std::uint64_t>(device()) << 32) | device(); };
  return {word(), word()};
}

std::string Text(const Hash128& hash) { return std::to_string(hash[0]); }

}  // namespace

LocalCache::LocalCache(std::uint64_t capacity) : capacity_(capacity), key_(RandomKey()) {}

CachedAnswerPtr LocalCache::Find(const Hash128& hash) {
  MutexLock lock(mu_);
  const auto found = table_.find(hash);
  if (found == table_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

Status LocalCache::Admits(const Hash128& hash, std::uint64_t byte_size) const {
  MutexLock lock(mu_);
  return AdmitsLocked(hash, byte_size);
}

Status LocalCache::AdmitsLocked(const Hash128& hash, std::uint64_t byte_size) const {
  if (table_.contains(hash)) {
    return {Code::kAlreadyExists, "key '" + Text(hash) + "' already exists"};
  }
  if (byte_size > capacity_) {
    return Internal("Requested byte_size: " + std::to_string(byte_size) +
                    " is greater than total cache size: " + std::to_string(capacity_));
  }
  return {};
}

Status LocalCache::Insert(const Hash128& hash, CachedAnswerPtr answer) {
  Entries evicted;  // Freed without the lock.
  MutexLock lock(mu_);
  const std::uint64_t byte_size = answer->byte_size();
  RETURN_IF_ERROR(AdmitsLocked(hash, byte_size));
  while (byte_size_ + byte_size > capacity_) {
    const auto last = std::prev(entries_.end());
    byte_size_ -= last->answer->byte_size();
    table_.erase(last->hash);
    evicted.splice(evicted.begin(), entries_, last);
    ++evictions_;
  }
  entries_.push_front({hash, std::move(answer)});
  table_.emplace(hash, entries_.begin());
  byte_size_ += byte_size;
  return {};
}

CacheCounts LocalCache::counts() const {
  MutexLock lock(mu_);
  return {.capacity = capacity_,
          .byte_size = byte_size_,
          .entries = table_.size(),
          .hits = hits_,
          .misses = misses_,
          .evictions = evictions_,
          .lookup_nanoseconds = lookup_nanoseconds_.load(std::memory_order_relaxed),
          .insertion_nanoseconds = insertion_nanoseconds_.load(std::memory_order_relaxed)};
}

std::uint64_t LocalCache::byte_size() const {
  MutexLock lock(mu_);
  return byte_size_;
}

std::size_t LocalCache::entry_count() const {
  MutexLock lock(mu_);
  return table_.size();
}

}  // namespace triton_lite
