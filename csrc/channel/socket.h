// The channel's Unix socket (SOCK_SEQPACKET): handshake, descriptors, and the lifetime of the peer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "channel/layout.h"
#include "core/bytes.h"
#include "core/status.h"
#include "memory/file_descriptor.h"

namespace triton_lite {

inline constexpr std::uint32_t kChannelVersion = 3;

// Client -> engine, with the descriptor of the client's base region.
struct Hello {
  std::uint32_t magic = kChannelMagic;
  std::uint32_t version = kChannelVersion;
  std::uint32_t max_calls = 0;
  std::uint32_t stream_window = 0;  // Answers of one call that it wants to have on their way.
  char name[64] = {};
};

// Engine -> client, with descriptors: channel memory, engine's event, client's event, base of the answer arena.
struct Welcome {
  std::uint32_t magic = kChannelMagic;
  std::uint32_t version = kChannelVersion;
  ChannelShape shape;
};

// Either way, later.
struct Note {
  enum Kind : std::uint32_t { kRegion = 1, kRegionGone = 2, kGoodbye = 3 };
  std::uint32_t kind = 0;
  std::uint32_t region = 0;
};

// Binds and listens, non-blocking, mode 0600. A socket file that nobody listens on any more is replaced.
Result<FileDescriptor> ListenAt(const std::string& path);
// Non-blocking. UNAVAILABLE when nobody listens.
Result<FileDescriptor> ConnectTo(const std::string& path);

enum class PacketState { kDone, kWouldBlock, kGone };

// Never blocks.
PacketState SendPacket(int socket, Bytes packet, std::span<const int> descriptors);

struct Packet {
  PacketState state = PacketState::kGone;
  std::size_t size = 0;
  std::vector<FileDescriptor> descriptors;
};
// Never blocks. Longer packets are cut off at the size of `into`.
Packet ReceivePacket(int socket, MutableBytes into);

template <typename T>
PacketState SendStruct(int socket, const T& packet, std::span<const int> descriptors = {}) {
  return SendPacket(socket, std::as_bytes(std::span(&packet, 1)), descriptors);
}

}  // namespace triton_lite
