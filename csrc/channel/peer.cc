#include "channel/peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <string>
#include <utility>

#include "channel/ring_call.h"
#include "channel/second_look.h"
#include "channel/stream_credit.h"
#include "channel/wakeup.h"

namespace triton_lite {
namespace {

constexpr std::uint32_t kAnswerSlots = 256;
constexpr std::uint32_t kReleaseIndexes = 4096;
// Memory worth a wake-up of its own when it comes free.
constexpr std::uint64_t kLargeByteSize = 4 << 20;
constexpr std::size_t kShortText = 200;

PeerInfo InfoOf(int socket, const Hello& hello) {
  static std::atomic<std::uint64_t> connections{0};
  PeerInfo info;
  info.number = connections.fetch_add(1, std::memory_order_relaxed) + 1;
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
    info.process_id = credentials.pid;
  }
  info.name.assign(hello.name, std::find(hello.name, std::end(hello.name), '\0'));
  return info;
}

void CancelAll(const std::vector<std::shared_ptr<RingCall>>& calls) {
  for (const auto& call : calls) {
    call->cancel_token()->Mark();
  }
  for (const auto& call : calls) {
    call->Cancel();
  }
}

}  // namespace

struct Peer::Parts {
  PeerInfo info;
  std::uint32_t stream_window = kStreamWindow;
  FileDescriptor socket;
  FileDescriptor engine_event;
  FileDescriptor client_event;
  std::shared_ptr<Arena> answers;
  std::shared_ptr<Mapping> control;
  std::shared_ptr<Mapping> region;
  ChannelShape shape;
};

Result<std::shared_ptr<Peer>> Peer::Welcome(FileDescriptor socket, const Hello& hello, FileDescriptor region,
                                            std::uint64_t answer_budget_byte_size, Tracing tracing) {
  if (hello.magic != kChannelMagic || hello.version != kChannelVersion || hello.max_calls == 0 ||
      hello.max_calls > kMostCalls) {
    return InvalidArgument("the peer speaks another version of the channel");
  }
  Parts parts;
  ASSIGN_OR_RETURN(const std::size_t region_size, SealedByteSize(region.get()));
  ASSIGN_OR_RETURN(parts.region, Mapping::Map(region.get(), region_size));
  parts.shape = {std::bit_ceil(hello.max_calls), kAnswerSlots, 2 * hello.max_calls, kReleaseIndexes};
  const std::size_t control_size = ChannelMemory::ByteSize(parts.shape);
  ASSIGN_OR_RETURN(const FileDescriptor control, CreateMemfd("triton_lite_rings", control_size));
  ASSIGN_OR_RETURN(parts.control, Mapping::Map(control.get(), control_size));
  ChannelMemory(parts.control, parts.shape)
      .header()
      .tracing.store(static_cast<std::uint32_t>(tracing), std::memory_order_relaxed);
  ArenaOptions arena;
  arena.name = "triton_lite_answers";
  arena.budget_byte_size = answer_budget_byte_size;
  ASSIGN_OR_RETURN(parts.answers, Arena::Create(arena));
  parts.engine_event = MakeEvent();
  parts.client_event = MakeEvent();
  if (!parts.engine_event.valid() || !parts.client_event.valid()) {
    return Unavailable("unable to make the events of a peer: too many open files");
  }
  const triton_lite::Welcome welcome{.shape = parts.shape};
  const int descriptors[] = {control.get(), parts.engine_event.get(), parts.client_event.get(),
                             parts.answers->base_descriptor()};
  if (SendStruct(socket.get(), welcome, descriptors) != PacketState::kDone) {
    return Unavailable("the peer hung up during the handshake");
  }
  parts.info = InfoOf(socket.get(), hello);
  parts.stream_window = hello.stream_window;
  parts.socket = std::move(socket);
  return std::shared_ptr<Peer>(new Peer(std::move(parts)));
}

Peer::Peer(Parts parts)
    : info_(std::move(parts.info)),
      stream_window_(parts.stream_window),
      socket_(std::move(parts.socket)),
      engine_event_(std::move(parts.engine_event)),
      client_event_(std::move(parts.client_event)),
      answers_(std::move(parts.answers)),
      memory_(std::move(parts.control), parts.shape),
      regions_(socket_.get(), std::move(parts.region)),
      active_(parts.shape.call_indexes),
      held_(parts.shape.release_indexes) {
  for (std::uint32_t i = parts.shape.release_indexes; i > 0; --i) {
    free_releases_.push_back(i - 1);
  }
}

Peer::~Peer() = default;

Peer::Taken Peer::TakeCall(CallPtr* call) {
  const std::uint64_t tail = memory_.header().calls_tail.load(std::memory_order_acquire);
  if (tail == calls_head_) {
    return Taken::kNothing;
  }
  if (tail - calls_head_ > memory_.shape().call_slots) {
    return Taken::kNonsense;
  }
  auto taken = std::make_shared<RingCall>(shared_from_this());
  if (!taken->Read(memory_.call_slot(calls_head_), regions_)) {
    return Taken::kNonsense;
  }
  ++calls_head_;
  const std::uint32_t index = IndexOf(taken->id());
  if (index >= active_.size()) {
    return Taken::kNonsense;
  }
  if (const auto previous = active_[index].lock(); previous != nullptr && !previous->ended()) {
    return Taken::kNonsense;
  }
  active_[index] = taken;
  taken->Accept();
  // The cancel may have come before the call.
  if (memory_.cancel_word(index).load(std::memory_order_relaxed) == taken->id()) {
    taken->Cancel();
  }
  *call = std::move(taken);
  return Taken::kCall;
}

bool Peer::HasWork() const {
  const ChannelHeader& header = memory_.header();
  return header.calls_tail.load(std::memory_order_relaxed) != calls_head_ ||
         header.client_signals.load(std::memory_order_relaxed) != 0;
}

void Peer::ServeSignals() {
  std::atomic<std::uint32_t>& signals = memory_.header().client_signals;
  if (signals.load(std::memory_order_relaxed) == 0) {
    return;
  }
  signals.exchange(0, std::memory_order_acq_rel);
  std::vector<std::shared_ptr<RingCall>> cancelled;
  memory_.cancelled.Collect([this, &cancelled](std::uint32_t index) {
    auto call = active_[index].lock();
    if (call != nullptr && call->id() == memory_.cancel_word(index).load(std::memory_order_relaxed)) {
      cancelled.push_back(std::move(call));
    }
  });
  CancelAll(cancelled);
  CollectReleases();
  OfferCredit();
}

std::uint64_t Peer::taken_answers(std::uint64_t call) const {
  const std::uint64_t word = memory_.taken_word(IndexOf(call)).load(std::memory_order_acquire);
  return IsTakenOf(word, call) ? word & 0xFFFFFFFF : 0;
}

void Peer::AwaitCredit(std::weak_ptr<RingCall> call) {
  MutexLock lock(credit_mu_);
  awaiting_credit_.push_back(std::move(call));
  memory_.header().credit_wanted.store(1, std::memory_order_relaxed);
}

void Peer::OfferCredit() {
  std::vector<std::weak_ptr<RingCall>> waiting;
  {
    MutexLock lock(credit_mu_);
    waiting.swap(awaiting_credit_);
    memory_.header().credit_wanted.store(0, std::memory_order_relaxed);
  }
  for (const std::weak_ptr<RingCall>& entry : waiting) {
    if (const auto call = entry.lock()) {
      call->OfferCredit();  // Waits again if it is still too early.
    }
  }
}

void Peer::SetReaderSleeps(bool sleeps) {
  memory_.header().engine_sleeps.store(sleeps ? 1 : 0, std::memory_order_relaxed);
}

void Peer::HangUp() {
  hung_up_.store(true);
  shutdown(socket_.get(), SHUT_RDWR);
  std::deque<OutgoingFrame> parked;
  std::vector<Owners> held;
  {
    MutexLock lock(answers_mu_);
    parked.swap(parked_);
    held.swap(held_);
    free_releases_.clear();
  }
  std::vector<std::shared_ptr<RingCall>> cancelled;
  for (const auto& entry : active_) {
    if (auto call = entry.lock()) {
      cancelled.push_back(std::move(call));
    }
  }
  CancelAll(cancelled);
}

Result<Buffer> Peer::Allocate(std::size_t byte_size) {
  auto buffer = answers_->Allocate(byte_size);
  if (!buffer.ok()) {
    CollectReleases();
    return answers_->Allocate(byte_size);
  }
  return buffer;
}

Status Peer::Encode(const Answer& answer, OutgoingFrame* frame) {
  std::vector<FramePiece> pieces;
  pieces.reserve(answer.segments.size());
  for (const Buffer& segment : answer.segments) {
    pieces.push_back({segment.bytes(), segment.owner});
  }
  const std::string_view text = answer.status.ok() ? answer.message : answer.status.message();
  return BuildFrame(*answers_, AsBytes(text), {}, pieces, frame);
}

void Peer::Send(std::uint64_t call, const Answer& answer, bool last, bool many) {
  if (hung_up_.load(std::memory_order_relaxed)) {
    return;
  }
  OutgoingFrame frame;
  Code code = answer.status.code();
  Status encoded = Encode(answer, &frame);
  if (!encoded.ok()) {
    CollectReleases();
    frame.owners.clear();
    frame.regions.clear();
    encoded = Encode(answer, &frame);
  }
  if (!encoded.ok()) {
    frame = OutgoingFrame();
    code = code == Code::kOk ? encoded.code() : code;
    const std::string_view text = answer.status.ok() ? encoded.message() : answer.status.message();
    (void)BuildFrame(*answers_, AsBytes(text.substr(0, kShortText)), {}, {}, &frame);
  }
  SlotHead& head = frame.slot.head;
  head.call = call;
  head.method_or_code = static_cast<std::uint16_t>(code);
  head.flags |= (last ? kSlotLast : 0) | (answer.traced ? kSlotTraced : 0) | (many ? kSlotMany : 0);
  {
    MutexLock lock(answers_mu_);
    if (!parked_.empty() || !TryPublish(frame)) {
      parked_.push_back(std::move(frame));
      memory_.header().answers_parked.store(1, std::memory_order_relaxed);
      // The client may have made room before it could see the flag.
      FullFence();
      FlushParked();
    }
  }
  WakeClient();
}

void Peer::WakeClient() { WakeIfAsleep(memory_.header().client_sleeps, client_event_.get()); }

bool Peer::TryPublish(OutgoingFrame& frame) {
  if (hung_up_.load(std::memory_order_relaxed)) {
    return true;
  }
  if (!HasRoom() || (!frame.owners.empty() && free_releases_.empty()) || !Announce(frame)) {
    return false;
  }
  if (!frame.owners.empty()) {
    frame.slot.head.metadata_size_or_release = free_releases_.back();
    free_releases_.pop_back();
    held_[frame.slot.head.metadata_size_or_release] = std::move(frame.owners);
  }
  WriteSlot(frame.slot, &memory_.answer_slot(answers_tail_));
  memory_.header().engine_core.store(CurrentCore(), std::memory_order_relaxed);
  memory_.header().answers_tail.store(++answers_tail_, std::memory_order_release);
  return true;
}

bool Peer::HasRoom() {
  if (answers_tail_ - answers_head_ < memory_.shape().answer_slots) {
    return true;
  }
  // A head that makes no sense leaves the ring full: the peer only hurts itself.
  const std::uint64_t head = memory_.header().answers_head.load(std::memory_order_acquire);
  if (head > answers_head_ && head <= answers_tail_) {
    answers_head_ = head;
    return true;
  }
  return false;
}

bool Peer::Announce(const OutgoingFrame& frame) {
  if (!frame.regions.empty()) {
    const auto retired = answers_->TakeRetired();
    regions_gone_.insert(regions_gone_.end(), retired.begin(), retired.end());
  }
  while (!regions_gone_.empty()) {
    const Note note{Note::kRegionGone, regions_gone_.back()};
    if (SendStruct(socket_.get(), note) == PacketState::kWouldBlock) {
      return false;
    }
    regions_gone_.pop_back();
  }
  for (const std::uint32_t region : frame.regions) {
    const int fd = answers_->DescriptorToAnnounce(region);
    if (fd < 0) {
      continue;
    }
    if (SendStruct(socket_.get(), Note{Note::kRegion, region}, std::span(&fd, 1)) == PacketState::kWouldBlock) {
      return false;
    }
    answers_->MarkAnnounced(region);
  }
  return true;
}

void Peer::FlushParked() {
  while (!parked_.empty() && TryPublish(parked_.front())) {
    parked_.pop_front();
  }
  if (parked_.empty()) {
    memory_.header().answers_parked.store(0, std::memory_order_relaxed);
  }
}

void Peer::CollectReleases() {
  std::vector<Owners> released;  // Freed without the lock.
  bool flushed = false;
  {
    MutexLock lock(answers_mu_);
    memory_.answers_released.Collect([&](std::uint32_t index) NO_THREAD_SAFETY_ANALYSIS {  // Called under answers_mu_.
      if (index < held_.size() && !held_[index].empty()) {
        released.push_back(std::move(held_[index]));
        held_[index].clear();
        free_releases_.push_back(index);
      }
    });
    if (!parked_.empty()) {
      FlushParked();
      flushed = true;
    }
  }
  if (flushed) {
    WakeClient();
  }
}

void Peer::ReleaseRequest(std::uint32_t index, std::uint64_t byte_size) {
  memory_.requests_released.Set(index);
  memory_.header().engine_signals.store(1, std::memory_order_release);
  if (byte_size >= kLargeByteSize) {
    WakeClient();
  }
}

void Peer::SayGoodbye() {
  MutexLock lock(answers_mu_);
  (void)SendStruct(socket_.get(), Note{Note::kGoodbye, 0});
}

}  // namespace triton_lite
