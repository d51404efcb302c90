#include "metrics/quantile_stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace triton_lite {

QuantileStream::QuantileStream(std::vector<QuantileTarget> targets) : targets_(std::move(targets)) {}

double QuantileStream::Allowed(double rank) const {
  const auto n = static_cast<double>(count_);
  double allowed = n;
  for (const auto& [quantile, error] : targets_) {
    // A target at an end (0 or 1) has nothing on its other side.
    if (rank >= quantile * n) {
      allowed = quantile > 0 ? std::min(allowed, 2 * error * rank / quantile) : allowed;
    } else {
      allowed = quantile < 1 ? std::min(allowed, 2 * error * (n - rank) / (1 - quantile)) : allowed;
    }
  }
  return std::max(allowed, 1.0);
}

void QuantileStream::Add(std::span<const double> sorted) {
  if (sorted.empty()) {
    return;
  }
  count_ += sorted.size();
  merged_.clear();
  std::size_t old = 0;
  for (const double value : sorted) {
    for (; old < samples_.size() && samples_[old].value <= value; ++old) {
      merged_.push_back(samples_[old]);
    }
    const bool at_an_end = merged_.empty() || old == samples_.size();
    merged_.push_back({value, 1, at_an_end ? 0 : samples_[old].width + samples_[old].uncertainty - 1});
  }
  merged_.insert(merged_.end(), samples_.begin() + static_cast<std::ptrdiff_t>(old), samples_.end());
  samples_.swap(merged_);
  Compress();
}

void QuantileStream::Compress() {
  std::size_t kept = 0;    // samples_[0..kept] are done; the last of them may still go into its right neighbour.
  std::uint64_t rank = 0;  // Of all samples before samples_[kept].
  for (std::size_t next = 1; next < samples_.size(); ++next) {
    Sample& left = samples_[kept];
    Sample right = samples_[next];
    const auto joined = static_cast<double>(left.width + right.width + right.uncertainty);
    const auto start = static_cast<double>(rank);
    // The smallest value stays: rank 1 is exact.
    if (kept > 0 && joined <= std::min(Allowed(start), Allowed(start + joined))) {
      right.width += left.width;
      left = right;
    } else {
      rank += left.width;
      samples_[++kept] = right;
    }
  }
  samples_.resize(samples_.empty() ? 0 : kept + 1);
}

void QuantileStream::Clear() {
  samples_.clear();
  count_ = 0;
}

double QuantileStream::Get(double quantile) const {
  if (samples_.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double wanted = std::ceil(quantile * static_cast<double>(count_));
  const double latest = wanted + Allowed(wanted) / 2;
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i + 1 < samples_.size(); ++i) {
    rank += samples_[i].width;
    const Sample& next = samples_[i + 1];
    if (static_cast<double>(rank + next.width + next.uncertainty) > latest) {
      return samples_[i].value;
    }
  }
  return samples_.back().value;
}

}  // namespace triton_lite
