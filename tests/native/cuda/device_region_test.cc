#include "cuda/device_region.h"

#include <sys/socket.h>

#include <array>

#include "check.h"
#include "cuda/copies.h"
#include "cuda/gpus.h"

using namespace triton_lite;
using namespace triton_lite::cuda;
using namespace triton_lite::testing;

namespace {

constexpr std::size_t kSize = 10000;

// A client: another process with memory of both GPUs, forked before this one uses the driver.
class Client {
 public:
  Client() {
    CHECK_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      (void)::close(ends_[0]);
      Serve(ends_[1]);
      std::_Exit(0);
    }
    (void)::close(ends_[1]);
    for (IpcHandle& handle : handles_) {
      CHECK(::read(ends_[0], &handle, sizeof(handle)) == sizeof(handle));
    }
  }
  ~Client() {
    (void)::close(ends_[0]);
    (void)::waitpid(child_, nullptr, 0);
  }

  // To memory of kSize bytes 1, 2, 3, … on that device.
  Bytes handle(std::size_t device) const { return {handles_[device].bytes, kIpcHandleByteSize}; }

 private:
  static void Serve(int socket) {
    std::array<std::unique_ptr<DeviceMemory>, 2> memory;
    for (std::size_t device = 0; device < memory.size(); ++device) {
      memory[device] = std::make_unique<DeviceMemory>(kSize, static_cast<std::int32_t>(device));
      memory[device]->Write(Counting(kSize));
      const IpcHandle handle = memory[device]->handle();
      (void)!::write(socket, &handle, sizeof(handle));
    }
    char until_closed = 0;
    (void)!::read(socket, &until_closed, 1);
  }

  std::array<int, 2> ends_{};
  pid_t child_ = -1;
  std::array<IpcHandle, 2> handles_{};
};

const Client* client = nullptr;

std::string ErrorOf(Bytes handle, std::int64_t device_id, std::uint64_t byte_size) {
  const auto region = DeviceRegion::Open("r", handle, device_id, byte_size);
  CHECK(!region.ok() && region.status().code() == Code::kInvalidArgument);
  CHECK_EQ(fakeCudaLive("handles"), 0);
  return region.status().message();
}

const std::string kInvalid = "failed to register shared memory region: invalid args";
const std::string kTooSmall = "failed to register shared memory region 'r': invalid args";

}  // namespace

TEST(OpenAsLongAsItLives) {
  for (const int device : {0, 1}) {
    auto region = DeviceRegion::Open("r", client->handle(static_cast<std::size_t>(device)), device, kSize - 1);
    REQUIRE(region.ok());
    CHECK_EQ((*region)->size(), kSize - 1);
    CHECK_EQ((*region)->device_id(), device);
    const auto bytes = OnHost({(*region)->data(), kSize, nullptr, MemoryKind::kDevice, device});
    REQUIRE(bytes.ok());
    CHECK(std::memcmp(bytes->data, Counting(kSize).data(), kSize) == 0);
    CHECK_EQ(fakeCudaLive("handles"), 1);
    region = Internal("gone");
    CHECK_EQ(fakeCudaLive("handles"), 0);
  }
}

TEST(TwiceTheSame) {
  const auto first = DeviceRegion::Open("a", client->handle(0), 0, kSize);
  {
    const auto second = DeviceRegion::Open("b", client->handle(0), 0, 0);
    REQUIRE(first.ok() && second.ok());
    CHECK((*second)->data() == (*first)->data());
  }
  CHECK_EQ(fakeCudaLive("handles"), 1);
}

TEST(WhatCannotBeOpened) {
  CHECK_EQ(ErrorOf(client->handle(0).subspan(1), 0, kSize), kInvalid);
  CHECK_EQ(ErrorOf({}, 0, kSize), kInvalid);
  std::vector<std::byte> unknown(kIpcHandleByteSize);
  CHECK_EQ(ErrorOf(unknown, 0, kSize), kInvalid);
  for (const std::int64_t device : {std::int64_t{-1}, std::int64_t{2}, std::int64_t{1} << 32}) {
    CHECK_EQ(ErrorOf(client->handle(0), device, kSize), kInvalid);
  }
  for (const std::uint64_t byte_size : {std::uint64_t{kSize + 1}, ~std::uint64_t{0}}) {
    CHECK_EQ(ErrorOf(client->handle(0), 0, byte_size), kTooSmall);
  }
}

TEST(ADriverThatFails) {
  fakeCudaFail("cuIpcOpenMemHandle_v2", 1, 205);
  CHECK_EQ(ErrorOf(client->handle(0), 0, kSize), kInvalid);
  fakeCudaFail("cuMemGetAddressRange_v2", 1, 500);
  CHECK_EQ(ErrorOf(client->handle(0), 0, kSize), kTooSmall);
  // Entering the context: to open, then to ask for the size.
  fakeCudaFail("cuCtxPushCurrent_v2", 1, 201);
  CHECK_EQ(ErrorOf(client->handle(0), 0, kSize), kInvalid);
  fakeCudaFail("cuCtxPushCurrent_v2", 2, 201);
  CHECK_EQ(ErrorOf(client->handle(0), 0, kSize), kTooSmall);
  CHECK(DeviceRegion::Open("r", client->handle(0), 0, kSize).ok());
}

int main(int argc, char** argv) {
  InNewProcess("0", [] { CHECK_EQ(ErrorOf(std::vector<std::byte>(kIpcHandleByteSize), 0, 1), kInvalid); });
  ::setenv("FAKE_CUDA_DEVICES", "2", 1);
  const Client process;
  client = &process;
  const int result = RunAll(argc, argv);
  return fakeCudaLive("handles") == 0 && fakeCudaLive("contexts") == 0 ? result : EXIT_FAILURE;
}
