// The memory that both sides of one channel map: two rings of slots, words that signal without a slot. Created, sealed
// and sized by the engine. A side believes nothing of what the other one writes.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "memory/memfd.h"

namespace triton_lite {

inline constexpr std::uint32_t kChannelMagic = 0x544C4331;  // "TLC1"
inline constexpr std::uint32_t kMostCalls = 16384;

// A call's name on the wire: a number that never comes twice above, its entry in the client's table below.
inline constexpr unsigned kIndexBits = 16;
constexpr std::uint32_t IndexOf(std::uint64_t call) { return static_cast<std::uint32_t>(call & 0xFFFF); }

enum SlotFlags : std::uint16_t {
  kSlotLast = 1,          // Answers: nothing follows for this call.
  kSlotHoldsMemory = 2,   // The sender waits for its memory to be released.
  kSlotFrameInArena = 4,  // The frame is at (frame_region, frame_offset) instead of in the slot.
  kSlotTraced = 8,        // Answers: the engine wants to know when the front end sent it (Method::kTraceSent).
  kSlotMany = 16,         // Answers: of a call that may have many; the client acknowledges each.
};

// A frame is: segment_count SegmentRefs, the message (of a call: its metadata behind it), the segments that are small.
struct SlotHead {
  std::uint64_t call = 0;
  std::uint16_t method_or_code = 0;  // Calls: Method, kRegionsDenied. Answers: Code.
  std::uint16_t flags = 0;
  std::uint32_t segment_count = 0;
  std::uint64_t message_size = 0;
  std::uint64_t frame_size = 0;
  std::uint64_t frame_offset = 0;
  std::uint32_t frame_region = 0;
  std::uint32_t metadata_size_or_release = 0;  // Answers: for kSlotHoldsMemory.
};

struct SegmentRef {
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint32_t region = 0;  // kInFrame: offset counts from the frame's start.
  std::uint32_t reserved = 0;
};
inline constexpr std::uint32_t kInFrame = 0xFFFFFFFF;

inline constexpr std::size_t kSlotByteSize = 512;
inline constexpr std::size_t kInlineByteSize = kSlotByteSize - sizeof(SlotHead);

struct Slot {
  SlotHead head;
  alignas(16) std::byte payload[kInlineByteSize];
};
static_assert(sizeof(Slot) == kSlotByteSize);

// One writer for each line.
struct ChannelHeader {
  // Written by the client.
  alignas(64) std::atomic<std::uint64_t> calls_tail;
  std::atomic<std::uint32_t> client_signals;  // 1: words of the client changed, or parked answers fit again.
  std::atomic<std::int32_t> client_core;      // Where the last call was sent from.
  alignas(64) std::atomic<std::uint64_t> answers_head;
  // Written by the engine.
  alignas(64) std::atomic<std::uint64_t> answers_tail;
  std::atomic<std::uint32_t> engine_signals;              // 1: requests were released.
  std::atomic<std::int32_t> engine_core;                  // Where the last answer was sent from.
  alignas(64) std::atomic<std::uint32_t> answers_parked;  // 1: the engine waits for room in the answer ring.
  std::atomic<std::uint32_t> credit_wanted;               // 1: a call waits until the client takes answers.
  alignas(64) std::atomic<std::uint32_t> tracing;         // See Tracing (method.h).
  // Set by the sleeper, taken by whoever wakes it.
  alignas(64) std::atomic<std::uint32_t> engine_sleeps;
  alignas(64) std::atomic<std::uint32_t> client_sleeps;  // Bits of ClientSleep.
};

// Answers that were taken, with the call that they are of: an index serves many calls, and answers outlive theirs.
constexpr std::uint64_t TakenWord(std::uint64_t call, std::uint32_t count) {
  return (call >> kIndexBits) << 32 | count;
}
constexpr bool IsTakenOf(std::uint64_t word, std::uint64_t call) { return word >> 32 == TakenWord(call, 0) >> 32; }

enum ClientSleep : std::uint32_t { kLoopSleeps = 1, kThreadSleeps = 2 };

// What sizes the memory.
struct ChannelShape {
  std::uint32_t call_slots = 0;       // A power of two, at least the calls in flight: this ring is never full.
  std::uint32_t answer_slots = 0;     // A power of two.
  std::uint32_t call_indexes = 0;     // At most 65536.
  std::uint32_t release_indexes = 0;  // Answers that may hold memory at once.
};

// A set of small numbers in shared memory. Set by one side, collected by the other; neither ever waits.
class BitBoard {
 public:
  BitBoard() = default;
  BitBoard(std::atomic<std::uint64_t>* words, std::uint32_t size) : words_(words), size_(size) {}
  static std::size_t WordCount(std::uint32_t size) { return SummaryWords(size) + (size + 63) / 64; }

  void Set(std::uint32_t index) {
    const std::uint32_t word = index / 64;
    words_[SummaryWords(size_) + word].fetch_or(Bit(index), std::memory_order_release);
    words_[word / 64].fetch_or(Bit(word), std::memory_order_release);
  }

  // Takes every number out and hands it to `use`; all are below the size that the board was made with.
  template <typename Use>
  void Collect(Use use) {
    const std::size_t summaries = SummaryWords(size_);
    for (std::uint32_t s = 0; s < summaries; ++s) {
      if (words_[s].load(std::memory_order_relaxed) == 0) {
        continue;
      }
      for (std::uint64_t summary = words_[s].exchange(0, std::memory_order_acquire); summary != 0;
           summary &= summary - 1) {
        CollectWord(s * 64 + static_cast<std::uint32_t>(std::countr_zero(summary)), use);
      }
    }
  }

 private:
  static std::size_t SummaryWords(std::uint32_t size) { return (size + 4095) / 4096; }
  static std::uint64_t Bit(std::uint32_t index) { return std::uint64_t{1} << (index % 64); }

  template <typename Use>
  void CollectWord(std::uint32_t word, Use& use) {
    if (word >= (size_ + 63) / 64) {
      return;
    }
    std::uint64_t bits = words_[SummaryWords(size_) + word].exchange(0, std::memory_order_acquire);
    for (; bits != 0; bits &= bits - 1) {
      const std::uint32_t index = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (index < size_) {
        use(index);
      }
    }
  }

  std::atomic<std::uint64_t>* words_ = nullptr;
  std::uint32_t size_ = 0;
};

// A view of the shared memory; keeps it mapped.
class ChannelMemory {
 public:
  static std::size_t ByteSize(const ChannelShape& shape);
  // `mapping` has at least ByteSize(shape) bytes.
  ChannelMemory(std::shared_ptr<Mapping> mapping, const ChannelShape& shape);

  const ChannelShape& shape() const { return shape_; }
  ChannelHeader& header() const { return *header_; }
  Slot& call_slot(std::uint64_t position) const { return call_slots_[position & (shape_.call_slots - 1)]; }
  Slot& answer_slot(std::uint64_t position) const { return answer_slots_[position & (shape_.answer_slots - 1)]; }

  // Words of one call: the call that is to be cancelled, and the answers of it that the client has taken (TakenWord).
  std::atomic<std::uint64_t>& cancel_word(std::uint32_t index) const { return cancel_words_[index]; }
  std::atomic<std::uint64_t>& taken_word(std::uint32_t index) const { return taken_words_[index]; }

  BitBoard cancelled;          // Client -> engine, by call index.
  BitBoard answers_released;   // Client -> engine, by release index.
  BitBoard requests_released;  // Engine -> client, by call index.

 private:
  std::shared_ptr<Mapping> mapping_;
  ChannelShape shape_;
  ChannelHeader* header_;
  std::atomic<std::uint64_t>* cancel_words_;
  std::atomic<std::uint64_t>* taken_words_;
  Slot* call_slots_;
  Slot* answer_slots_;
};

// Copies what another process may change at any time: from here on only the copy is looked at.
void CopyOnce(void* to, const void* from, std::size_t byte_size);

// Writes `slot` (its head and as much of the payload as its frame takes) into the ring.
void WriteSlot(const Slot& slot, Slot* ring_slot);

}  // namespace triton_lite
