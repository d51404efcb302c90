// The front ends' side of the channel: one interface, two implementations (rings to an engine process, or direct
// into an engine of this process).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "channel/call.h"
#include "channel/stream_credit.h"

namespace triton_lite {

using CallId = std::uint64_t;  // Never used twice by one client; 0 is no call.

// An answer as it reached the client. The bytes lie in the engine's answer arena (or its heap, direct) and go back
// to the engine when the object is destroyed, on whatever thread.
class ReceivedAnswer {
 public:
  virtual ~ReceivedAnswer() = default;
  virtual CallId call() const = 0;
  virtual bool last() const = 0;
  virtual const Status& status() const = 0;
  virtual Bytes message() const = 0;
  virtual std::span<const Bytes> segments() const = 0;
  // In process only: the segments with their owners. Those on a GPU are to be read there.
  virtual std::span<const Buffer> buffers() const { return {}; }
  // The engine wants to know when it was sent on.
  virtual bool traced() const { return false; }
  // Its call may have many answers, in no order with those of other calls.
  virtual bool many() const { return false; }
  // It was sent on: the engine may send another one of this call. Idempotent; the destructor does it at the latest.
  virtual void Acknowledge() {}
};

using ReceivedAnswerPtr = std::unique_ptr<ReceivedAnswer>;

// Memory of the client's own arena in which a caller assembles a request's segments in place.
// A segment inside it is sent without a copy.
struct CallBody {
  std::string_view message;
  std::span<const Bytes> segments;
  // In process only, in the place of `segments`: not copied, each kept by its owner as long as the call needs it.
  std::span<const Buffer> lent = {};
  // In process only: tensors of the answer may lie on a GPU.
  bool takes_device_memory = false;
  // What the caller says about it (Call::metadata): no part of the message, so that nothing a client sends can pretend
  // to be it.
  std::string_view metadata = {};
};

// Thread-safe. Not usable after fork in the child (create a new one there).
class ChannelClient {
 public:
  virtual ~ChannelClient() = default;

  // Copies message and segments (into the slot if small, else into the arena) and returns at once.
  // UNAVAILABLE when the engine is gone or the bound on calls in flight or bytes is reached; UNIMPLEMENTED for memory
  // that is lent to another process. `method` may carry kRegionsDenied.
  virtual Result<CallId> Send(Method method, const CallBody& body) = 0;

  // Memory for a large body that will be sent (front ends receive straight into it). Buffers of the arena that are
  // passed to Send as (part of) a segment are not copied again.
  virtual Result<Buffer> AllocateBody(std::size_t byte_size) = 0;

  // Asks the engine to give up the call. A last answer still comes (usually CANCELLED).
  virtual void Cancel(CallId call) = 0;

  // Event-loop style. `fd()` becomes readable when answers wait (level-triggered); `Poll` takes what is there without
  // waiting. After `ArmWakeup` returned true the next answer makes fd() readable; false: answers are there, Poll again.
  virtual int fd() const = 0;
  virtual std::vector<ReceivedAnswerPtr> Poll() = 0;
  virtual bool ArmWakeup() = 0;

  // Blocking style, for threads: waits for the next answer of `call`; one waiting thread leads and hands the others
  // their answers. Null when `deadline_ns` (steady clock; 0 = none) passed or a signal came in (EINTR; *interrupted).
  // Answers of calls that are waited for this way are never returned by Poll.
  virtual ReceivedAnswerPtr Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) = 0;

  // False once the engine hung up or said goodbye; every pending call has then been answered UNAVAILABLE.
  virtual bool connected() const = 0;
  // What the engine is to be told of requests that it may sample for tracing.
  virtual Tracing tracing() const = 0;
};

struct RingClientOptions {
  std::string socket_path;
  std::string name = "client";                       // PeerInfo::name.
  std::uint32_t max_calls = 1024;                    // In flight at once.
  std::uint64_t body_budget_byte_size = 4ull << 30;  // Arena bytes in flight at once.
  std::uint32_t stream_window = kStreamWindow;       // Answers of one call in flight at once, at most kStreamWindow.
};

// Connects and shakes hands. UNAVAILABLE when nobody listens.
Result<std::unique_ptr<ChannelClient>> ConnectRings(const RingClientOptions& options);

// `handler` outlives the client. Handle runs on the sending thread.
std::unique_ptr<ChannelClient> MakeDirectClient(CallHandler* handler);

}  // namespace triton_lite
