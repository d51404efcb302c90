#include "channel/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace triton_lite {
namespace {

constexpr std::size_t kMostDescriptors = 8;
constexpr int kBacklog = 128;

Status SocketError(const std::string& what, const std::string& path) {
  return Unavailable(what + " '" + path + "': " + std::generic_category().message(errno));
}

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return InvalidArgument("socket path '" + path + "' must have 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                           " bytes; name a shorter runtime folder");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

FileDescriptor MakeSocket() {
  return FileDescriptor(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int Connect(int fd, const sockaddr_un& address) {
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

bool Bind(int fd, const sockaddr_un& address) {
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// Nobody answers behind an existing file.
bool IsStale(const sockaddr_un& address) {
  const FileDescriptor probe = MakeSocket();
  return Connect(probe.get(), address) != 0 && errno == ECONNREFUSED;
}

}  // namespace

Result<FileDescriptor> ListenAt(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  FileDescriptor fd = MakeSocket();
  // Before bind: the file never has another mode.
  if (!fd.valid() || fchmod(fd.get(), 0600) != 0) {
    return SocketError("unable to make the socket", path);
  }
  if (!Bind(fd.get(), address)) {
    if (errno != EADDRINUSE || !IsStale(address) || unlink(path.c_str()) != 0 || !Bind(fd.get(), address)) {
      return SocketError("unable to bind the socket", path);
    }
  }
  if (listen(fd.get(), kBacklog) != 0) {
    return SocketError("unable to listen on the socket", path);
  }
  return fd;
}

Result<FileDescriptor> ConnectTo(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  FileDescriptor fd = MakeSocket();
  if (!fd.valid() || Connect(fd.get(), address) != 0) {
    return SocketError("no engine answers on the socket", path);
  }
  return fd;
}

PacketState SendPacket(int socket, Bytes packet, std::span<const int> descriptors) {
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS || errno == ENOMEM) {
      return PacketState::kWouldBlock;
    }
    if (errno != EINTR) {
      return PacketState::kGone;
    }
  }
  return PacketState::kDone;
}

Packet ReceivePacket(int socket, MutableBytes into) {
  iovec part{into.data(), into.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size;
  do {
    size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  Packet packet;
  if (size <= 0) {
    packet.state = size < 0 && errno == EAGAIN ? PacketState::kWouldBlock : PacketState::kGone;
    return packet;
  }
  packet.state = PacketState::kDone;
  packet.size = static_cast<std::size_t>(size);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
      packet.descriptors.emplace_back(fd);
    }
  }
  return packet;
}

}  // namespace triton_lite
