#include "core/rests.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

#include "check.h"
#include "core/request.h"

using namespace triton_lite;

namespace {

constexpr std::uint64_t kLong = 60'000'000'000;

void StayOn(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

// As work that rests is run: others take the core whenever they want it.
void BeIdleWorkOn(int core) {
  StayOn(core);
  const sched_param none = {};
  CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
}

// Somebody else who wants the core, time and again.
class Competitor {
 public:
  explicit Competitor(int core)
      : thread_([this, core] {
          StayOn(core);
          const timespec pause = {.tv_sec = 0, .tv_nsec = 20'000};
          while (!over_) {
            nanosleep(&pause, nullptr);
          }
        }) {}
  ~Competitor() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

bool SignalsAreBlocked() {
  sigset_t now;
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  return sigismember(&now, SIGRTMAX - 1) == 1;
}

}  // namespace

TEST(ItRestsWhileOthersWantItsCore) {
  const int core = sched_getcpu();
  const Competitor competitor(core);
  std::thread([core] {
    BeIdleWorkOn(core);
    {
      const Rests rests;
      const std::uint64_t end = NowNanoseconds() + kLong;
      while (rests.count() < 5 && NowNanoseconds() < end) {
      }
      CHECK(rests.count() >= 5);
    }
    CHECK(SignalsAreBlocked());
  }).join();
}

TEST(SystemCallsAndErrorsStayWhatTheyAre) {
  const int core = sched_getcpu();
  const Competitor competitor(core);
  std::array<int, 2> pipe_ends = {};
  CHECK_EQ(pipe(pipe_ends.data()), 0);
  std::atomic<bool> over{false};
  std::thread writer([&] {
    const char byte = 'x';
    while (!over) {
      CHECK_EQ(write(pipe_ends[1], &byte, 1), 1);
      std::this_thread::yield();
    }
  });
  std::thread([&, core] {
    BeIdleWorkOn(core);
    const Rests rests;
    const std::uint64_t end = NowNanoseconds() + kLong;
    while (rests.count() < 5 && NowNanoseconds() < end) {
      char byte = 0;
      errno = 0;
      CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
      CHECK_EQ(errno, 0);
    }
    CHECK(rests.count() >= 5);
    over = true;
    std::array<char, 4096> rest;  // Whoever is in a full pipe gets out of it; it may be empty as well.
    CHECK_EQ(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
    CHECK(read(pipe_ends[0], rest.data(), rest.size()) > 0 || errno == EAGAIN);
  }).join();
  writer.join();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(ThreadsHaveTheirOwn) {
  const int core = sched_getcpu();
  const Competitor competitor(core);
  std::array<std::thread, 3> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([core] {
      BeIdleWorkOn(core);
      const Rests rests;
      const std::uint64_t end = NowNanoseconds() + kLong;
      while (rests.count() < 3 && NowNanoseconds() < end) {
      }
      CHECK(rests.count() >= 3);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_MAIN()
