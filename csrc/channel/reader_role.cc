#include "channel/reader_role.h"

#include <sys/timerfd.h>

#include <algorithm>

namespace triton_lite {

ReaderRole::ReaderRole(std::int64_t handover_microseconds, bool has_standby)
    : handover_microseconds_(std::max<std::int64_t>(1, handover_microseconds)),
      has_standby_(has_standby),
      clock_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {}

std::uint64_t ReaderRole::Enter() {
  const std::uint64_t entered = state_.load(std::memory_order_relaxed) + 1;
  state_.store(entered);
  if (has_standby_ && !ticking_.load() && !ticking_.exchange(true)) {
    seen_.store(entered, std::memory_order_relaxed);
    StartClock(handover_microseconds_, false);
  }
  return entered;
}

bool ReaderRole::Leave(std::uint64_t entered) { return state_.compare_exchange_strong(entered, entered + 1); }

bool ReaderRole::Watch() {
  MutexLock lock(watch_mu_);
  while (!stopped_.load()) {
    WaitForTick();
    const std::uint64_t seen = seen_.load(std::memory_order_relaxed);
    std::uint64_t now = state_.load();
    if (now % 2 == 1 && now == seen && state_.compare_exchange_strong(now, now + 1)) {
      ticking_.store(false);
      return !stopped_.load();
    }
    if (now != seen || !Rest(seen)) {
      seen_.store(now, std::memory_order_relaxed);
      StartClock(kPeriodsBetweenLooks * handover_microseconds_, false);
    }
  }
  return false;
}

bool ReaderRole::Rest(std::uint64_t seen) {
  ticking_.store(false);
  // A handler that was entered before it could see the clock stand still.
  return state_.load() == seen || ticking_.exchange(true);
}

void ReaderRole::Stop() {
  stopped_.store(true);
  StartClock(1000, true);
}

void ReaderRole::StartClock(std::int64_t microseconds, bool repeat) const {
  itimerspec when{};
  when.it_value.tv_sec = microseconds / 1'000'000;
  when.it_value.tv_nsec = microseconds % 1'000'000 * 1000;
  if (repeat) {
    when.it_interval = when.it_value;
  }
  timerfd_settime(clock_.get(), 0, &when, nullptr);
}

void ReaderRole::WaitForTick() const {
  std::uint64_t ticks;
  (void)!read(clock_.get(), &ticks, sizeof(ticks));
}

}  // namespace triton_lite
