// A front end's side of the channel against an engine that writes what it likes into the shared memory and the socket.
//
// The input: a program of steps, each a byte and its operands.
#include <sys/socket.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "channel/ring_client.h"
#include "channel/socket.h"
#include "channel/wakeup.h"
#include "fuzz.h"
#include "memory/memfd.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

constexpr std::size_t kRegionByteSize = 4096;
constexpr std::size_t kMostSteps = 128;
constexpr ChannelShape kShape{.call_slots = 4, .answer_slots = 8, .call_indexes = 8, .release_indexes = 64};

const FileDescriptor& SealedRegion() {
  static const FileDescriptor fd = *CreateMemfd("fuzz", kRegionByteSize);
  return fd;
}

class Duel {
 public:
  explicit Duel(Input input) : input_(input) {
    int ends[2];
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    socket_ = FileDescriptor(ends[1]);
    const std::size_t size = ChannelMemory::ByteSize(kShape);
    const FileDescriptor control = *CreateMemfd("fuzz", size);
    control_ = *Mapping::Map(control.get(), size);
    shared_ = std::make_unique<ChannelMemory>(control_, kShape);
    shared_->header().engine_core.store(-1);  // On ours, looking again would give the core away.
    RingClientOptions options;
    options.max_calls = 4;
    auto link = std::make_shared<RingLink>(FileDescriptor(ends[0]), MakeEvent(), MakeEvent(),
                                           ChannelMemory(*Mapping::Map(control.get(), size), kShape),
                                           *Mapping::Map(SealedRegion().get(), kRegionByteSize));
    ArenaOptions arena{.name = "fuzz", .base_byte_size = 1 << 20, .budget_byte_size = 1 << 20};
    client_ = std::make_unique<RingClient>(options, std::move(link), *Arena::Create(arena));
    HOLDS(client_->valid());
  }

  void Run() {
    for (std::size_t i = 0; i < kMostSteps && !input_.done(); ++i) {
      Step(input_.Take<std::uint8_t>() % 12);
    }
    // An engine that went away ends every call that is in flight.
    socket_.Close();
    Poll();
    (void)client_->ArmWakeup();
    HOLDS(!client_->connected());
    HOLDS(!client_->Send(Method::kModelInfer, {"message", {}}).ok());
    kept_.clear();
  }

 private:
  void Step(std::uint8_t step) {
    switch (step) {
      case 0:
      case 1:
        return Send();
      case 2:
      case 3:
      case 4:
        return Publish();
      case 5:
        return shared_->header().answers_tail.store(tail_ = input_.Take<std::uint16_t>());
      case 6:
        shared_->requests_released.Set(input_.Take<std::uint8_t>() % kShape.call_indexes);
        return shared_->header().engine_signals.store(1);
      case 7:
        return Scribble();
      case 8:
        return SendNote();
      case 9:
        return Poll();
      case 10:
        if (!calls_.empty()) {
          client_->Cancel(calls_[input_.Take<std::uint8_t>() % calls_.size()]);
        }
        return;
      default:
        kept_.clear();
    }
  }

  void Send() {
    const std::string message(input_.Take<std::uint8_t>(), 'm');
    const std::string segment(std::size_t{input_.Take<std::uint8_t>()} * 8, 's');
    const Bytes segments[] = {AsBytes(segment)};
    const auto call = client_->Send(Method::kModelInfer, {message, segments});
    if (call.ok()) {
      calls_.push_back(*call);
    }
  }

  void Publish() {
    Slot slot;
    std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
    const auto which = input_.Take<std::uint8_t>();
    slot.head.call = which < 0xC0 && !calls_.empty() ? calls_[which % calls_.size()] : which;
    slot.head.method_or_code = input_.Take<std::uint8_t>();
    slot.head.flags = input_.Take<std::uint8_t>();
    slot.head.segment_count = input_.Take<std::uint8_t>() % 8;
    const Bytes payload = input_.TakeBytes(input_.Take<std::uint8_t>());
    slot.head.frame_size = payload.size();
    slot.head.message_size = input_.Take<std::uint8_t>();
    slot.head.metadata_size_or_release = input_.Take<std::uint32_t>();
    slot.head.frame_region = input_.Take<std::uint8_t>();
    if (!payload.empty()) {
      std::memcpy(slot.payload, payload.data(), payload.size());
    }
    std::memcpy(static_cast<void*>(&shared_->answer_slot(tail_)), &slot, sizeof(slot));
    shared_->header().answers_tail.store(++tail_);
  }

  void Scribble() {
    const std::size_t at = input_.Take<std::uint32_t>() % control_->size();
    const Bytes what = input_.TakeBytes(input_.Take<std::uint8_t>() % 65);
    if (!what.empty()) {
      std::memcpy(control_->data() + at, what.data(), std::min(what.size(), control_->size() - at));
    }
  }

  void SendNote() {
    const auto what = input_.Take<std::uint8_t>();
    const Note note{what & 3u, input_.Take<std::uint8_t>() % 4u};
    const int region = SealedRegion().get();
    (void)SendPacket(socket_.get(), std::as_bytes(std::span(&note, 1)), std::span(&region, (what >> 2) & 1));
  }

  void Poll() {
    for (ReceivedAnswerPtr& answer : client_->Poll()) {
      Touch(answer->message());
      for (const Bytes segment : answer->segments()) {
        Touch(segment);
      }
      (void)answer->status().ok();
      kept_.push_back(std::move(answer));
    }
  }

  Input input_;
  FileDescriptor socket_;
  std::shared_ptr<Mapping> control_;
  std::unique_ptr<ChannelMemory> shared_;
  std::unique_ptr<RingClient> client_;
  std::vector<CallId> calls_;
  std::vector<ReceivedAnswerPtr> kept_;
  std::uint64_t tail_ = 0;
};

}  // namespace

FUZZ_TARGET(input) { Duel(input).Run(); }
