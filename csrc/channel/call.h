// A call as the engine sees it, whichever way it came (rings from another process, or directly in this one).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "channel/method.h"
#include "core/buffer.h"
#include "core/bytes.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// Facts about the peer that made a call.
struct PeerInfo {
  std::int32_t process_id = 0;
  std::string name;  // "http", "grpc", "direct", …: what the peer called itself at the handshake.
  bool is_http() const { return name == "http"; }
  std::uint64_t number = 0;  // Of its connection: no other has the same.
};

// One answer. Either a status that is not OK, or a message with segments.
struct Answer {
  // An error that arose in the model has one segment: the head (names, id, parameters) of the ModelInferResponse that
  // it replaces. Errors before that have none: front ends word the two differently, as Triton's do.
  Status status;
  std::string message;           // Encoded response message; small, copied into the ring or the answer arena.
  std::vector<Buffer> segments;  // From the call's memory() where possible: sent without a copy; else copied once.
  bool traced = false;           // The front end is to say when it sent the answer (Method::kTraceSent).
};

// What an answer takes of the window of its stream.
inline std::size_t ByteSizeOf(const Answer& answer) {
  std::size_t byte_size = answer.message.size();
  for (const Buffer& segment : answer.segments) {
    byte_size += segment.size;
  }
  return byte_size;
}

// Thread-safe. Lives until the last answer was sent and the last holder let go; the request's bytes (message and
// segments) stay mapped as long as anybody holds the call, whatever became of the peer.
class Call : public OutputMemory {
 public:
  // Its name among all calls of its peer, there too.
  virtual std::uint64_t id() const = 0;
  virtual Method method() const = 0;
  // Its client may not use shared memory.
  virtual bool regions_denied() const = 0;
  virtual Bytes message() const = 0;
  virtual std::span<const Bytes> segments() const = 0;
  // In process only: the segments with their owners, where these were lent and not copied. They may lie on a GPU.
  virtual std::span<const Buffer> lent() const { return {}; }
  virtual const PeerInfo& peer() const = 0;
  // What the peer says about it (wire/call_metadata.h); may be empty.
  virtual Bytes metadata() const { return {}; }

  // Set when the client gave up, hung up or died. Shared with the request that the engine makes of the call.
  virtual const std::shared_ptr<CancelToken>& cancel_token() const = 0;
  // `hook` runs once when the call is cancelled (at once if it is already), on the reader's thread. One hook a call.
  virtual void OnCancel(std::function<void()> hook) = 0;

  // The call may be answered many times, in no order with other calls. Before its first answer.
  virtual void ExpectMany() = 0;
  // Whether another answer may be sent before the client has to take some. Always, unless many are expected; again
  // when the call is cancelled. Whoever sends without is not refused, but piles up answers.
  virtual bool HasCredit() = 0;
  // `hook` runs once as soon as there is credit: at once, or later on the reader's thread.
  virtual void OnCredit(std::function<void()> hook) = 0;

  // Hands over one answer. Never blocks: when the ring is full the answer is parked with its call.
  // After `last` everything else is ignored. A call that is destroyed without a last answer is answered with
  // INTERNAL "the request was dropped".
  virtual void Reply(Answer answer, bool last) = 0;
};

using CallPtr = std::shared_ptr<Call>;

// Takes calls. Called from the channel's reader thread (or the caller's own thread, in process).
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void Handle(CallPtr call) = 0;
  // Whether requests may be sampled for tracing (in-process clients ask; peers are told, see ChannelServer).
  virtual Tracing tracing() const { return Tracing::kNone; }
};

}  // namespace triton_lite
