// Which requests may run on the thread that brings them, without a wake-up of another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/request.h"

namespace triton_lite {

// What executions of a model take, over the last ones.
class ExecutionTime {
 public:
  // Known to take less than a wake-up between threads does.
  static constexpr std::uint64_t kQuickNanoseconds = 50'000;

  explicit ExecutionTime(std::uint64_t quick_nanoseconds = kQuickNanoseconds) : quick_nanoseconds_(quick_nanoseconds) {}

  void Add(std::uint64_t nanoseconds) {
    ++count_;
    double sample = static_cast<double>(nanoseconds);
    if (count_ > kWindow) {
      // A thread that lost its core in between says little; a model that grew slow still shows within a few runs.
      sample = std::min(sample, 4 * mean_ + 20'000);
    }
    mean_ += (sample - mean_) / static_cast<double>(std::min(count_, kWindow));
  }
  // The first executions, which build things, do not tell.
  bool quick() const { return IsBelow(quick_nanoseconds_); }
  bool IsBelow(std::uint64_t nanoseconds) const { return count_ > kWindow && mean_ < static_cast<double>(nanoseconds); }

 private:
  static constexpr std::uint64_t kWindow = 8;

  std::uint64_t quick_nanoseconds_;
  std::uint64_t count_ = 0;
  double mean_ = 0;
};

// Whether the host has few bytes of the request to touch, so that it takes about as long as others of its model. What
// lies on a GPU is not the host's to touch.
inline bool IsSmall(const InferenceRequest& request) {
  constexpr std::size_t kFewBytes = 64 * 1024;
  std::size_t byte_size = 0;
  for (const InputTensor& input : request.inputs) {
    byte_size += input.data.kind == MemoryKind::kDevice ? 0 : input.data.size;
  }
  return byte_size < kFewBytes;
}

}  // namespace triton_lite
