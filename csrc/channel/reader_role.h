// Which thread reads the rings. The thread that has the role lends it out while it is inside a handler; a stand-by
// takes it when the handler does not come back.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/mutex.h"
#include "memory/file_descriptor.h"

namespace triton_lite {

// State of the role: a number that is odd while its holder is inside a handler, and never comes twice. Whatever the
// role guards is handed over by it (acquire, release).
class ReaderRole {
 public:
  // No stand-by, no watch: then the role never changes hands.
  ReaderRole(std::int64_t handover_microseconds, bool has_standby);

  // By the holder, around each handler. Leave: false when the role went to another thread meanwhile.
  std::uint64_t Enter();
  bool Leave(std::uint64_t entered);

  // By a stand-by: returns true once it has the role, false once Stop was called. The clock ticks only while handlers
  // are called, and slowly while they come back: an idle engine never wakes up for this, a busy one hardly ever.
  bool Watch() EXCLUDES(watch_mu_);
  void Stop();

 private:
  void StartClock(std::int64_t microseconds, bool repeat) const;
  void WaitForTick() const;
  // Stops the clock if nothing happened since `seen`.
  bool Rest(std::uint64_t seen);

  // Periods between two looks at handlers that come back.
  static constexpr std::int64_t kPeriodsBetweenLooks = 4;

  const std::int64_t handover_microseconds_;
  const bool has_standby_;
  const FileDescriptor clock_;
  std::atomic<std::uint64_t> state_{0};
  alignas(64) std::atomic<bool> ticking_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> seen_{0};  // State at the last look.
  Mutex watch_mu_;                      // One stand-by watches, the others wait for their turn.
};

}  // namespace triton_lite
