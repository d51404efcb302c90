#include "model_process/connection.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/request.h"

namespace triton_lite::model_process {
namespace {

pollfd PollOf(const Lane& lane) {
  return {lane.socket(), static_cast<short>(POLLIN | (lane.has_backlog() ? POLLOUT : 0)), 0};
}

void Flush(const pollfd& poll, Lane* lane) {
  if ((poll.revents & POLLOUT) != 0) {
    lane->Flush();
  }
}

// Also when the other side is gone.
bool IsReadable(const pollfd& poll) { return (poll.revents & ~POLLOUT) != 0; }

int TimeoutUntil(std::uint64_t deadline) {
  if (deadline == 0) {
    return -1;
  }
  const std::uint64_t now = NowNanoseconds();
  const std::uint64_t milliseconds = deadline > now ? (deadline - now) / 1'000'000 + 1 : 0;
  return static_cast<int>(std::min<std::uint64_t>(milliseconds, std::numeric_limits<int>::max()));
}

}  // namespace

Result<std::shared_ptr<Connection>> Connection::Make(FileDescriptor execute, FileDescriptor calls, pid_t process_id) {
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) {
    return Unavailable("unable to make an eventfd for a model's process");
  }
  std::shared_ptr<Connection> connection(new Connection(std::move(wake), process_id));
  ASSIGN_OR_RETURN(connection->execute_, Lane::Make(std::move(execute), "tl_execute", &connection->wake_));
  ASSIGN_OR_RETURN(connection->calls_, Lane::Make(std::move(calls), "tl_calls", &connection->wake_));
  return connection;
}

RemoteMemory Connection::MemoryOf(const Received& received) const {
  const bool in_file = (received.header.flags & kInFile) != 0;
  return {process_id_, in_file ? received.file.get() : -1};
}

Connection::Ready Connection::Wait(std::uint64_t deadline) {
  std::array<pollfd, 3> polls{PollOf(*execute_), PollOf(*calls_), pollfd{wake_.get(), POLLIN, 0}};
  (void)poll(polls.data(), polls.size(), TimeoutUntil(deadline));
  if ((polls[2].revents & POLLIN) != 0) {
    eventfd_t count = 0;
    (void)eventfd_read(wake_.get(), &count);
  }
  Flush(polls[0], execute_.get());
  Flush(polls[1], calls_.get());
  return {IsReadable(polls[0]), IsReadable(polls[1])};
}

void Connection::Wake() { (void)eventfd_write(wake_.get(), 1); }

void Connection::ShutDown() {
  execute_->ShutDown();
  calls_->ShutDown();
}

}  // namespace triton_lite::model_process
