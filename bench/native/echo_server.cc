// An HTTP server that does nothing but send bodies back: what a load generator can be served at most by one thread.
// Argument: the port. Prints a line once it listens; ends with its standard input.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "loops.h"
#include "memory/file_descriptor.h"

using namespace triton_lite;
using namespace triton_lite::bench;

namespace {

constexpr std::size_t kBufferByteSize = 2 << 20;

// Takes one request at a time, as wrk sends them: its head names the body's length first.
class Connection {
 public:
  explicit Connection(FileDescriptor socket) : socket_(std::move(socket)), buffer_(kBufferByteSize) {}

  int fd() const { return socket_.get(); }

  // Reads and writes what can be; false at the end.
  bool Go() {
    while (true) {
      if (unsent_ > 0) {
        if (!Send()) {
          return true;
        }
        continue;
      }
      const ssize_t count = read(fd(), buffer_.data() + received_, buffer_.size() - received_);
      if (count <= 0) {
        return count < 0 && errno == EAGAIN;
      }
      received_ += static_cast<std::size_t>(count);
      BeginAnswer();
    }
  }

 private:
  void BeginAnswer() {
    const std::string_view data(buffer_.data(), received_);
    const std::size_t end = data.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      return;
    }
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t at = data.substr(0, end).find(kLength);
    std::size_t length = 0;
    if (at == std::string_view::npos ||
        std::from_chars(data.data() + at + kLength.size(), data.data() + end, length).ec != std::errc()) {
      Die("a request without Content-Length");
    }
    const std::size_t body = end + 4;
    if (received_ < body + length) {
      return;
    }
    head_ = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
    body_ = data.substr(body, length);
    unsent_ = head_.size() + length;
    received_ = 0;
  }

  bool Send() {
    const std::size_t of_head = unsent_ > body_.size() ? unsent_ - body_.size() : 0;
    const std::size_t of_body = unsent_ - of_head;
    std::array<iovec, 2> parts{iovec{head_.data() + head_.size() - of_head, of_head},
                               iovec{const_cast<char*>(body_.data()) + body_.size() - of_body, of_body}};
    const ssize_t count = writev(fd(), parts.data(), 2);
    if (count < 0) {
      return false;
    }
    unsent_ -= static_cast<std::size_t>(count);
    return true;
  }

  const FileDescriptor socket_;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
  std::string head_;
  std::string_view body_;
  std::size_t unsent_ = 0;
};

FileDescriptor Listen(std::uint16_t port) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener.get(), 64) != 0) {
    Die("cannot listen");
  }
  return listener;
}

void Watch(int poll, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    Die("usage: echo_server PORT");
  }
  const FileDescriptor listener = Listen(static_cast<std::uint16_t>(std::atoi(argv[1])));
  const FileDescriptor poll(epoll_create1(EPOLL_CLOEXEC));
  Watch(poll.get(), listener.get(), EPOLLIN);
  Watch(poll.get(), STDIN_FILENO, EPOLLIN);
  std::vector<std::unique_ptr<Connection>> connections;
  std::puts("listens");
  std::fflush(stdout);
  while (true) {
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(poll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == STDIN_FILENO) {
        return 0;
      }
      if (fd == listener.get()) {
        FileDescriptor accepted(accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        Watch(poll.get(), accepted.get(), EPOLLIN | EPOLLOUT | EPOLLET);
        connections.push_back(std::make_unique<Connection>(std::move(accepted)));
        continue;
      }
      std::erase_if(connections, [&](const auto& one) { return one->fd() == fd && !one->Go(); });
    }
  }
}
