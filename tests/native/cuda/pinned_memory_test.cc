#include "cuda/pinned_memory.h"

#include <thread>

#include "check.h"
#include "cuda/gpus.h"

using namespace triton_lite;
using namespace triton_lite::cuda;
using namespace triton_lite::testing;

namespace {

constexpr std::uint64_t kLimit = std::uint64_t{1} << 20;

// What of `byte_size` bytes is made of; all of them are written.
MemoryKind KindOf(std::size_t byte_size) {
  const auto buffer = AllocatePinned(byte_size);
  CHECK(buffer.ok() && buffer->size == byte_size);
  std::memset(buffer->data, 1, byte_size);
  return buffer->kind;
}

}  // namespace

TEST(BlocksAreUsedAgain) {
  CHECK(KindOf(5000) == MemoryKind::kPinned);
  const auto made = fakeCudaCalls("cuMemHostAlloc");
  CHECK(KindOf(8192) == MemoryKind::kPinned);
  CHECK(KindOf(4097) == MemoryKind::kPinned);
  CHECK_EQ(fakeCudaCalls("cuMemHostAlloc"), made);
  const auto first = AllocatePinned(5000);
  const auto second = AllocatePinned(5000);
  CHECK(first->data != second->data);
  CHECK_EQ(PinnedMemoryInUse(), 2 * 8192U);
}

TEST(NoBytes) { CHECK(KindOf(0) == MemoryKind::kPinned); }

TEST(TheLimitHolds) {
  {
    const auto half = AllocatePinned(kLimit / 2);
    const auto other = AllocatePinned(kLimit / 2);
    CHECK(half->kind == MemoryKind::kPinned && other->kind == MemoryKind::kPinned);
    CHECK_EQ(PinnedMemoryInUse(), kLimit);
    CHECK(KindOf(1) == MemoryKind::kHost);
  }
  // What lies idle makes room for another size.
  CHECK(KindOf(kLimit) == MemoryKind::kPinned);
  CHECK_EQ(fakeCudaLive("pinned"), 1);
  CHECK(KindOf(kLimit + 1) == MemoryKind::kHost);
  CHECK_EQ(PinnedMemoryInUse(), 0U);
  SetPinnedMemoryLimit(0);
  CHECK(KindOf(1) == MemoryKind::kHost);
  SetPinnedMemoryLimit(kLimit);
}

TEST(TheHeapWherePinningFails) {
  for (const char* function : {"cuMemHostAlloc", "cuCtxPushCurrent_v2"}) {
    CHECK(KindOf(kLimit) == MemoryKind::kPinned);  // Leaves no room.
    // The first entering of the context is to free that.
    fakeCudaFail(function, function == std::string("cuMemHostAlloc") ? 1 : 2, kOutOfMemory);
    CHECK(KindOf(kLimit / 4) == MemoryKind::kHost);
    CHECK(KindOf(kLimit / 4) == MemoryKind::kPinned);
    CHECK_EQ(PinnedMemoryInUse(), 0U);
    CHECK_EQ(fakeCudaLive("pinned"), 1);
  }
}

TEST(MoreThanThereIs) { CHECK(!AllocatePinned(~std::size_t{0}).ok()); }

TEST(ManyThreads) {
  std::vector<std::thread> threads;
  for (std::size_t number = 1; number <= 4; ++number) {
    threads.emplace_back([number] {
      for (std::size_t round = 0; round < 200; ++round) {
        (void)KindOf(number * (round % 50) * 2000);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_EQ(PinnedMemoryInUse(), 0U);
  CHECK_EQ(fakeCudaRefused("cuMemFreeHost"), 0U);
}

int main(int argc, char** argv) {
  InNewProcess("0", [] { CHECK(KindOf(100) == MemoryKind::kHost); });
  SetPinnedMemoryLimit(kLimit);
  return RunAll(argc, argv);
}
