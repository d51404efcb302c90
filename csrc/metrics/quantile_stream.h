// Quantiles of a stream, each as exact as it was asked for, in little memory.
//
// After G. Cormode, F. Korn, S. Muthukrishnan, D. Srivastava, "Effective Computation of Biased Quantiles over Data
// Streams" (ICDE 2005), section "targeted quantiles": a list of values in order, each standing for some of its
// neighbours, which are merged as far as no target's rank gets more uncertain than its error allows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace triton_lite {

// The value at rank `quantile` * n is wanted; one at a rank within `error` * n of it will do. Both in 0..1.
struct QuantileTarget {
  double quantile = 0;
  double error = 0;
};

class QuantileStream {
 public:
  explicit QuantileStream(std::vector<QuantileTarget> targets);

  // `sorted`: in increasing order.
  void Add(std::span<const double> sorted);
  void Clear();

  // Not a number before the first value.
  double Get(double quantile) const;
  std::uint64_t count() const { return count_; }
  std::size_t sample_count() const { return samples_.size(); }

 private:
  struct Sample {
    double value = 0;
    std::uint64_t width = 0;        // Ranks that it stands for, its own the last of them.
    std::uint64_t uncertainty = 0;  // How much larger its rank may be.
  };

  // How many ranks a sample at `rank` may leave open.
  double Allowed(double rank) const;
  void Compress();

  const std::vector<QuantileTarget> targets_;
  std::vector<Sample> samples_;
  std::vector<Sample> merged_;  // Kept for its memory.
  std::uint64_t count_ = 0;
};

}  // namespace triton_lite
