// Observations counted by size: what can be added up over replicas.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace triton_lite {

// Thread-safe without a lock. A reader may see an observation in its bucket and not yet in the sum.
class Histogram {
 public:
  // `bounds`: the largest value of each bucket but the last, strictly increasing; the last bucket has no bound.
  explicit Histogram(std::vector<double> bounds);

  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  // Of the bucket at `index`, 0 .. bounds().size().
  std::uint64_t count(std::size_t index) const { return counts_[index].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace triton_lite
