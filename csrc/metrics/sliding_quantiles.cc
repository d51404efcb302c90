#include "metrics/sliding_quantiles.h"

#include <algorithm>

namespace triton_lite {
namespace {

constexpr std::size_t kFresh = 512;
constexpr std::uint64_t kStep = SlidingQuantiles::kWindow.count() / SlidingQuantiles::kStreams;

}  // namespace

SlidingQuantiles::SlidingQuantiles(const std::vector<QuantileTarget>& targets, std::uint64_t now)
    : streams_(kStreams, QuantileStream(targets)), next_rotation_(now + kStep) {}

void SlidingQuantiles::Observe(double value, std::uint64_t now) {
  Rotate(now);
  fresh_.push_back(value);
  if (fresh_.size() >= kFresh) {
    Flush();
  }
}

double SlidingQuantiles::Get(double quantile, std::uint64_t now) {
  Rotate(now);
  Flush();
  return streams_[oldest_].Get(quantile);
}

void SlidingQuantiles::Flush() {
  std::sort(fresh_.begin(), fresh_.end());
  for (QuantileStream& stream : streams_) {
    stream.Add(fresh_);
  }
  fresh_.clear();
}

void SlidingQuantiles::Rotate(std::uint64_t now) {
  if (now < next_rotation_) {
    return;
  }
  Flush();
  const std::uint64_t steps = (now - next_rotation_) / kStep + 1;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(steps, kStreams); ++i) {
    streams_[oldest_].Clear();
    oldest_ = (oldest_ + 1) % kStreams;
  }
  next_rotation_ += steps * kStep;
}

}  // namespace triton_lite
