#include "model_process/lane.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "channel/socket.h"

namespace triton_lite::model_process {
namespace {

constexpr unsigned kRegionShift = 48;

std::uint64_t PlaceOf(const ArenaPlace& place) {
  return (static_cast<std::uint64_t>(place.region) << kRegionShift) | place.offset;
}

std::vector<std::byte> MakePacket(const Header& header, Bytes body) {
  std::vector<std::byte> packet(sizeof(Header) + body.size());
  std::memcpy(packet.data(), &header, sizeof(Header));
  if (!body.empty()) {
    std::memcpy(packet.data() + sizeof(Header), body.data(), body.size());
  }
  return packet;
}

}  // namespace

Result<std::unique_ptr<Lane>> Lane::Make(FileDescriptor socket, const char* arena_name, const FileDescriptor* wake) {
  ArenaOptions options;
  options.name = arena_name;
  ASSIGN_OR_RETURN(std::shared_ptr<Arena> arena, Arena::Create(options));
  constexpr int kBufferSize = 1 << 20;  // As much of it as the system grants.
  (void)setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kBufferSize, sizeof(kBufferSize));
  std::unique_ptr<Lane> lane(new Lane(std::move(socket), std::move(arena), wake));
  {
    MutexLock lock(lane->mu_);
    Header header{.kind = kRegion, .id = 0, .length = lane->arena_->base_byte_size()};
    lane->Post({MakePacket(header, {}), lane->arena_->base_descriptor(), {}});
  }
  return lane;
}

Lane::Lane(FileDescriptor socket, std::shared_ptr<Arena> arena, const FileDescriptor* wake)
    : socket_(std::move(socket)), arena_(std::move(arena)), wake_(wake), incoming_(kMaxPacket) {}

std::uint64_t Lane::Lend(const Buffer& buffer) {
  const std::optional<ArenaPlace> located = arena_->Locate(buffer.bytes());
  if (!located.has_value()) {
    return 0;  // Callers lend what they allocated here.
  }
  const std::uint64_t place = PlaceOf(*located);
  MutexLock lock(mu_);
  for (const std::uint32_t gone : arena_->TakeRetired()) {
    Post({MakePacket({.kind = kRegionGone, .id = gone}, {}), -1, {}});
  }
  AnnounceRegion(buffer, located->region);
  lent_.emplace(place, buffer);
  return place;
}

void Lane::AnnounceRegion(const Buffer& buffer, std::uint32_t region) {
  const int descriptor = region == 0 ? -1 : arena_->DescriptorToAnnounce(region);
  if (descriptor < 0) {
    return;
  }
  arena_->MarkAnnounced(region);
  const Result<std::size_t> byte_size = SealedByteSize(descriptor);
  const Header header{.kind = kRegion, .id = region, .length = byte_size.ok() ? *byte_size : 0};
  Post({MakePacket(header, {}), descriptor, buffer});
}

void Lane::Release(std::uint64_t place) {
  Buffer released;  // Freed without the lock.
  MutexLock lock(mu_);
  const auto it = lent_.find(place);
  if (it != lent_.end()) {
    released = std::move(it->second);
    lent_.erase(it);
  }
}

Buffer Lane::FindLent(std::uint64_t place, std::uint64_t byte_size) const {
  MutexLock lock(mu_);
  auto it = lent_.upper_bound(place);
  if (it == lent_.begin()) {
    return {};
  }
  --it;
  const Buffer& block = it->second;
  const std::uint64_t offset = place - it->first;
  if (offset > block.size || byte_size > block.size - offset) {
    return {};
  }
  Buffer part = block;
  part.data += offset;
  part.size = byte_size;
  return part;
}

Status Lane::Send(Header header, Bytes body) {
  header.length = body.size();
  if (sizeof(Header) + body.size() > kMaxPacket) {
    ASSIGN_OR_RETURN(const Buffer away, arena_->Allocate(body.size()));
    std::memcpy(away.data, body.data(), body.size());
    header.flags |= kAway;
    header.place = Lend(away);
    body = {};
  }
  MutexLock lock(mu_);
  Post({MakePacket(header, body), -1, {}});
  return {};
}

void Lane::Post(Packet packet) {
  if (!backlog_.empty() || !TrySend(packet)) {
    backlog_.push_back(std::move(packet));
    (void)eventfd_write(wake_->get(), 1);
  }
}

// Whether nothing is left to be done about it.
bool Lane::TrySend(const Packet& packet) {
  const std::span<const int> descriptors(&packet.descriptor, packet.descriptor >= 0 ? 1 : 0);
  switch (SendPacket(socket_.get(), packet.bytes, descriptors)) {
    case PacketState::kDone:
      return true;
    case PacketState::kWouldBlock:
      return false;
    case PacketState::kGone:
      ShutDown();
      return true;
  }
  return true;
}

bool Lane::has_backlog() const {
  MutexLock lock(mu_);
  return !backlog_.empty();
}

void Lane::Flush() {
  MutexLock lock(mu_);
  while (!backlog_.empty() && TrySend(backlog_.front())) {
    backlog_.pop_front();
  }
}

Lane::State Lane::Receive(Received* received) {
  triton_lite::Packet packet = ReceivePacket(socket_.get(), incoming_);
  if (packet.state != PacketState::kDone) {
    return packet.state == PacketState::kWouldBlock ? State::kNothing : State::kGone;
  }
  if (packet.size < sizeof(Header)) {
    return State::kGone;
  }
  std::memcpy(&received->header, incoming_.data(), sizeof(Header));
  received->body = Bytes(incoming_).first(packet.size).subspan(sizeof(Header));
  received->file = FileDescriptor();
  if (!packet.descriptors.empty()) {
    received->file = std::move(packet.descriptors[0]);
  }
  return State::kDone;
}

void Lane::ShutDown() { (void)shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace triton_lite::model_process
