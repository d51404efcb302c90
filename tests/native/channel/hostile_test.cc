// A peer that writes nonsense into its ring or socket is hung up on; the others notice nothing.
#include <poll.h>

#include <functional>
#include <random>
#include <span>

#include "channel/channel_pair.h"
#include "channel/layout.h"
#include "channel/ring_link.h"
#include "channel/socket.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// A raw connection, as far as the welcome.
struct RawPeer {
  explicit RawPeer(const std::string& path) {
    arena = *Arena::Create(ArenaOptions{.name = "hostile", .base_byte_size = 1 << 20});
    RingClientOptions options;
    options.socket_path = path;
    options.max_calls = 64;
    link = *RingLink::Connect(options, *arena);
  }

  void Publish(const Slot& slot) {
    std::memcpy(static_cast<void*>(&link->memory.call_slot(tail)), &slot, sizeof(slot));
    link->memory.header().calls_tail.store(++tail, std::memory_order_release);
    link->WakeEngine();
  }
  // The engine closes its end.
  void AwaitHangUp() const {
    pollfd gone{link->socket.get(), POLLIN, 0};
    CHECK_EQ(poll(&gone, 1, 20'000), 1);
    CHECK((gone.revents & POLLHUP) != 0);
  }

  std::shared_ptr<Arena> arena;
  std::shared_ptr<RingLink> link;
  std::uint64_t tail = 0;
};

Slot GoodSlot(std::uint64_t call) {
  Slot slot;
  std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
  slot.head.call = call;
  slot.head.method_or_code = static_cast<std::uint16_t>(Method::kModelInfer);
  return slot;
}

SegmentRef& FirstRef(Slot& slot) { return *reinterpret_cast<SegmentRef*>(slot.payload); }

// Sends one slot that `spoil` has worked on.
void Refused(const std::function<void(Slot&)>& spoil) {
  Echo echo;
  Pair pair(&echo);
  RawPeer peer(pair.path);
  Slot slot = GoodSlot(1 << kIndexBits);
  spoil(slot);
  peer.Publish(slot);
  peer.AwaitHangUp();
  CheckEcho(*pair.client, "still here", {"segment"});
}

}  // namespace

TEST(FrameLongerThanItsSlot) {
  Refused([](Slot& slot) { slot.head.frame_size = kInlineByteSize + 1; });
}
TEST(MessageLongerThanItsFrame) {
  Refused([](Slot& slot) { slot.head.message_size = 1; });
}
TEST(MetadataLongerThanTheMessage) {
  Refused([](Slot& slot) {
    slot.head.frame_size = 8;
    slot.head.message_size = 8;
    slot.head.metadata_size_or_release = 9;
  });
}
TEST(MoreSegmentsThanTheFrameHolds) {
  Refused([](Slot& slot) { slot.head.segment_count = 1000; });
}
TEST(HugeSegmentCount) {
  Refused([](Slot& slot) { slot.head.segment_count = 0xFFFFFFFF; });
}
TEST(UnknownFrameRegion) {
  Refused([](Slot& slot) {
    slot.head.flags = kSlotFrameInArena;
    slot.head.frame_region = 77;
  });
}
TEST(FrameOutsideItsRegion) {
  Refused([](Slot& slot) {
    slot.head.flags = kSlotFrameInArena;
    slot.head.frame_offset = (1 << 20) - 8;
    slot.head.frame_size = 64;
  });
}
TEST(SegmentOutsideItsFrame) {
  Refused([](Slot& slot) {
    slot.head.segment_count = 1;
    slot.head.frame_size = sizeof(SegmentRef);
    FirstRef(slot) = {.size = 1, .offset = sizeof(SegmentRef), .region = kInFrame};
  });
}
TEST(SegmentThatOverflows) {
  Refused([](Slot& slot) {
    slot.head.segment_count = 1;
    slot.head.frame_size = sizeof(SegmentRef);
    FirstRef(slot) = {.size = 2, .offset = ~std::uint64_t{0}, .region = 0};
  });
}
TEST(CallIndexOutsideTheTable) {
  Refused([](Slot& slot) { slot.head.call = 1 << kIndexBits | 0xFFFF; });
}

TEST(TailBeyondTheRing) {
  Echo echo;
  Pair pair(&echo);
  RawPeer peer(pair.path);
  peer.link->memory.header().calls_tail.store(1'000'000);
  peer.link->WakeEngine();
  peer.AwaitHangUp();
  CheckEcho(*pair.client, "still here", {});
}

TEST(UnsealedRegion) {
  Echo echo;
  Pair pair(&echo);
  RawPeer peer(pair.path);
  const FileDescriptor null(dup(0));
  const int fd = null.get();
  CHECK(SendStruct(peer.link->socket.get(), Note{Note::kRegion, 1}, std::span(&fd, 1)) == PacketState::kDone);
  peer.AwaitHangUp();
  CheckEcho(*pair.client, "still here", {});
}

TEST(WordsOfNonsense) {
  Echo echo;
  Pair pair(&echo);
  RawPeer peer(pair.path);
  // Releases of what was never sent, cancels of what never ran, a head that runs ahead: harmless.
  for (std::uint32_t i = 0; i < 64; ++i) {
    peer.link->memory.answers_released.Set(i * 64);
    peer.link->memory.cancelled.Set(i);
  }
  peer.link->memory.header().answers_head.store(1 << 30);
  peer.link->SignalEngine();
  for (std::uint64_t i = 1; i < 1000; ++i) {
    peer.Publish(GoodSlot(i << kIndexBits | (i % 128)));
    CheckEcho(*pair.client, "meanwhile", {});
  }
}

TEST(RandomSlots) {
  Echo echo;
  Pair pair(&echo);
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    RawPeer peer(pair.path);
    Slot slot = GoodSlot(1 << kIndexBits);
    auto* const bytes = reinterpret_cast<unsigned char*>(&slot);
    for (int i = 0; i < 12; ++i) {
      bytes[random() % 120] = static_cast<unsigned char>(random() % 4 == 0 ? random() : random() % 3);
    }
    peer.Publish(slot);
    CheckEcho(*pair.client, "still here", {});
  }
}

TEST(SilentAndGarbledHandshakes) {
  Echo echo;
  Pair pair(&echo);
  std::vector<FileDescriptor> silent;
  for (int i = 0; i < 80; ++i) {
    silent.push_back(*ConnectTo(pair.path));
  }
  const auto garbled = ConnectTo(pair.path);
  CHECK(SendStruct(garbled->get(), Note{}) == PacketState::kDone);
  pollfd gone{garbled->get(), POLLIN, 0};
  CHECK_EQ(poll(&gone, 1, 20'000), 1);
  CheckEcho(*pair.client, "still here", {});
}

TEST_MAIN()
