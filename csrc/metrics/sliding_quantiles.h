// Quantiles of the last minute.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "metrics/quantile_stream.h"

namespace triton_lite {

// Several streams that began one after another; every value goes into all of them, the oldest answers, and begins anew
// when its time is over. What it says is of the last 48 to 60 seconds. Used under its owner's lock.
class SlidingQuantiles {
 public:
  static constexpr std::chrono::nanoseconds kWindow = std::chrono::seconds(60);
  static constexpr std::size_t kStreams = 5;

  // `now`, here and below: steady-clock nanoseconds.
  SlidingQuantiles(const std::vector<QuantileTarget>& targets, std::uint64_t now);

  void Observe(double value, std::uint64_t now);
  // Not a number where nothing was observed in the window.
  double Get(double quantile, std::uint64_t now);

 private:
  void Rotate(std::uint64_t now);
  void Flush();

  std::vector<QuantileStream> streams_;
  std::vector<double> fresh_;  // In no stream yet: sorted once for all of them.
  std::size_t oldest_ = 0;
  std::uint64_t next_rotation_;
};

}  // namespace triton_lite
