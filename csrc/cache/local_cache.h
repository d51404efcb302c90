// Answers in the memory of this process, the least recently used ones given up for new ones.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "cache/cached_answer.h"
#include "cache/siphash.h"
#include "core/mutex.h"
#include "core/status.h"

namespace triton_lite {

// What happened in a cache since it was made.
struct CacheCounts {
  std::uint64_t capacity = 0;  // In bytes.
  std::uint64_t byte_size = 0;
  std::uint64_t entries = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t lookup_nanoseconds = 0;
  std::uint64_t insertion_nanoseconds = 0;
};

// Thread-safe; the lock is held for a look into a table, never for a copy.
class LocalCache {
 public:
  // Bytes of all entries together, their bookkeeping counted.
  explicit LocalCache(std::uint64_t capacity);

  // A secret of this cache, for hashes.
  const SipKey& key() const { return key_; }

  // Null: a miss. A hit makes the entry the most recently used one.
  CachedAnswerPtr Find(const Hash128& hash) EXCLUDES(mu_);

  // Whether Insert would take an answer of so many bytes: ALREADY_EXISTS or INTERNAL (too large) if not, with Triton's
  // texts.
  Status Admits(const Hash128& hash, std::uint64_t byte_size) const EXCLUDES(mu_);
  Status Insert(const Hash128& hash, CachedAnswerPtr answer) EXCLUDES(mu_);

  // How long lookups and insertions took, which includes what their callers do for them.
  void AddLookupTime(std::uint64_t nanoseconds) {
    lookup_nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  void AddInsertionTime(std::uint64_t nanoseconds) {
    insertion_nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  CacheCounts counts() const EXCLUDES(mu_);

  std::uint64_t byte_size() const EXCLUDES(mu_);
  std::size_t entry_count() const EXCLUDES(mu_);

 private:
  struct Entry {
    Hash128 hash;
    CachedAnswerPtr answer;
  };
  struct First64Bits {  // Of a hash that is as good as random.
    std::size_t operator()(const Hash128& hash) const { return hash[0]; }
  };
  using Entries = std::list<Entry>;

  Status AdmitsLocked(const Hash128& hash, std::uint64_t byte_size) const REQUIRES(mu_);

  const std::uint64_t capacity_;
  const SipKey key_;
  mutable Mutex mu_;
  Entries entries_ GUARDED_BY(mu_);  // The most recently used first.
  std::unordered_map<Hash128, Entries::iterator, First64Bits> table_ GUARDED_BY(mu_);
  std::uint64_t byte_size_ GUARDED_BY(mu_) = 0;
  std::uint64_t hits_ GUARDED_BY(mu_) = 0;
  std::uint64_t misses_ GUARDED_BY(mu_) = 0;
  std::uint64_t evictions_ GUARDED_BY(mu_) = 0;
  std::atomic<std::uint64_t> lookup_nanoseconds_{0};
  std::atomic<std::uint64_t> insertion_nanoseconds_{0};
};

}  // namespace triton_lite
