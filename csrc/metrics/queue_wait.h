// How long requests wait in a queue, as one number that an autoscaler can act on.
#pragma once

#include <cstdint>

namespace triton_lite {

// What happened to one queue within one interval.
struct QueueInterval {
  double seconds = 0;         // Its length.
  std::uint64_t left = 0;     // Requests that left the queue.
  double waited_seconds = 0;  // Their time in it, together.
  std::uint64_t waiting = 0;  // Requests that are in it at the end.
};

// The mean wait of those that left. Where none left while some wait, they have waited the whole interval: `last`, and
// that much more. 0 for a queue that was not used.
inline double QueueWait(double last, const QueueInterval& interval) {
  if (interval.left > 0) {
    return interval.waited_seconds / static_cast<double>(interval.left);
  }
  return interval.waiting > 0 ? last + interval.seconds : 0;
}

}  // namespace triton_lite
