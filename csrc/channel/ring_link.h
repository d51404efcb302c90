// The client's end of a channel after the handshake: what answers still need when the client itself is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "channel/client.h"
#include "channel/frame.h"
#include "channel/layout.h"
#include "channel/wakeup.h"
#include "memory/arena.h"
#include "memory/file_descriptor.h"

namespace triton_lite {

struct RingLink {
  // Memory that comes free is worth a wake-up from this size on.
  static constexpr std::uint64_t kLargeByteSize = 4 << 20;

  // Connects, says hello, waits for the engine's welcome.
  static Result<std::shared_ptr<RingLink>> Connect(const RingClientOptions& options, const Arena& requests);

  RingLink(FileDescriptor connected, FileDescriptor engine, FileDescriptor client, ChannelMemory shared,
           std::shared_ptr<Mapping> answers)
      : socket(std::move(connected)),
        engine_event(std::move(engine)),
        client_event(std::move(client)),
        memory(std::move(shared)),
        answer_base(std::move(answers)) {}

  void WakeEngine() { WakeIfAsleep(memory.header().engine_sleeps, engine_event.get()); }
  // Has the engine look at the client's words.
  void SignalEngine() {
    memory.header().client_signals.store(1, std::memory_order_release);
    WakeEngine();
  }
  void ReleaseAnswer(std::uint32_t index, std::uint64_t byte_size) {
    memory.answers_released.Set(index);
    memory.header().client_signals.store(1, std::memory_order_release);
    FullFence();
    if (byte_size >= kLargeByteSize || memory.header().answers_parked.load(std::memory_order_relaxed) != 0) {
      WakeEngine();
    }
  }

  // The caller has done with an answer of a call that has many.
  void CountTaken(std::uint64_t call);

  const FileDescriptor socket;
  const FileDescriptor engine_event;
  const FileDescriptor client_event;
  ChannelMemory memory;
  const std::shared_ptr<Mapping> answer_base;
};

// An answer from the ring.
class RingAnswer : public ReceivedAnswer {
 public:
  explicit RingAnswer(std::shared_ptr<RingLink> link) : link_(std::move(link)) {}
  ~RingAnswer() override;
  // False when the slot makes no sense.
  bool Read(const Slot& slot, RegionSource& regions);

  CallId call() const override { return frame_.head().call; }
  bool last() const override { return (frame_.head().flags & kSlotLast) != 0; }
  bool traced() const override { return (frame_.head().flags & kSlotTraced) != 0; }
  bool many() const override { return (frame_.head().flags & kSlotMany) != 0; }
  void Acknowledge() override;
  const Status& status() const override { return status_; }
  Bytes message() const override { return status_.ok() ? frame_.message() : Bytes(); }
  std::span<const Bytes> segments() const override { return frame_.segments(); }

 private:
  const std::shared_ptr<RingLink> link_;
  IncomingFrame frame_;
  Status status_;
  bool read_ = false;
  bool acknowledged_ = false;
};

// An answer that the client gives itself.
class LocalAnswer : public ReceivedAnswer {
 public:
  LocalAnswer(CallId call, Status status) : call_(call), status_(std::move(status)) {}
  CallId call() const override { return call_; }
  bool last() const override { return true; }
  const Status& status() const override { return status_; }
  Bytes message() const override { return {}; }
  std::span<const Bytes> segments() const override { return {}; }

 private:
  const CallId call_;
  const Status status_;
};

}  // namespace triton_lite
