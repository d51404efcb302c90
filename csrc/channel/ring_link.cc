#include "channel/ring_link.h"

#include <poll.h>

#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "channel/socket.h"

namespace triton_lite {
namespace {

constexpr int kWelcomeMilliseconds = 30'000;

Status NoWelcome(const std::string& path) {
  return Unavailable("the engine at '" + path + "' did not complete the handshake");
}

bool MakesSense(const ChannelShape& shape, std::uint32_t max_calls) {
  return shape.call_slots >= max_calls && shape.call_slots <= kMostCalls && std::has_single_bit(shape.call_slots) &&
         std::has_single_bit(shape.answer_slots) && shape.answer_slots <= kMostCalls &&
         shape.call_indexes >= max_calls && shape.call_indexes <= 1u << kIndexBits &&
         shape.release_indexes <= 1u << kIndexBits;
}

Result<std::shared_ptr<Mapping>> MapSealed(const FileDescriptor& fd, std::size_t at_least) {
  ASSIGN_OR_RETURN(const std::size_t byte_size, SealedByteSize(fd.get()));
  if (byte_size < at_least) {
    return InvalidArgument("the engine's shared memory is too small");
  }
  return Mapping::Map(fd.get(), byte_size);
}

}  // namespace

Result<std::shared_ptr<RingLink>> RingLink::Connect(const RingClientOptions& options, const Arena& requests) {
  ASSIGN_OR_RETURN(FileDescriptor socket, ConnectTo(options.socket_path));
  Hello hello;
  hello.max_calls = options.max_calls;
  hello.stream_window = options.stream_window;
  std::memcpy(hello.name, options.name.data(), std::min(options.name.size(), sizeof(hello.name) - 1));
  const int base = requests.base_descriptor();
  if (SendStruct(socket.get(), hello, std::span(&base, 1)) != PacketState::kDone) {
    return NoWelcome(options.socket_path);
  }
  pollfd readable{socket.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&readable, 1, kWelcomeMilliseconds);
  } while (ready < 0 && errno == EINTR);
  Welcome welcome;
  Packet packet = ReceivePacket(socket.get(), std::as_writable_bytes(std::span(&welcome, 1)));
  if (ready <= 0 || packet.state != PacketState::kDone || packet.size != sizeof(welcome) ||
      packet.descriptors.size() != 4 || welcome.magic != kChannelMagic || welcome.version != kChannelVersion ||
      !MakesSense(welcome.shape, options.max_calls)) {
    return NoWelcome(options.socket_path);
  }
  auto& fds = packet.descriptors;
  ASSIGN_OR_RETURN(auto control, MapSealed(fds[0], ChannelMemory::ByteSize(welcome.shape)));
  ASSIGN_OR_RETURN(auto answers, MapSealed(fds[3], 1));
  return std::make_shared<RingLink>(std::move(socket), std::move(fds[1]), std::move(fds[2]),
                                    ChannelMemory(std::move(control), welcome.shape), std::move(answers));
}

bool RingAnswer::Read(const Slot& slot, RegionSource& regions) {
  if (!frame_.Read(slot, regions)) {
    return false;
  }
  const SlotHead& head = frame_.head();
  const ChannelShape& shape = link_->memory.shape();
  // Both name words of the shared memory that are written when the answer goes.
  const bool holds_memory = (head.flags & kSlotHoldsMemory) != 0;
  if (IndexOf(head.call) >= shape.call_indexes ||
      (holds_memory && head.metadata_size_or_release >= shape.release_indexes)) {
    return false;
  }
  read_ = true;
  if (const std::uint16_t code = frame_.head().method_or_code; code != 0) {
    status_ =
        Status(code <= static_cast<std::uint16_t>(Code::kUnauthenticated) ? static_cast<Code>(code) : Code::kUnknown,
               std::string(AsText(frame_.message())));
  }
  return true;
}

RingAnswer::~RingAnswer() {
  Acknowledge();
  if (read_ && (frame_.head().flags & kSlotHoldsMemory) != 0) {
    link_->ReleaseAnswer(frame_.head().metadata_size_or_release, frame_.memory_byte_size());
  }
}

void RingAnswer::Acknowledge() {
  if (read_ && many() && !std::exchange(acknowledged_, true)) {
    link_->CountTaken(call());
  }
}

void RingLink::CountTaken(std::uint64_t call) {
  std::atomic<std::uint64_t>& word = memory.taken_word(IndexOf(call));
  std::uint64_t taken = word.load(std::memory_order_relaxed);
  do {
    if (!IsTakenOf(taken, call)) {
      return;  // The index serves another call by now.
    }
  } while (!word.compare_exchange_weak(taken, taken + 1, std::memory_order_release, std::memory_order_relaxed));
  FullFence();
  if (memory.header().credit_wanted.load(std::memory_order_relaxed) != 0) {
    SignalEngine();
  }
}

}  // namespace triton_lite
