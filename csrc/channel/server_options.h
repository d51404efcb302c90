// Settings of the engine's side of the channel.
#pragma once

#include <cstdint>
#include <string>

namespace triton_lite {

struct ChannelServerOptions {
  std::string socket_path;                             // SOCK_SEQPACKET; mode 0600, removed at the end.
  std::uint64_t answer_budget_byte_size = 4ull << 30;  // Per peer: a slow reader uses up only its own.
  std::int32_t reader_threads = 2;                     // One reads, the others stand by to take over the role.
  // A reader that has not come back from its handler after this long (where calls follow each other: after 4 to 8
  // times as long) loses the reader role to a stand-by thread.
  std::int64_t handover_microseconds = 1000;
};

}  // namespace triton_lite
