// What the metrics show of the response cache.
#pragma once

#include <cstdint>

namespace triton_lite {

// Of the local response cache. Durations in microseconds.
struct CacheFigures {
  double utilization = 0;  // 0..1
  std::uint64_t entries = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t lookup_duration = 0;
  std::uint64_t insertion_duration = 0;
};

}  // namespace triton_lite
