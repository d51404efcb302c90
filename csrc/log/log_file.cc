#include "log/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/request.h"

namespace triton_lite {
namespace {

constexpr std::uint64_t kLookEveryNanoseconds = 1'000'000'000;
constexpr int kPatienceMilliseconds = 1000;

// Whether a descriptor that was set not to block takes more within a moment.
bool WaitForRoom(int descriptor) {
  pollfd waiting{descriptor, POLLOUT, 0};
  return poll(&waiting, 1, kPatienceMilliseconds) > 0 && (waiting.revents & POLLOUT) != 0;
}

}  // namespace

LogFile::LogFile(int descriptor, std::string path, const std::atomic<std::uint64_t>* generation)
    : descriptor_(descriptor), path_(std::move(path)), generation_(generation) {
  if (generation_ != nullptr) {
    seen_generation_ = generation_->load(std::memory_order_relaxed);
  }
}

void LogFile::Write(std::string_view lines) {
  if (!path_.empty()) {
    Follow();
  }
  while (!lines.empty()) {
    const ssize_t written = write(descriptor_, lines.data(), lines.size());
    if (written > 0) {
      lines.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0 || (errno != EINTR && (errno != EAGAIN || !WaitForRoom(descriptor_)))) {
      return;
    }
  }
}

void LogFile::Follow() {
  const std::uint64_t generation =
      generation_ == nullptr ? seen_generation_ : generation_->load(std::memory_order_relaxed);
  const std::uint64_t now = NowNanoseconds();
  if (generation == seen_generation_ && now < next_look_) {
    return;
  }
  next_look_ = now + kLookEveryNanoseconds;
  if (generation != seen_generation_ || Moved()) {
    seen_generation_ = generation;
    Reopen();
  }
}

bool LogFile::Moved() const {
  struct stat named = {};
  struct stat open = {};
  if (fstat(descriptor_, &open) != 0) {
    return false;
  }
  return stat(path_.c_str(), &named) != 0 ? errno == ENOENT
                                          : named.st_ino != open.st_ino || named.st_dev != open.st_dev;
}

void LogFile::Reopen() {
  const int opened = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (opened < 0) {
    return;  // The old file is better than none.
  }
  // Standard error is what children inherit.
  dup3(opened, descriptor_, descriptor_ > STDERR_FILENO ? O_CLOEXEC : 0);
  close(opened);
}

}  // namespace triton_lite
