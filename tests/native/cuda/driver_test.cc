#include "cuda/driver.h"

#include "check.h"
#include "cuda/gpus.h"

using namespace triton_lite;
using namespace triton_lite::cuda;
using namespace triton_lite::testing;

namespace {

// Why there is no driver; the same when asked again.
std::string Missing() {
  const auto driver = Driver::Get();
  CHECK(!driver.ok());
  CHECK(Driver::Get().status().message() == driver.status().message());
  CHECK(driver.status().code() == Code::kUnavailable || driver.status().code() == Code::kInternal);
  return driver.status().message();
}

}  // namespace

TEST(NoDevices) {
  InNewProcess("0", [] {
    CHECK_EQ(Missing(), "the NVIDIA driver could not be initialised: no CUDA-capable device is detected");
    CHECK_EQ(DeviceScope(0).status().message(), Missing());
  });
}

TEST(DriverThatCannotBeUsed) {
  InNewProcess("1", [] {
    fakeCudaFail("cuInit", 1, 999);
    CHECK_EQ(Missing(), "the NVIDIA driver could not be initialised: unknown error");
  });
  InNewProcess("1", [] {
    fakeCudaFail("cuDeviceGetCount", 1, 4242);
    CHECK_EQ(Missing(), "failed to count the GPUs: error 4242");
  });
}

TEST(ContextsAreMadeWhenTheyAreNeeded) {
  InNewProcess("3", [] {
    const auto driver = Driver::Get();
    REQUIRE(driver.ok());
    CHECK_EQ((*driver)->device_count(), 3);
    CHECK_EQ(fakeCudaCalls("cuDevicePrimaryCtxRetain"), 0U);
    fakeCudaFail("cuDevicePrimaryCtxRetain", 1, kOutOfMemory);
    CHECK_EQ((*driver)->ContextOf(1).status().message(), "failed to make a context on a GPU: out of memory");
    const auto first = (*driver)->ContextOf(1);
    REQUIRE(first.ok());
    CHECK(*(*driver)->ContextOf(1) == *first);
    CHECK(*(*driver)->ContextOf(2) != *first);
    CHECK_EQ(fakeCudaCalls("cuDevicePrimaryCtxRetain"), 3U);
    for (const std::int64_t none : {std::int64_t{-1}, std::int64_t{3}, std::int64_t{1} << 32}) {
      CHECK((*driver)->ContextOf(none).status().code() == Code::kInvalidArgument);
    }
  });
}

TEST(ScopesNest) {
  InNewProcess("2", [] {
    const auto driver = Driver::Get();
    REQUIRE(driver.ok());
    RawContext* current = nullptr;
    {
      const DeviceScope outer(0);
      {
        const DeviceScope inner(1);
        CHECK(inner.status().ok());
        CHECK_EQ(fake_cuda::cuCtxGetCurrent(&current), kSuccess);
        CHECK(current == *(*driver)->ContextOf(1));
        const DeviceScope none(2);
        CHECK_EQ(none.status().message(), "there is no GPU 2");
      }
      CHECK_EQ(fake_cuda::cuCtxGetCurrent(&current), kSuccess);
      CHECK(current == *(*driver)->ContextOf(0));
    }
    CHECK_EQ(fakeCudaLive("contexts"), 0);
    fakeCudaFail("cuCtxPushCurrent_v2", 1, 201);
    CHECK_EQ(DeviceScope(0).status().message(), "failed to enter the context of a GPU: invalid device context");
    CHECK_EQ(fakeCudaRefused("cuCtxPopCurrent_v2"), 0U);
  });
}

TEST_MAIN()
