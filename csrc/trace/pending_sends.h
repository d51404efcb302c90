// Traces whose answer was handed to a front end that has not said yet when it sent it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "core/mutex.h"
#include "trace/trace.h"

namespace triton_lite {

// Thread-safe. A front end that says nothing (it died) is waited for no longer than kPatience, and for no more than
// kMost of its kind: such traces end without the times of sending.
class PendingSends {
 public:
  static constexpr std::uint64_t kPatience = 60'000'000'000;  // Nanoseconds.
  static constexpr std::size_t kMost = 10'000;

  // A call: the connection that it came over, and its name there.
  using Key = std::pair<std::uint64_t, std::uint64_t>;

  void Expect(Key key, std::shared_ptr<Trace> trace) EXCLUDES(mu_);
  // The trace that waits under `key`; null when there is none.
  std::shared_ptr<Trace> Take(Key key) EXCLUDES(mu_);
  void Clear() EXCLUDES(mu_);

 private:
  struct Order {
    std::uint64_t since;
    Key key;
  };

  Mutex mu_;
  std::map<Key, std::shared_ptr<Trace>> waiting_ GUARDED_BY(mu_);
  std::deque<Order> order_ GUARDED_BY(mu_);  // Oldest first; some are not waiting any more.
};

}  // namespace triton_lite
