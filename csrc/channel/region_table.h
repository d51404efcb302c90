// What a side knows of the other one's arena: the regions that came over the socket, by number.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "channel/frame.h"
#include "channel/socket.h"
#include "memory/memfd.h"

namespace triton_lite {

// Not thread-safe.
class RegionTable : public RegionSource {
 public:
  // `socket` is the owner's and outlives the table.
  RegionTable(int socket, std::shared_ptr<Mapping> base) : socket_(socket), base_(std::move(base)) {}

  enum class State { kOpen, kGoodbye, kGone };

  // Takes what came over the socket; kGone as well when it makes no sense.
  State ReceiveNotes();

  // The note of a region that is not known yet is on its way before the frame that names it.
  std::shared_ptr<Mapping> FindRegion(std::uint32_t region) override;

 private:
  static constexpr std::size_t kMostRegions = 4096;

  State Take(const Note& note, Packet packet);

  const int socket_;
  const std::shared_ptr<Mapping> base_;
  std::unordered_map<std::uint32_t, std::shared_ptr<Mapping>> further_;
  State state_ = State::kOpen;
};

}  // namespace triton_lite
