#include "channel/reader.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <span>
#include <utility>

#include "channel/socket.h"
#include "channel/wakeup.h"

namespace triton_lite {
namespace {

constexpr unsigned kTagBits = 2;
// Calls that one peer gets served before the next one's turn.
constexpr int kCallsInARow = 16;
// Rounds over busy rings between two looks at the sockets.
constexpr unsigned kRoundsBetweenEvents = 64;
constexpr std::size_t kMostGreetings = 64;

}  // namespace

Reader::Reader(const ChannelServerOptions& options, int listener, CallHandler* handler)
    : options_(options),
      listener_(listener),
      handler_(handler),
      events_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(MakeEvent()),
      idle_since_(NowNanoseconds()),
      role_(options.handover_microseconds, options.reader_threads > 1) {
  Watch(listener_, kListener, EPOLLIN);
  Watch(wake_.get(), kWake, EPOLLIN);
}

void Reader::Run(bool first) {
  if (first) {
    Read();
  }
  while (role_.Watch()) {
    Read();
  }
}

void Reader::Stop() {
  stopped_.store(true);
  role_.Stop();
  Ring(wake_.get());
}

void Reader::SayGoodbye() {
  for (const Entry& entry : peers_) {
    entry.peer->SayGoodbye();
  }
  peers_.clear();
  greetings_.clear();
  peer_count_.store(0);
}

void Reader::Read() {
  while (!stopped_.load(std::memory_order_relaxed)) {
    const Served served = ServePeers();
    if (served == Served::kRoleLost) {
      return;
    }
    if (served == Served::kSomething) {
      if (++busy_rounds_ >= kRoundsBetweenEvents) {
        busy_rounds_ = 0;
        ServeEvents(0);
      }
      continue;
    }
    if (peers_.empty() || !look_.Look([this] { return HasWork(); }, client_core_ == CurrentCore())) {
      Sleep();
    }
  }
}

Reader::Served Reader::ServePeers() {
  Served all = Served::kNothing;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const Served one = ServePeer(i);
    if (one == Served::kRoleLost) {
      return one;
    }
    if (one == Served::kSomething) {
      all = one;
    }
  }
  return all;
}

Reader::Served Reader::ServePeer(std::size_t position) {
  Served served = Served::kNothing;
  for (int i = 0; i < kCallsInARow; ++i) {
    CallPtr call;
    const Peer::Taken taken = peers_[position].peer->TakeCall(&call);
    if (taken == Peer::Taken::kNonsense) {
      Drop(position);
      return Served::kSomething;
    }
    if (taken == Peer::Taken::kNothing) {
      break;
    }
    served = Served::kSomething;
    client_core_ = peers_[position].peer->client_core();
    if (!Deliver(std::move(call))) {
      return Served::kRoleLost;
    }
  }
  peers_[position].peer->ServeSignals();
  return served;
}

bool Reader::Deliver(CallPtr call) {
  const std::uint64_t entered = role_.Enter();
  handler_->Handle(std::move(call));
  return role_.Leave(entered);
}

bool Reader::HasWork() const {
  return stopped_.load(std::memory_order_relaxed) ||
         std::any_of(peers_.begin(), peers_.end(), [](const Entry& entry) { return entry.peer->HasWork(); });
}

void Reader::Sleep() {
  SetAsleep(true);
  FullFence();
  ServeEvents(HasWork() ? 0 : -1);
  SetAsleep(false);
}

void Reader::SetAsleep(bool asleep) {
  for (const Entry& entry : peers_) {
    entry.peer->SetReaderSleeps(asleep);
  }
}

void Reader::ServeEvents(int timeout_milliseconds) {
  epoll_event events[32];
  const int count = epoll_wait(events_.get(), events, std::size(events), timeout_milliseconds);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = events[i].data.u64;
    switch (tag & ((1u << kTagBits) - 1)) {
      case kListener:
        Accept();
        break;
      case kSocket:
        OnSocket(tag >> kTagBits);
        break;
      default:
        break;  // The rings are looked at anyway.
    }
  }
}

void Reader::Accept() {
  FileDescriptor socket(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    return;
  }
  if (greetings_.size() >= kMostGreetings) {
    greetings_.erase(greetings_.begin());  // Whoever has been silent longest.
  }
  const std::uint64_t number = next_number_++;
  Watch(socket.get(), number << kTagBits | kSocket, EPOLLIN);
  greetings_.push_back({number, std::move(socket)});
}

void Reader::OnSocket(std::uint64_t number) {
  const auto has_number = [number](const auto& entry) { return entry.number == number; };
  const auto greeting = std::find_if(greetings_.begin(), greetings_.end(), has_number);
  if (greeting != greetings_.end()) {
    Greet(static_cast<std::size_t>(greeting - greetings_.begin()));
    return;
  }
  const auto entry = std::find_if(peers_.begin(), peers_.end(), has_number);
  if (entry != peers_.end() && entry->peer->ReceiveNotes() != RegionTable::State::kOpen) {
    Drop(static_cast<std::size_t>(entry - peers_.begin()));
  }
}

void Reader::Greet(std::size_t position) {
  Hello hello;
  Packet packet = ReceivePacket(greetings_[position].socket.get(), std::as_writable_bytes(std::span(&hello, 1)));
  if (packet.state == PacketState::kWouldBlock) {
    return;
  }
  const std::uint64_t number = greetings_[position].number;
  FileDescriptor socket = std::move(greetings_[position].socket);
  greetings_.erase(greetings_.begin() + static_cast<std::ptrdiff_t>(position));
  if (packet.state != PacketState::kDone || packet.size != sizeof(hello) || packet.descriptors.size() != 1) {
    return;
  }
  auto peer = Welcome(std::move(socket), hello, std::move(packet.descriptors[0]));
  if (!peer.ok()) {
    return;
  }
  // Each ring of the event counts as new, so that nobody has to read it.
  Watch((*peer)->event(), number << kTagBits | kRing, EPOLLIN | EPOLLET);
  peers_.push_back({number, *std::move(peer)});
  peer_count_.store(peers_.size(), std::memory_order_relaxed);
  idle_since_.store(0, std::memory_order_relaxed);
}

Result<std::shared_ptr<Peer>> Reader::Welcome(FileDescriptor socket, const Hello& hello, FileDescriptor region) {
  MutexLock lock(welcomed_mu_);
  ASSIGN_OR_RETURN(auto peer, Peer::Welcome(std::move(socket), hello, std::move(region),
                                            options_.answer_budget_byte_size, tracing_));
  std::erase_if(welcomed_, [](const auto& entry) { return entry.expired(); });
  welcomed_.push_back(peer);
  return peer;
}

std::vector<PeerInfo> Reader::peers() const {
  std::vector<PeerInfo> infos;
  MutexLock lock(welcomed_mu_);
  for (const auto& entry : welcomed_) {
    if (const auto peer = entry.lock()) {
      infos.push_back(peer->info());
    }
  }
  return infos;
}

void Reader::SetTracing(Tracing tracing) {
  MutexLock lock(welcomed_mu_);
  tracing_ = tracing;
  for (const auto& entry : welcomed_) {
    if (const auto peer = entry.lock()) {
      peer->SetTracing(tracing);
    }
  }
}

void Reader::Drop(std::size_t position) {
  const std::shared_ptr<Peer> peer = std::move(peers_[position].peer);
  peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(position));
  peer_count_.store(peers_.size(), std::memory_order_relaxed);
  if (peers_.empty()) {
    idle_since_.store(NowNanoseconds(), std::memory_order_relaxed);
  }
  // Running calls keep the descriptors open.
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, peer->socket(), nullptr);
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, peer->event(), nullptr);
  peer->HangUp();
}

void Reader::Watch(int fd, std::uint64_t tag, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event);
}

}  // namespace triton_lite
