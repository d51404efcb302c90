// The engine's side of the channel against a peer that writes what it likes into the shared memory and the socket,
// while the engine takes calls, answers and serves signals.
//
// The input: a program of steps, each a byte and its operands.
#include <sys/socket.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "channel/peer.h"
#include "channel/socket.h"
#include "fuzz.h"
#include "memory/memfd.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

constexpr std::size_t kRegionByteSize = 4096;
constexpr std::uint32_t kCalls = 4;
constexpr std::uint64_t kAnswerBudget = 1 << 20;
constexpr std::size_t kMostSteps = 256;
constexpr std::size_t kMostHeld = 64;

// A region that serves every input: making one takes longer than all the rest.
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
    Hello hello;
    hello.max_calls = kCalls;
    hello.stream_window = input_.Take<std::uint8_t>() % 4;
    auto welcomed = Peer::Welcome(FileDescriptor(ends[0]), hello, FileDescriptor(dup(SealedRegion().get())),
                                  kAnswerBudget, Tracing::kNone);
    HOLDS(welcomed.ok());
    peer_ = *std::move(welcomed);
    Welcome welcome;
    const Packet packet = ReceivePacket(socket_.get(), std::as_writable_bytes(std::span(&welcome, 1)));
    HOLDS(packet.state == PacketState::kDone && packet.descriptors.size() == 4);
    const std::size_t size = ChannelMemory::ByteSize(welcome.shape);
    control_ = *Mapping::Map(packet.descriptors[0].get(), size);
    shared_ = std::make_unique<ChannelMemory>(control_, welcome.shape);
  }

  void Run() {
    for (std::size_t i = 0; i < kMostSteps && !input_.done() && open_; ++i) {
      Step(input_.Take<std::uint8_t>() % 17);
    }
    peer_->HangUp();
    held_.clear();
    HOLDS(hooks_run_ <= hooks_set_);
  }

 private:
  void Step(std::uint8_t step) {
    switch (step) {
      case 0:
      case 1:
        return Publish();
      case 2:
        return shared_->header().calls_tail.store(tail_ = input_.Take<std::uint64_t>());
      case 3: {
        const auto index = input_.Take<std::uint8_t>() % shared_->shape().call_indexes;
        shared_->cancel_word(index).store(NextCall());
        shared_->cancelled.Set(index);
        return Signal();
      }
      case 4:
        shared_->answers_released.Set(input_.Take<std::uint16_t>() % shared_->shape().release_indexes);
        return Signal();
      case 5:
        return shared_->header().answers_head.store(input_.Take<std::uint16_t>());
      case 6:
        shared_->taken_word(input_.Take<std::uint8_t>() % shared_->shape().call_indexes)
            .store(TakenWord(NextCall(), input_.Take<std::uint8_t>()));
        return Signal();
      case 7:
        return Scribble();
      case 8:
        return SendNote();
      case 9:
      case 10:
      case 11:
        return TakeCalls();
      case 12:
        return peer_->ServeSignals();
      case 13:
      case 14:
        return Answer();
      case 15:
        if (peer_->ReceiveNotes() != RegionTable::State::kOpen) {
          open_ = false;
        }
        return;
      default:
        if (!held_.empty()) {
          held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(input_.Take<std::uint8_t>() % held_.size()));
        }
    }
  }

  // A name that the peer may give a call, most often one that makes sense.
  std::uint64_t NextCall() {
    const auto index = input_.Take<std::uint8_t>();
    const auto sequence = input_.Take<std::uint8_t>();
    return std::uint64_t{sequence} << kIndexBits | index % 16;
  }

  void Signal() { shared_->header().client_signals.store(1); }

  // A slot that makes sense but for what the input writes over it.
  void Publish() {
    Slot slot;
    std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
    slot.head.call = NextCall();
    slot.head.method_or_code = input_.Take<std::uint16_t>();
    slot.head.flags = input_.Take<std::uint8_t>();
    slot.head.segment_count = input_.Take<std::uint8_t>() % 8;
    const Bytes payload = input_.TakeBytes(input_.Take<std::uint8_t>());
    slot.head.frame_size = payload.size();
    slot.head.message_size = input_.Take<std::uint8_t>();
    slot.head.metadata_size_or_release = input_.Take<std::uint8_t>();
    slot.head.frame_region = input_.Take<std::uint8_t>();
    slot.head.frame_offset = input_.Take<std::uint8_t>() * 16;
    if (!payload.empty()) {
      std::memcpy(slot.payload, payload.data(), payload.size());
    }
    std::memcpy(static_cast<void*>(&shared_->call_slot(tail_)), &slot, sizeof(slot));
    shared_->header().calls_tail.store(++tail_);
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
    const int descriptors[] = {(what & 4) != 0 ? region : socket_.get(), region};
    const std::size_t count = (what >> 3) % 3;
    const Bytes bytes =
        std::as_bytes(std::span(&note, 1)).first((what & 0x80) != 0 ? what % sizeof(note) + 1 : sizeof(note));
    (void)SendPacket(socket_.get(), bytes, std::span(descriptors, count));
  }

  void TakeCalls() {
    for (std::uint32_t i = 0; i < 2 * kCalls && held_.size() < kMostHeld; ++i) {
      CallPtr call;
      const Peer::Taken taken = peer_->TakeCall(&call);
      if (taken != Peer::Taken::kCall) {
        open_ = open_ && taken != Peer::Taken::kNonsense;
        return;
      }
      HOLDS(call != nullptr);
      Touch(call->message());
      Touch(call->metadata());
      for (const Bytes segment : call->segments()) {
        Touch(segment);
      }
      held_.push_back(std::move(call));
    }
  }

  void Answer() {
    if (held_.empty()) {
      return;
    }
    const auto how = input_.Take<std::uint8_t>();
    const CallPtr call = held_[input_.Take<std::uint8_t>() % held_.size()];
    if ((how & 1) != 0) {
      call->ExpectMany();
    }
    if ((how & 2) != 0) {
      ++hooks_set_;
      call->OnCredit([this] { ++hooks_run_; });
    }
    (void)call->HasCredit();
    triton_lite::Answer answer;
    answer.message = std::string(input_.Take<std::uint8_t>(), 'a');
    for (int i = 0; i < ((how >> 2) & 3); ++i) {
      Result<Buffer> buffer = call->Allocate(std::size_t{input_.Take<std::uint8_t>()} * 64);
      if (buffer.ok()) {
        std::memset(buffer->data, i, buffer->size);
        answer.segments.push_back(*std::move(buffer));
      }
    }
    call->Reply(std::move(answer), (how & 0x10) != 0);
  }

  Input input_;
  FileDescriptor socket_;
  std::shared_ptr<Peer> peer_;
  std::shared_ptr<Mapping> control_;
  std::unique_ptr<ChannelMemory> shared_;
  std::vector<CallPtr> held_;
  std::uint64_t tail_ = 0;
  bool open_ = true;
  int hooks_set_ = 0;
  int hooks_run_ = 0;
};

}  // namespace

FUZZ_TARGET(input) { Duel(input).Run(); }
