#include "memory/fault_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "core/mutex.h"

namespace triton_lite {
namespace {

constexpr std::size_t kMostWatched = 16384;
constexpr std::size_t kNoSlot = kMostWatched;

// Read by the signal handler, which can take no lock. `begin` is 0 in a free slot.
struct Watched {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

std::array<Watched, kMostWatched> watched;
std::atomic<std::size_t> used{0};  // No slot beyond was ever taken.
struct sigaction before;           // Set before the handler can run.

Mutex& SlotsMutex() {
  static Mutex mu;
  return mu;
}
bool installed GUARDED_BY(SlotsMutex()) = false;

std::uintptr_t PageMask() { return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1; }

// True when the pages at and after `address` are there now.
bool Repair(std::uintptr_t address, std::uintptr_t page_mask) {
  const std::size_t count = used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    Watched& one = watched[i];
    const std::uintptr_t end = one.end.load(std::memory_order_acquire);
    const std::uintptr_t begin = one.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= end) {
      continue;
    }
    // The rest as well: what was cut off the end is gone up to the end.
    const std::uintptr_t page = address & ~page_mask;
    one.damaged.store(true, std::memory_order_release);
    void* const mapped = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return mapped != MAP_FAILED;
  }
  return false;
}

std::uintptr_t page_mask = 0;  // Set before the handler can run.

void OnFault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool repaired =
      info->si_code == BUS_ADRERR && Repair(reinterpret_cast<std::uintptr_t>(info->si_addr), page_mask);
  errno = saved;
  if (repaired) {
    return;
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    (void)::sigaction(SIGBUS, &before, nullptr);  // The access is tried again, and ends the process.
  }
}

void Install() REQUIRES(SlotsMutex()) {
  if (installed) {
    return;
  }
  page_mask = PageMask();
  (void)::sigaction(SIGBUS, nullptr, &before);
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  (void)::sigemptyset(&action.sa_mask);
  installed = ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

Result<FaultGuard> FaultGuard::Watch(std::byte* begin, std::size_t byte_size) {
  MutexLock lock(SlotsMutex());
  Install();
  std::size_t slot = 0;
  while (slot < kMostWatched && watched[slot].begin.load(std::memory_order_relaxed) != 0) {
    ++slot;
  }
  if (slot == kMostWatched) {
    return Unavailable("no more than " + std::to_string(kMostWatched) + " shared memory regions can be registered");
  }
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  watched[slot].damaged.store(false, std::memory_order_relaxed);
  watched[slot].end.store(address + byte_size, std::memory_order_release);
  watched[slot].begin.store(address, std::memory_order_release);
  if (slot >= used.load(std::memory_order_relaxed)) {
    used.store(slot + 1, std::memory_order_release);
  }
  return FaultGuard(slot);
}

FaultGuard::FaultGuard(FaultGuard&& other) noexcept : slot_(std::exchange(other.slot_, kNoSlot)) {}

FaultGuard::~FaultGuard() {
  if (slot_ != kNoSlot) {
    MutexLock lock(SlotsMutex());
    watched[slot_].begin.store(0, std::memory_order_release);
  }
}

bool FaultGuard::damaged() const { return watched[slot_].damaged.load(std::memory_order_acquire); }

}  // namespace triton_lite
