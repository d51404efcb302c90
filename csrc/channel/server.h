// The engine's side of the channel: listens on a Unix socket, maps the rings and arenas of its peers, hands their
// calls to a CallHandler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "channel/call.h"
#include "core/status.h"

namespace triton_lite {

struct ChannelServerOptions {
  std::string socket_path;                             // SOCK_SEQPACKET; mode 0600, removed at the end.
  std::uint64_t answer_budget_byte_size = 4ull << 30;  // Per peer: a slow reader uses up only its own.
  std::int32_t reader_threads = 2;                     // One reads, the others stand by to take over the role.
  // A reader that has not come back from its handler after this long (where calls follow each other: after 4 to 8
  // times as long) loses the reader role to a stand-by thread.
  std::int64_t handover_microseconds = 1000;
};

class ChannelServer {
 public:
  // Binds the socket and starts the reader threads. `handler` outlives the server.
  static Result<std::unique_ptr<ChannelServer>> Start(ChannelServerOptions options, CallHandler* handler);
  virtual ~ChannelServer() = default;

  // Takes no new peers and no new calls (UNAVAILABLE), says goodbye to the peers, joins the threads. Idempotent.
  // Calls that still run keep their memory and may still answer until their peer goes.
  virtual void Stop() = 0;

  virtual std::size_t peer_count() const = 0;
  // Steady-clock nanoseconds since when there is no peer; 0 while there is one.
  virtual std::uint64_t idle_since() const = 0;
};

}  // namespace triton_lite
