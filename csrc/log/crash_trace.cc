#include "log/crash_trace.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace triton_lite {
namespace {

struct Crash {
  int signal;
  std::string_view name;
  struct sigaction before;
};

std::array<Crash, 5> crashes = {Crash{SIGSEGV, "SIGSEGV", {}}, Crash{SIGBUS, "SIGBUS", {}}, Crash{SIGILL, "SIGILL", {}},
                                Crash{SIGFPE, "SIGFPE", {}}, Crash{SIGABRT, "SIGABRT", {}}};

// Nothing that takes a lock or memory may be called here: the thread may hold whatever there is.
void Write(std::string_view text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

void OnCrash(int signal, siginfo_t*, void*) {
  constexpr int kMostFrames = 64;
  std::array<char, 16> thread = {};
  (void)::pthread_getname_np(::pthread_self(), thread.data(), thread.size());
  for (Crash& crash : crashes) {
    if (crash.signal == signal) {
      Write("Fatal signal ");
      Write(crash.name);
      Write(" in thread ");
      Write({thread.data(), ::strnlen(thread.data(), thread.size())});
      Write(", native stack (innermost first):\n");
      std::array<void*, kMostFrames> frames = {};
      ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), kMostFrames), STDERR_FILENO);
      (void)::sigaction(signal, &crash.before, nullptr);
    }
  }
  (void)::raise(signal);  // Comes when this handler returns.
}

}  // namespace

void InstallCrashTraces() {
  std::array<void*, 1> frame = {};
  (void)::backtrace(frame.data(), 1);  // The first call loads a library.
  for (Crash& crash : crashes) {
    struct sigaction action = {};
    action.sa_sigaction = OnCrash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)::sigemptyset(&action.sa_mask);
    (void)::sigaction(crash.signal, &action, &crash.before);
  }
}

}  // namespace triton_lite
