#include "channel/region_table.h"

namespace triton_lite {

RegionTable::State RegionTable::ReceiveNotes() {
  while (state_ == State::kOpen) {
    Note note;
    Packet packet = ReceivePacket(socket_, std::as_writable_bytes(std::span(&note, 1)));
    if (packet.state == PacketState::kWouldBlock) {
      break;
    }
    state_ = packet.state == PacketState::kDone && packet.size == sizeof(note) ? Take(note, std::move(packet))
                                                                               : State::kGone;
  }
  return state_;
}

RegionTable::State RegionTable::Take(const Note& note, Packet packet) {
  switch (note.kind) {
    case Note::kGoodbye:
      return State::kGoodbye;
    case Note::kRegionGone:
      further_.erase(note.region);
      return State::kOpen;
    case Note::kRegion:
      break;
    default:
      return State::kGone;
  }
  if (packet.descriptors.size() != 1 || note.region == 0 || further_.size() >= kMostRegions) {
    return State::kGone;
  }
  const int fd = packet.descriptors[0].get();
  const auto byte_size = SealedByteSize(fd);
  if (!byte_size.ok()) {
    return State::kGone;
  }
  auto mapping = Mapping::Map(fd, *byte_size);
  if (!mapping.ok() || !further_.emplace(note.region, *mapping).second) {
    return State::kGone;
  }
  return State::kOpen;
}

std::shared_ptr<Mapping> RegionTable::FindRegion(std::uint32_t region) {
  if (region == 0) {
    return base_;
  }
  auto it = further_.find(region);
  if (it == further_.end()) {
    (void)ReceiveNotes();
    it = further_.find(region);
  }
  return it == further_.end() ? nullptr : it->second;
}

}  // namespace triton_lite
