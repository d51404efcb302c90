#include "channel/layout.h"

#include <cstring>
#include <utility>

namespace triton_lite {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

std::size_t Align(std::size_t byte_size) { return (byte_size + 63) / 64 * 64; }

// Hands out the parts of the memory in order.
class Cursor {
 public:
  explicit Cursor(std::byte* base) : base_(base) {}
  template <typename T>
  T* Take(std::size_t count) {
    std::byte* const at = base_ + offset_;
    offset_ += Align(count * sizeof(T));
    return reinterpret_cast<T*>(at);
  }

 private:
  std::byte* base_;
  std::size_t offset_ = 0;
};

}  // namespace

std::size_t ChannelMemory::ByteSize(const ChannelShape& shape) {
  return sizeof(ChannelHeader) + 2 * Align(BitBoard::WordCount(shape.call_indexes) * kWord) +
         Align(BitBoard::WordCount(shape.release_indexes) * kWord) + 2 * Align(shape.call_indexes * kWord) +
         (std::size_t{shape.call_slots} + shape.answer_slots) * kSlotByteSize;
}

ChannelMemory::ChannelMemory(std::shared_ptr<Mapping> mapping, const ChannelShape& shape)
    : mapping_(std::move(mapping)), shape_(shape) {
  using Word = std::atomic<std::uint64_t>;
  Cursor cursor(mapping_->data());
  header_ = cursor.Take<ChannelHeader>(1);
  cancelled = BitBoard(cursor.Take<Word>(BitBoard::WordCount(shape.call_indexes)), shape.call_indexes);
  requests_released = BitBoard(cursor.Take<Word>(BitBoard::WordCount(shape.call_indexes)), shape.call_indexes);
  answers_released = BitBoard(cursor.Take<Word>(BitBoard::WordCount(shape.release_indexes)), shape.release_indexes);
  cancel_words_ = cursor.Take<Word>(shape.call_indexes);
  taken_words_ = cursor.Take<Word>(shape.call_indexes);
  call_slots_ = cursor.Take<Slot>(shape.call_slots);
  answer_slots_ = cursor.Take<Slot>(shape.answer_slots);
}

void CopyOnce(void* to, const void* from, std::size_t byte_size) {
  std::memcpy(to, from, byte_size);
  // Keeps the compiler from reading `from` again in place of the copy.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void WriteSlot(const Slot& slot, Slot* ring_slot) {
  const bool in_slot = (slot.head.flags & kSlotFrameInArena) == 0;
  std::memcpy(static_cast<void*>(ring_slot), &slot, sizeof(SlotHead) + (in_slot ? slot.head.frame_size : 0));
}

}  // namespace triton_lite
