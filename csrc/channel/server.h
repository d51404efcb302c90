// The engine's side of the channel: listens on a Unix socket, maps the rings and arenas of its peers, hands their
// calls to a CallHandler.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "channel/call.h"
#include "channel/server_options.h"
#include "core/status.h"

namespace triton_lite {

class ChannelServer {
 public:
  // Binds the socket and starts the reader threads. `handler` outlives the server.
  static Result<std::unique_ptr<ChannelServer>> Start(ChannelServerOptions options, CallHandler* handler);
  virtual ~ChannelServer() = default;

  // Takes no new peers and no new calls (UNAVAILABLE), says goodbye to the peers, joins the threads. Idempotent.
  // Calls that still run keep their memory and may still answer until their peer goes.
  virtual void Stop() = 0;

  // Tells all peers, those to come too, whether requests may be sampled for tracing.
  virtual void SetTracing(Tracing tracing) = 0;

  virtual std::size_t peer_count() const = 0;
  virtual std::vector<PeerInfo> peers() const = 0;
  // Steady-clock nanoseconds since when there is no peer; 0 while there is one.
  virtual std::uint64_t idle_since() const = 0;
};

}  // namespace triton_lite
