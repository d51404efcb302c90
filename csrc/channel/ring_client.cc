#include "channel/ring_client.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace triton_lite {
namespace {

constexpr const char* kEngineGone = "the inference engine went away";

FileDescriptor MakeEvents(std::initializer_list<int> events, int socket) {
  FileDescriptor set(epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : events) {
    // Each ring counts as new, so that nobody has to read the event.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event);
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
  epoll_ctl(set.get(), EPOLL_CTL_ADD, socket, &event);
  return set;
}

// Takes what woke `set`; whether `socket` has something to say.
bool ConsumeEvents(int set, int socket) {
  epoll_event events[4];
  const int count = epoll_wait(set, events, 4, 0);
  return std::any_of(events, events + std::max(0, count), [=](const auto& event) { return event.data.fd == socket; });
}

}  // namespace

RingClient::RingClient(const RingClientOptions& options, std::shared_ptr<RingLink> link,
                       std::shared_ptr<Arena> requests)
    : max_calls_(options.max_calls),
      link_(std::move(link)),
      requests_(std::move(requests)),
      bodies_(std::make_shared<BodyRegistry>()),
      local_event_(MakeEvent()),
      loop_events_(MakeEvents({link_->client_event.get(), local_event_.get()}, link_->socket.get())),
      thread_events_(MakeEvents({link_->client_event.get()}, link_->socket.get())),
      calls_(link_->memory.shape().call_indexes),
      regions_(link_->socket.get(), link_->answer_base) {}

RingClient::~RingClient() {
  // The engine may still read what it was sent.
  requests_->Abandon();
}

bool RingClient::valid() const { return local_event_.valid() && loop_events_.valid() && thread_events_.valid(); }

Result<CallId> RingClient::Send(Method method, const CallBody& body) {
  if (!body.lent.empty()) {
    return Unimplemented("memory can only be lent to an engine in the same process");
  }
  if (!connected()) {
    return Unavailable(kEngineGone);
  }
  OutgoingFrame frame;
  RETURN_IF_ERROR(Encode(body, &frame));
  Owners released;
  auto call = Publish(method, &frame, &released);
  if (call.ok()) {
    link_->WakeEngine();
  }
  return call;
}

Status RingClient::Encode(const CallBody& body, OutgoingFrame* frame) {
  constexpr std::size_t kFew = 8;
  FramePiece few[kFew];
  std::vector<FramePiece> many;
  FramePiece* pieces = few;
  if (body.segments.size() > kFew) {
    many.resize(body.segments.size());
    pieces = many.data();
  }
  for (std::size_t i = 0; i < body.segments.size(); ++i) {
    pieces[i] = {body.segments[i], bodies_->OwnerOf(body.segments[i])};
  }
  const std::span<const FramePiece> all(pieces, body.segments.size());
  Status status = BuildFrame(*requests_, AsBytes(body.message), AsBytes(body.metadata), all, frame);
  if (!status.ok()) {
    FreeReleased();
    frame->owners.clear();
    frame->regions.clear();
    status = BuildFrame(*requests_, AsBytes(body.message), AsBytes(body.metadata), all, frame);
  }
  return status;
}

Result<CallId> RingClient::Publish(Method method, OutgoingFrame* frame, Owners* released) {
  MutexLock lock(mu_);
  if (!connected()) {
    return Unavailable(kEngineGone);
  }
  CollectReleases(released);
  if (calls_.in_flight() >= max_calls_ || calls_.full()) {
    return Unavailable("the bound of " + std::to_string(max_calls_) + " calls in flight is reached");
  }
  if (!Announce(*frame)) {
    return Unavailable("the inference engine does not keep up");
  }
  const CallTable::Entry& entry = calls_.Open(std::move(frame->owners));
  frame->slot.head.call = entry.id;
  frame->slot.head.method_or_code = static_cast<std::uint16_t>(method);
  link_->memory.taken_word(IndexOf(entry.id)).store(TakenWord(entry.id, 0), std::memory_order_relaxed);
  // Never full: there are as many slots as calls in flight.
  WriteSlot(frame->slot, &link_->memory.call_slot(calls_tail_));
  link_->memory.header().client_core.store(CurrentCore(), std::memory_order_relaxed);
  link_->memory.header().calls_tail.store(++calls_tail_, std::memory_order_release);
  return entry.id;
}

bool RingClient::Announce(const OutgoingFrame& frame) {
  if (frame.regions.empty()) {
    return true;
  }
  const auto retired = requests_->TakeRetired();
  regions_gone_.insert(regions_gone_.end(), retired.begin(), retired.end());
  while (!regions_gone_.empty()) {
    if (SendStruct(link_->socket.get(), Note{Note::kRegionGone, regions_gone_.back()}) == PacketState::kWouldBlock) {
      return false;
    }
    regions_gone_.pop_back();
  }
  for (const std::uint32_t region : frame.regions) {
    const int fd = requests_->DescriptorToAnnounce(region);
    if (fd < 0) {
      continue;
    }
    const Note note{Note::kRegion, region};
    if (SendStruct(link_->socket.get(), note, std::span(&fd, 1)) == PacketState::kWouldBlock) {
      return false;
    }
    requests_->MarkAnnounced(region);
  }
  return true;
}

void RingClient::CollectReleases(Owners* released) {
  std::atomic<std::uint32_t>& signals = link_->memory.header().engine_signals;
  if (signals.load(std::memory_order_relaxed) == 0) {
    return;
  }
  signals.exchange(0, std::memory_order_acq_rel);
  link_->memory.requests_released.Collect([&](std::uint32_t index) NO_THREAD_SAFETY_ANALYSIS {  // Called under mu_.
    Owners owners = calls_.ReleaseMemory(index);
    std::move(owners.begin(), owners.end(), std::back_inserter(*released));
  });
}

void RingClient::FreeReleased() {
  Owners released;
  MutexLock lock(mu_);
  CollectReleases(&released);
}

Result<Buffer> RingClient::AllocateBody(std::size_t byte_size) {
  auto memory = requests_->Allocate(byte_size);
  if (!memory.ok()) {
    FreeReleased();
    memory = requests_->Allocate(byte_size);
  }
  if (!memory.ok()) {
    return memory.status();
  }
  return bodies_->Register(*std::move(memory));
}

void RingClient::Cancel(CallId call) {
  {
    MutexLock lock(mu_);
    const CallTable::Entry* entry = calls_.Find(call);
    if (entry == nullptr || entry->last_received) {
      return;
    }
    link_->memory.cancel_word(IndexOf(call)).store(call, std::memory_order_relaxed);
    link_->memory.cancelled.Set(IndexOf(call));
  }
  link_->SignalEngine();
}

bool RingClient::AnswersWait() const {
  return link_->memory.header().answers_tail.load(std::memory_order_acquire) !=
         answers_head_.load(std::memory_order_relaxed);
}

bool RingClient::SharesCore() const {
  return link_->memory.header().engine_core.load(std::memory_order_relaxed) == CurrentCore();
}

void RingClient::Drain(Owners* released) {
  ChannelHeader& header = link_->memory.header();
  std::uint64_t head = answers_head_.load(std::memory_order_relaxed);
  const std::uint64_t tail = header.answers_tail.load(std::memory_order_acquire);
  if (tail - head > link_->memory.shape().answer_slots) {
    Lose(released);  // More than there is room for: the engine is out of its mind.
  }
  if (tail != head && connected()) {
    for (; head != tail; ++head) {
      auto answer = std::make_unique<RingAnswer>(link_);
      if (!answer->Read(link_->memory.answer_slot(head), regions_)) {
        Lose(released);
        return;
      }
      Route(std::move(answer));
    }
    answers_head_.store(head, std::memory_order_relaxed);
    header.answers_head.store(head, std::memory_order_release);
    FullFence();
    if (header.answers_parked.load(std::memory_order_relaxed) != 0) {
      link_->SignalEngine();
    }
  }
  CollectReleases(released);
}

void RingClient::Route(ReceivedAnswerPtr answer) {
  CallTable::Entry* const entry = calls_.Find(answer->call());
  if (entry == nullptr || entry->last_received) {
    return;
  }
  entry->last_received = answer->last();
  if (!entry->waited) {
    unclaimed_.push_back(std::move(answer));
    if (loop_armed_) {
      Ring(local_event_.get());
      loop_armed_ = false;
    }
    return;
  }
  entry->answers.push_back(std::move(answer));
  for (Follower* follower : followers_) {
    if (follower->call == entry->id) {
      follower->parking.Call();
    }
  }
  if (leader_sleeps_ && leader_call_ == entry->id) {
    Ring(link_->client_event.get());
  }
}

void RingClient::CheckSocket(Owners* released) {
  if (connected() && regions_.ReceiveNotes() != RegionTable::State::kOpen) {
    Drain(released);  // What was answered before.
    Lose(released);
  }
}

void RingClient::Lose(Owners* released) {
  if (!connected_.exchange(false)) {
    return;
  }
  requests_->Abandon();
  epoll_ctl(loop_events_.get(), EPOLL_CTL_DEL, link_->socket.get(), nullptr);
  epoll_ctl(thread_events_.get(), EPOLL_CTL_DEL, link_->socket.get(), nullptr);
  std::uint32_t index = 0;
  for (CallTable::Entry& entry : calls_.entries()) {
    if (entry.id != 0 && !entry.last_received) {
      Route(std::make_unique<LocalAnswer>(entry.id, Unavailable(kEngineGone)));
    }
    Owners owners = calls_.ReleaseMemory(index++);
    std::move(owners.begin(), owners.end(), std::back_inserter(*released));
  }
  // Whoever sleeps looks at connected() again.
  Ring(link_->client_event.get());
  Ring(local_event_.get());
}

std::vector<ReceivedAnswerPtr> RingClient::TakeUnclaimed() {
  for (const ReceivedAnswerPtr& answer : unclaimed_) {
    Take(*answer);
  }
  return std::exchange(unclaimed_, {});
}

void RingClient::Take(const ReceivedAnswer& answer) {
  CallTable::Entry* const entry = calls_.Find(answer.call());
  if (entry != nullptr && answer.last()) {
    calls_.End(*entry);
  }
}

std::vector<ReceivedAnswerPtr> RingClient::Poll() {
  Owners released;
  {
    MutexLock lock(mu_);
    if (loop_armed_) {
      loop_armed_ = false;
      link_->memory.header().client_sleeps.fetch_and(~std::uint32_t{kLoopSleeps}, std::memory_order_acq_rel);
    }
    Drain(&released);
    if (!unclaimed_.empty() || calls_.in_flight() == 0) {
      return TakeUnclaimed();
    }
  }
  if (!polling_.exchange(true, std::memory_order_acquire)) {
    (void)loop_look_.Look([this] { return AnswersWait(); }, SharesCore());
    polling_.store(false, std::memory_order_release);
  }
  MutexLock lock(mu_);
  Drain(&released);
  if (unclaimed_.empty()) {
    CheckSocket(&released);
  }
  return TakeUnclaimed();
}

bool RingClient::ArmWakeup() {
  Owners released;
  MutexLock lock(mu_);
  // What woke the loop last time counts no more.
  const bool has_notes = ConsumeEvents(loop_events_.get(), link_->socket.get());
  link_->memory.header().client_sleeps.fetch_or(kLoopSleeps, std::memory_order_acq_rel);
  FullFence();
  if (has_notes) {
    CheckSocket(&released);
  }
  if (!AnswersWait() && unclaimed_.empty()) {
    loop_armed_ = true;
    return true;
  }
  link_->memory.header().client_sleeps.fetch_and(~std::uint32_t{kLoopSleeps}, std::memory_order_acq_rel);
  return !connected() && unclaimed_.empty();
}

Result<std::unique_ptr<ChannelClient>> ConnectRings(const RingClientOptions& options) {
  RingClientOptions checked = options;
  checked.max_calls = std::clamp<std::uint32_t>(options.max_calls, 1, kMostCalls);
  ArenaOptions arena;
  arena.name = "triton_lite_requests";
  arena.budget_byte_size = options.body_budget_byte_size;
  ASSIGN_OR_RETURN(auto requests, Arena::Create(arena));
  ASSIGN_OR_RETURN(auto link, RingLink::Connect(checked, *requests));
  auto client = std::make_unique<RingClient>(checked, std::move(link), std::move(requests));
  if (!client->valid()) {
    return Unavailable("unable to make the events of the channel: too many open files");
  }
  return std::unique_ptr<ChannelClient>(std::move(client));
}

}  // namespace triton_lite
