#include "cuda/copies.h"

#include <thread>

#include "check.h"
#include "cuda/gpus.h"

using namespace triton_lite;
using namespace triton_lite::cuda;
using namespace triton_lite::testing;

namespace {

constexpr std::size_t kSize = 10000;
const std::vector<std::byte> kZeros(kSize);

}  // namespace

TEST(EveryDirection) {
  const DeviceMemory first(kSize, 0), second(kSize, 0), third(kSize, 1);
  std::vector<std::byte> host = Counting(kSize), other(kSize), back(kSize);
  Copies copies;
  CHECK(copies.Add(HostBuffer(&host), HostBuffer(&other)).ok());
  CHECK(other == host);  // Not a matter of a GPU.
  CHECK(copies.Add(HostBuffer(&host), first.buffer()).ok());
  CHECK(copies.Add(HostBuffer(&host), third.buffer()).ok());
  CHECK(copies.Add(first.buffer(), second.buffer()).ok());
  CHECK(copies.Add(second.buffer(), HostBuffer(&back)).ok());
  CHECK(back == kZeros);
  CHECK(copies.Finish().ok());
  CHECK(back == host);
  CHECK(third.Read() == host);
  CHECK_EQ(fakeCudaLive("streams"), 2);  // One for each GPU.
}

TEST(OnlyTheBytesOfTheSource) {
  const DeviceMemory device(kSize);
  std::vector<std::byte> host = Counting(100);
  CHECK(Copy(HostBuffer(&host), device.buffer()).ok());
  host.resize(kSize);
  CHECK(device.Read() == host);
  std::vector<std::byte> none;
  const auto calls = fakeCudaCalls("cuMemcpyHtoDAsync_v2");
  CHECK(Copy(HostBuffer(&none), device.buffer()).ok());
  CHECK_EQ(fakeCudaCalls("cuMemcpyHtoDAsync_v2"), calls);
}

TEST(StreamsAreKept) {
  const DeviceMemory device(kSize);
  std::vector<std::byte> host(kSize);
  Copies copies;
  for (int i = 0; i < 3; ++i) {
    CHECK(copies.Add(device.buffer(), HostBuffer(&host)).ok());
    CHECK(copies.Finish().ok());
    CHECK(Copy(device.buffer(), HostBuffer(&host)).ok());
  }
  const auto made = fakeCudaCalls("cuStreamCreate");
  CHECK(copies.Add(device.buffer(), HostBuffer(&host)).ok());
  CHECK(copies.Finish().ok());
  CHECK(Copy(device.buffer(), HostBuffer(&host)).ok());
  CHECK_EQ(fakeCudaCalls("cuStreamCreate"), made);
}

TEST(TheFirstFailureIsTold) {
  const DeviceMemory device(kSize);
  std::vector<std::byte> host = Counting(kSize), second(kSize);
  Copies copies;
  fakeCudaFail("cuMemcpyDtoHAsync_v2", 1, kLaunchFailed);
  const std::string text = "failed to copy from a GPU: unspecified launch failure";
  CHECK_EQ(copies.Add(device.buffer(), HostBuffer(&second)).message(), text);
  CHECK(copies.Add(HostBuffer(&host), device.buffer()).ok());
  CHECK_EQ(copies.Finish().message(), text);
  CHECK(device.Read() == host);  // The other one was waited for.
  CHECK(copies.Finish().ok());
}

TEST(NothingIsUnderWayAfterAFailure) {
  const DeviceMemory device(kSize), other(kSize, 1);
  for (const char* function : {"cuStreamSynchronize", "cuCtxPushCurrent_v2"}) {
    std::vector<std::byte> host(kSize), second(kSize);
    Copies copies;
    CHECK(copies.Add(device.buffer(), HostBuffer(&host)).ok());
    CHECK(copies.Add(other.buffer(), HostBuffer(&second)).ok());
    fakeCudaFail(function, 1, kLaunchFailed);
    const Status status = copies.Finish();
    CHECK(status.message().ends_with(": unspecified launch failure"));
    CHECK_EQ(fakeCudaLive("copies"), 0);
    CHECK(copies.Add(device.buffer(), HostBuffer(&host)).ok());
    CHECK(copies.Finish().ok());
  }
}

TEST(WhoGoesWaits) {
  const DeviceMemory device(kSize);
  std::vector<std::byte> host = Counting(kSize);
  {
    CHECK(Copies().Add(HostBuffer(&host), device.buffer()).ok());
  }
  CHECK(device.Read() == host);
  std::vector<std::byte> back(kSize);
  {
    IdleCopies copies;
    CHECK(copies.Add(device.buffer(), HostBuffer(&back)).ok());
  }
  CHECK(back == host);
}

TEST(NoStreams) {
  const DeviceMemory device(kSize);
  std::vector<std::byte> host(kSize);
  Copies copies;
  fakeCudaFail("cuStreamCreate", 1, kOutOfMemory);
  CHECK(!copies.Add(device.buffer(), HostBuffer(&host)).ok());
  CHECK_EQ(copies.Finish().message(), "failed to make a stream on a GPU: out of memory");
  CHECK(copies.Add(device.buffer(), HostBuffer(&host)).ok());
  CHECK(copies.Finish().ok());
}

TEST(ForTheHostToRead) {
  DeviceMemory device(kSize);
  device.Write(Counting(kSize));
  const auto copy = OnHost(device.buffer());
  REQUIRE(copy.ok());
  CHECK(copy->kind == MemoryKind::kPinned);
  CHECK(std::vector<std::byte>(copy->data, copy->data + copy->size) == Counting(kSize));
  std::vector<std::byte> host(kSize);
  CHECK(OnHost(HostBuffer(&host))->data == host.data());
  fakeCudaFail("cuStreamSynchronize", 1, kLaunchFailed);
  CHECK(!OnHost(device.buffer()).ok());
}

TEST(ManyThreads) {
  ::setenv("FAKE_CUDA_ASYNC", "thread", 1);
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([number] {
      for (int round = 0; round < 50; ++round) {
        const DeviceMemory device(kSize, number % 2);
        std::vector<std::byte> host = Counting(kSize), back(kSize);
        CHECK(Copy(HostBuffer(&host), device.buffer()).ok());
        IdleCopies copies;
        CHECK(copies.Add(device.buffer(), HostBuffer(&back)).ok());
        CHECK(copies.Finish().ok());
        CHECK(back == host);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  ::unsetenv("FAKE_CUDA_ASYNC");
}

int main(int argc, char** argv) {
  ::setenv("FAKE_CUDA_DEVICES", "2", 1);
  CHECK(Driver::Get().ok());
  const int result = RunAll(argc, argv);
  const bool clean = fakeCudaLive("copies") == 0 && fakeCudaLive("contexts") == 0 && fakeCudaLive("allocations") == 0;
  return clean ? result : EXIT_FAILURE;
}
