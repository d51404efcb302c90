#include "fake_cuda/fake_cuda.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "fake_cuda/result.h"

using namespace fake_cuda;

namespace {

constexpr std::size_t kSize = 10000;
using Bytes = std::vector<unsigned char>;

Bytes Counting(std::size_t size = kSize) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(1));
  return bytes;
}

RawContext* ContextOf(int device) {
  RawContext* context = nullptr;
  CHECK_EQ(cuDevicePrimaryCtxRetain(&context, device), kSuccess);
  return context;
}

// A context on this thread.
class Pushed {
 public:
  explicit Pushed(int device = 0) { CHECK_EQ(cuCtxPushCurrent_v2(ContextOf(device)), kSuccess); }
  Pushed(const Pushed&) = delete;
  Pushed& operator=(const Pushed&) = delete;
  ~Pushed() { CHECK_EQ(cuCtxPopCurrent_v2(nullptr), kSuccess); }
};

class DeviceBytes {
 public:
  explicit DeviceBytes(std::size_t size = kSize) { CHECK_EQ(cuMemAlloc_v2(&pointer_, size), kSuccess); }
  explicit DeviceBytes(const Bytes& bytes) : DeviceBytes(bytes.size()) {
    CHECK_EQ(cuMemcpyHtoD_v2(pointer_, bytes.data(), bytes.size()), kSuccess);
  }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  ~DeviceBytes() { CHECK_EQ(cuMemFree_v2(pointer_), kSuccess); }

  DevicePointer pointer() const { return pointer_; }
  IpcHandle handle() const {
    IpcHandle handle{};
    CHECK_EQ(cuIpcGetMemHandle(&handle, pointer_), kSuccess);
    return handle;
  }

 private:
  DevicePointer pointer_ = 0;
};

Bytes Read(DevicePointer pointer, std::size_t size = kSize) {
  Bytes bytes(size);
  CHECK_EQ(cuMemcpyDtoH_v2(bytes.data(), pointer, size), kSuccess);
  return bytes;
}

class NewStream {
 public:
  NewStream() { CHECK_EQ(cuStreamCreate(&stream_, triton_lite::cuda::kStreamNonBlocking), kSuccess); }
  NewStream(const NewStream&) = delete;
  NewStream& operator=(const NewStream&) = delete;
  ~NewStream() { CHECK_EQ(cuStreamDestroy_v2(stream_), kSuccess); }
  RawStream* get() const { return stream_; }

 private:
  RawStream* stream_ = nullptr;
};

// A process that has not touched the driver yet: forked by the program before its first test. It answers one order at a
// time: it opens a handle and says what it found.
class OtherProcess {
 public:
  struct Order {
    char what = 'o';  // 'o' opens and closes once; 'f' opens, says so, waits until told, and copies.
    IpcHandle handle{};
  };
  struct Answer {
    int opened = -1;
    int opened_again = -1;
    bool same_address = false;
    std::size_t size = 0;
    int device = -1;
    unsigned char first = 0;
    int copied = -1;
    int closed = -1;
    int closed_twice = -1;
    long long handles = -1;
  };

  OtherProcess() {
    CHECK_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      (void)::close(ends_[0]);
      Serve(ends_[1]);
      std::_Exit(0);
    }
    (void)::close(ends_[1]);
  }
  ~OtherProcess() {
    (void)::close(ends_[0]);
    (void)::waitpid(child_, nullptr, 0);
  }

  void Send(const Order& order) const { CHECK(::write(ends_[0], &order, sizeof(order)) == sizeof(order)); }
  Answer Receive() const {
    Answer answer;
    CHECK(::read(ends_[0], &answer, sizeof(answer)) == sizeof(answer));
    return answer;
  }

 private:
  static void Serve(int socket) {
    CHECK_EQ(cuInit(0), kSuccess);
    const Pushed pushed;
    Order order;
    while (::read(socket, &order, sizeof(order)) == sizeof(order)) {
      const Answer answer = Obey(order, socket);
      (void)!::write(socket, &answer, sizeof(answer));
    }
  }

  static Answer Obey(Order order, int socket) {
    Answer answer;
    DevicePointer pointer = 0;
    answer.opened = cuIpcOpenMemHandle_v2(&pointer, order.handle, 1);
    if (answer.opened != kSuccess) {
      answer.handles = fakeCudaLive("handles");
      return answer;
    }
    if (order.what == 'f') {
      (void)!::write(socket, &answer, sizeof(answer));
      (void)!::read(socket, &order, sizeof(order));
    }
    DevicePointer again = 0;
    answer.opened_again = cuIpcOpenMemHandle_v2(&again, order.handle, 1);
    answer.same_address = again == pointer;
    answer.copied = cuMemcpyDtoH_v2(&answer.first, pointer + 1, 1);
    const unsigned char next = static_cast<unsigned char>(answer.first + 1);
    (void)cuMemcpyHtoD_v2(pointer + 1, &next, 1);
    DevicePointer base = 0;
    (void)cuMemGetAddressRange_v2(&base, &answer.size, pointer + 1);
    (void)cuPointerGetAttribute(&answer.device, triton_lite::cuda::kAttributeDeviceOrdinal, pointer);
    (void)cuIpcCloseMemHandle(again);
    answer.handles = fakeCudaLive("handles");  // One is left.
    answer.closed = cuIpcCloseMemHandle(pointer);
    answer.closed_twice = cuIpcCloseMemHandle(pointer);
    return answer;
  }

  std::array<int, 2> ends_{};
  pid_t child_ = -1;
};

const OtherProcess* other = nullptr;

// How a child of this process ends that does `body`: the signal, or 0.
template <typename Body>
int SignalOf(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::signal(SIGSEGV, SIG_DFL);  // Sanitizers have their own report, and exit.
    body();
    std::_Exit(0);
  }
  int status = 0;
  CHECK_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST(HostAccessFaults) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  const auto* bytes = reinterpret_cast<const volatile unsigned char*>(device.pointer());
  CHECK_EQ(SignalOf([&] { (void)bytes[0]; }), SIGSEGV);
  CHECK_EQ(SignalOf([&] { (void)bytes[kSize - 1]; }), SIGSEGV);
  CHECK_EQ(SignalOf([&] { const_cast<volatile unsigned char*>(bytes)[0] = 1; }), SIGSEGV);
  CHECK_EQ(SignalOf([] {}), 0);
}

TEST(NothingWorksWithoutInitAndContext) {
  int count = 0;
  DevicePointer pointer = 0;
  // A forked child is a process that has not called cuInit.
  CHECK_EQ(SignalOf([&] {
             if (cuDeviceGetCount(&count) != kNotInitialized) {
               std::abort();
             }
           }),
           0);
  CHECK_EQ(cuMemAlloc_v2(&pointer, 1), kInvalidContext);
  CHECK_EQ(cuStreamSynchronize(nullptr), kInvalidContext);
  CHECK_EQ(cuCtxPopCurrent_v2(nullptr), kInvalidContext);
  CHECK_EQ(cuCtxPushCurrent_v2(nullptr), kInvalidContext);
  CHECK_EQ(cuInit(1), kInvalidValue);
  CHECK_EQ(cuDeviceGetCount(&count), kSuccess);
  CHECK_EQ(count, 2);
  DeviceNumber device = -1;
  CHECK_EQ(cuDeviceGet(&device, 2), kInvalidDevice);
  CHECK_EQ(cuDeviceGet(&device, -1), kInvalidDevice);
  CHECK_EQ(cuDeviceGet(&device, 1), kSuccess);
  CHECK_EQ(device, 1);
}

TEST(ContextsAreOfTheThread) {
  const Pushed outer(0);
  RawContext* current = nullptr;
  {
    const Pushed inner(1);
    CHECK_EQ(cuCtxGetCurrent(&current), kSuccess);
    CHECK(current == ContextOf(1));
    CHECK_EQ(fakeCudaLive("contexts"), 2);
    std::thread([] {
      RawContext* none = ContextOf(0);
      CHECK_EQ(cuCtxGetCurrent(&none), kSuccess);
      CHECK(none == nullptr);
      DevicePointer pointer = 0;
      CHECK_EQ(cuMemAlloc_v2(&pointer, 1), kInvalidContext);
    }).join();
  }
  CHECK_EQ(cuCtxGetCurrent(&current), kSuccess);
  CHECK(current == ContextOf(0));
}

TEST(CopiesStayWithinOneAllocation) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  Bytes host(2 * kSize);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer() + 1, kSize - 1), kSuccess);
  CHECK_EQ(host[0], 2);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer() + 1, kSize), kInvalidValue);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer() + kSize, 1), kInvalidValue);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer() - 1, 1), kInvalidValue);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer(), ~std::size_t{0}), kInvalidValue);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), reinterpret_cast<DevicePointer>(host.data()), 1), kInvalidValue);
  CHECK_EQ(cuMemcpyHtoD_v2(device.pointer(), reinterpret_cast<const void*>(device.pointer()), 1), kInvalidValue);
  CHECK_EQ(cuMemcpyHtoD_v2(device.pointer(), nullptr, 1), kInvalidValue);
  CHECK_EQ(cuMemcpyDtoH_v2(nullptr, device.pointer(), 0), kSuccess);
  DevicePointer base = 0;
  std::size_t size = 0;
  CHECK_EQ(cuMemGetAddressRange_v2(&base, &size, device.pointer() + kSize - 1), kSuccess);
  CHECK(base == device.pointer() && size == kSize);
  CHECK_EQ(cuMemGetAddressRange_v2(&base, &size, device.pointer() + kSize), kNotFound);
  CHECK_EQ(cuMemFree_v2(device.pointer() + 1), kInvalidValue);
}

TEST(CopiesHappenWhenTheStreamIsSynchronised) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  const DeviceBytes second(kSize);
  const NewStream stream;
  Bytes host(kSize, 0);
  CHECK_EQ(cuMemcpyDtoDAsync_v2(second.pointer(), device.pointer(), kSize, stream.get()), kSuccess);
  CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), second.pointer(), kSize, stream.get()), kSuccess);
  CHECK(host == Bytes(kSize, 0));
  CHECK_EQ(fakeCudaLive("copies"), 2);
  CHECK_EQ(cuStreamSynchronize(stream.get()), kSuccess);
  CHECK(host == Counting());
  CHECK_EQ(fakeCudaLive("copies"), 0);
  CHECK_EQ(cuStreamSynchronize(nullptr), kSuccess);
  Bytes zeros(kSize, 0);
  CHECK_EQ(cuMemcpyHtoDAsync_v2(device.pointer(), zeros.data(), kSize, stream.get()), kSuccess);
  CHECK(Read(device.pointer()) == Counting());
  CHECK_EQ(cuStreamSynchronize(stream.get()), kSuccess);
  CHECK(Read(device.pointer()) == zeros);
}

TEST(ThreadsOfStreamsCopyOnTheirOwn) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  ::setenv("FAKE_CUDA_ASYNC", "thread", 1);
  const std::array<NewStream, 3> streams;
  ::unsetenv("FAKE_CUDA_ASYNC");
  std::vector<std::thread> threads;
  for (const NewStream& stream : streams) {
    threads.emplace_back([&device, stream = stream.get()] {
      const Pushed on_thread;
      for (int round = 0; round < 100; ++round) {
        Bytes host(kSize, 0);
        CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), device.pointer(), kSize, stream), kSuccess);
        CHECK_EQ(cuStreamSynchronize(stream), kSuccess);
        CHECK(host == Counting());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(StaleStreamsAreRefused) {
  const Pushed pushed;
  const DeviceBytes device;
  RawStream* stale = nullptr;
  CHECK_EQ(cuStreamCreate(&stale, 0), kSuccess);
  CHECK_EQ(fakeCudaLive("streams"), 1);
  CHECK_EQ(cuStreamDestroy_v2(stale), kSuccess);
  const NewStream other_stream;
  Bytes host(kSize);
  CHECK(other_stream.get() != stale);
  CHECK_EQ(cuStreamSynchronize(stale), kInvalidHandle);
  CHECK_EQ(cuStreamDestroy_v2(stale), kInvalidHandle);
  CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), device.pointer(), kSize, stale), kInvalidHandle);
  CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), device.pointer(), kSize, nullptr), kInvalidHandle);
  CHECK_EQ(cuStreamCreate(&stale, 2), kInvalidValue);
}

TEST(CopiesOfWhatIsGoneFail) {
  const Pushed pushed;
  const NewStream stream;
  Bytes host(kSize);
  {
    const DeviceBytes device;
    CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), device.pointer(), kSize, stream.get()), kSuccess);
  }
  CHECK_EQ(cuStreamSynchronize(stream.get()), kIllegalAddress);
  CHECK_EQ(cuStreamSynchronize(stream.get()), kSuccess);
  const DeviceBytes device;
  void* pinned = nullptr;
  CHECK_EQ(cuMemHostAlloc(&pinned, kSize, triton_lite::cuda::kHostPortable), kSuccess);
  CHECK_EQ(cuMemcpyDtoHAsync_v2(pinned, device.pointer(), kSize, stream.get()), kSuccess);
  CHECK_EQ(cuMemFreeHost(pinned), kSuccess);
  CHECK_EQ(cuStreamSynchronize(stream.get()), kIllegalAddress);
}

TEST(PinnedMemoryIsTracked) {
  const Pushed pushed;
  void* pinned = nullptr;
  CHECK_EQ(cuMemHostAlloc(&pinned, kSize, triton_lite::cuda::kHostPortable), kSuccess);
  std::memset(pinned, 1, kSize);
  CHECK_EQ(fakeCudaLive("pinned"), 1);
  unsigned type = 0;
  const auto address = reinterpret_cast<DevicePointer>(pinned);
  CHECK_EQ(cuPointerGetAttribute(&type, triton_lite::cuda::kAttributeMemoryType, address + 1), kSuccess);
  CHECK_EQ(type, 1U);
  CHECK_EQ(cuMemFreeHost(static_cast<char*>(pinned) + 1), kInvalidValue);
  CHECK_EQ(cuMemFreeHost(pinned), kSuccess);
  CHECK_EQ(cuMemFreeHost(pinned), kInvalidValue);
  CHECK_EQ(cuMemHostAlloc(&pinned, kSize, 64), kInvalidValue);
  CHECK_EQ(cuMemHostAlloc(&pinned, 0, 0), kInvalidValue);
  CHECK_EQ(fakeCudaLive("pinned"), 0);
  CHECK_EQ(cuPointerGetAttribute(&type, triton_lite::cuda::kAttributeMemoryType, address), kInvalidValue);
}

TEST(HandlesOpenInOtherProcesses) {
  const Pushed pushed(1);
  const DeviceBytes device(Counting());
  const IpcHandle handle = device.handle();
  other->Send({'o', handle});
  const OtherProcess::Answer answer = other->Receive();
  CHECK_EQ(answer.opened, kSuccess);
  CHECK_EQ(answer.opened_again, kSuccess);
  CHECK(answer.same_address);
  CHECK_EQ(answer.size, kSize);
  CHECK_EQ(answer.device, 1);
  CHECK_EQ(answer.first, 2);
  CHECK_EQ(answer.handles, 1);
  CHECK_EQ(answer.closed, kSuccess);
  CHECK_EQ(answer.closed_twice, kInvalidValue);
  CHECK_EQ(Read(device.pointer())[1], 3);
  DevicePointer pointer = 0;
  CHECK_EQ(cuIpcOpenMemHandle_v2(&pointer, handle, 1), kInvalidContext);  // The process's own.
  CHECK_EQ(cuIpcCloseMemHandle(device.pointer()), kInvalidValue);
}

TEST(BadHandlesAreRefused) {
  const Pushed pushed;
  IpcHandle handle{};
  {
    const DeviceBytes device;
    handle = device.handle();
    DevicePointer pointer = 0;
    CHECK_EQ(cuIpcOpenMemHandle_v2(&pointer, handle, 0), kInvalidValue);
  }
  other->Send({'o', handle});
  CHECK_EQ(other->Receive().opened, kInvalidHandle);  // Freed.
  handle.bytes[60] = std::byte{1};
  other->Send({'o', handle});
  CHECK_EQ(other->Receive().opened, kInvalidValue);
  std::memset(handle.bytes, 'A', sizeof(handle.bytes));
  other->Send({'o', handle});
  const OtherProcess::Answer answer = other->Receive();
  CHECK_EQ(answer.opened, kInvalidValue);
  CHECK_EQ(answer.handles, 0);
}

TEST(MemoryThatItsOwnerFreedFailsCopiesOnly) {
  const Pushed pushed;
  {
    const DeviceBytes device(Counting());
    other->Send({'f', device.handle()});
    CHECK_EQ(other->Receive().opened, kSuccess);
  }
  other->Send({});
  const OtherProcess::Answer answer = other->Receive();
  CHECK_EQ(answer.copied, kIllegalAddress);
  CHECK_EQ(answer.closed, kSuccess);
}

TEST(FailuresAreInjectedCallByCall) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  fakeCudaReset();
  fakeCudaFail("cuMemcpyDtoH_v2", 2, 719);
  Bytes host(kSize);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer(), 1), kSuccess);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer(), kSize), 719);
  CHECK_EQ(host[1], 0);
  CHECK_EQ(cuMemcpyDtoH_v2(host.data(), device.pointer(), kSize), kSuccess);
  CHECK_EQ(fakeCudaCalls("cuMemcpyDtoH_v2"), 3U);
  CHECK_EQ(fakeCudaInjected("cuMemcpyDtoH_v2"), 1U);
  fakeCudaFail("cuMemAlloc_v2", 0, kOutOfMemory);
  DevicePointer none = 0;
  CHECK_EQ(cuMemAlloc_v2(&none, 1), kOutOfMemory);
  CHECK_EQ(cuMemAlloc_v2(&none, 1), kOutOfMemory);
  CHECK_EQ(fakeCudaRefused("cuMemAlloc_v2"), 0U);
  fakeCudaReset();
  CHECK_EQ(fakeCudaCalls("cuMemcpyDtoH_v2"), 0U);
  CHECK_EQ(cuMemAlloc_v2(&none, 0), kInvalidValue);
  CHECK_EQ(fakeCudaRefused("cuMemAlloc_v2"), 1U);
}

TEST(StreamsThatFailLoseTheirCopies) {
  const Pushed pushed;
  const DeviceBytes device(Counting());
  const NewStream stream;
  Bytes host(kSize, 0);
  CHECK_EQ(cuMemcpyDtoHAsync_v2(host.data(), device.pointer(), kSize, stream.get()), kSuccess);
  fakeCudaFail("cuStreamSynchronize", 1, 719);
  CHECK_EQ(cuStreamSynchronize(stream.get()), 719);
  CHECK_EQ(fakeCudaLive("copies"), 0);
  CHECK_EQ(cuStreamSynchronize(stream.get()), kSuccess);
  CHECK(host == Bytes(kSize, 0));
}

TEST(ErrorsHaveTexts) {
  const char* text = nullptr;
  CHECK_EQ(cuGetErrorString(kInvalidValue, &text), kSuccess);
  CHECK_EQ(std::string(text), "invalid argument");
  CHECK_EQ(cuGetErrorString(12345, &text), kInvalidValue);
  CHECK(text == nullptr);
}

TEST(NothingIsLeft) {
  for (int kind = 0; fakeCudaKindName(kind) != nullptr; ++kind) {
    CHECK_EQ(fakeCudaLive(fakeCudaKindName(kind)), 0);
  }
}

int main(int argc, char** argv) {
  ::setenv("FAKE_CUDA_DEVICES", "2", 1);
  const OtherProcess process;
  other = &process;
  CHECK_EQ(cuInit(0), kSuccess);
  return triton_lite::testing::RunAll(argc, argv);
}
