#include "core/rests.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace triton_lite {
namespace {

constexpr std::uint64_t kRest = 200'000;
constexpr std::uint64_t kRun = 200'000;
constexpr std::uint64_t kLook = 1'000'000;  // Alone on its core: how soon it notices others.
// Others want the core who took it that often in that time; what the kernel has to do now and then takes it less often.
constexpr std::int64_t kOften = 4;
constexpr std::uint64_t kWindow = 10'000'000;

int Signal() { return SIGRTMAX - 1; }

timespec TimeOf(std::uint64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / 1'000'000'000), static_cast<long>(nanoseconds % 1'000'000'000)};
}

std::uint64_t Read(clockid_t clock) {
  timespec now = {};
  (void)clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

struct RestSignal {
  static void Handle(int, siginfo_t* info, void*) {
    if (info->si_code == SI_TIMER) {
      const int error = errno;
      static_cast<Rests*>(info->si_value.sival_ptr)->OnSignal();
      errno = error;
    }
  }

  // Once for the process; not if somebody uses the signal already.
  static bool Install() {
    struct sigaction now = {};
    if (sigaction(Signal(), nullptr, &now) != 0 || now.sa_handler != SIG_DFL) {
      return false;
    }
    struct sigaction ours = {};
    ours.sa_sigaction = &Handle;
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    return sigaction(Signal(), &ours, nullptr) == 0;
  }

  static void Mask(int how) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, Signal());
    (void)pthread_sigmask(how, &signals, nullptr);
  }
};

Rests::Rests() {
  static const bool installed = RestSignal::Install();
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = Signal();
  event.sigev_value.sival_ptr = this;
  event.sigev_notify_thread_id = gettid();
  timer_t timer = {};
  if (!installed || timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
    return;
  }
  timer_ = timer;
  looked_ = Read(CLOCK_MONOTONIC);
  RestSignal::Mask(SIG_UNBLOCK);
  Arm(kRun);
}

Rests::~Rests() {
  RestSignal::Mask(SIG_BLOCK);  // One may be on its way.
  if (timer_.has_value()) {
    (void)timer_delete(*timer_);
  }
}

void Rests::Arm(std::uint64_t nanoseconds) const {
  itimerspec time = {};
  time.it_value = TimeOf(nanoseconds);
  (void)timer_settime(*timer_, 0, &time, nullptr);
}

// Everything here may be called by a signal handler.
void Rests::OnSignal() {
  const std::uint64_t now = Read(CLOCK_MONOTONIC);
  rusage usage = {};
  (void)getrusage(RUSAGE_THREAD, &usage);
  const bool often = usage.ru_nivcsw - switches_ >= kOften;
  if (often || now - looked_ >= kWindow) {
    wanted_ = often;
    switches_ = usage.ru_nivcsw;
    looked_ = now;
  }
  if (!wanted_) {
    Arm(kLook);
    return;
  }
  // It may have waited for its core most of the time.
  if (Read(CLOCK_THREAD_CPUTIME_ID) - ran_ >= kRun / 2) {
    const timespec rest = TimeOf(kRest);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nullptr);
    ran_ = Read(CLOCK_THREAD_CPUTIME_ID);
    ++count_;
  }
  Arm(kRun);
}

}  // namespace triton_lite
