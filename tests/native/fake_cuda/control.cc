#include "fake_cuda/control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fake_cuda/fake_cuda.h"
#include "fake_cuda/result.h"

namespace fake_cuda {
namespace {

[[noreturn]] void End(const char* what, std::string_view which) {
  std::fprintf(stderr, "fake_cuda: %s: %.*s\n", what, static_cast<int>(which.size()), which.data());
  std::abort();
}

template <typename Names>
std::size_t IndexOf(const Names& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    End("no such name", name);
  }
  return static_cast<std::size_t>(found - names.begin());
}

// Never unmapped: threads may be in the driver until the process is gone.
Control& Map() {
  const char* path = std::getenv("FAKE_CUDA_CONTROL");
  const int file = path != nullptr ? ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (path != nullptr && (file < 0 || ::ftruncate(file, sizeof(Control)) != 0)) {
    End("cannot use", path);
  }
  const int sharing = path != nullptr ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  void* place = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, sharing, file, 0);
  if (place == MAP_FAILED) {
    End("cannot map", path != nullptr ? path : "memory");
  }
  if (file >= 0) {
    (void)::close(file);
  }
  return *static_cast<Control*>(place);
}

}  // namespace

int Control::Enter(Function function) {
  FunctionControl& control = of(function);
  const std::uint64_t call = ++control.calls;
  const std::uint64_t fail_at = control.fail_at;
  if (fail_at != call && fail_at != kEveryCall) {
    return kSuccess;
  }
  ++control.injected;
  return static_cast<int>(control.code);
}

Control& TheControl() {
  static Control& control = Map();
  return control;
}

FunctionControl& FunctionNamed(std::string_view name) { return TheControl().functions[IndexOf(kFunctionNames, name)]; }

std::int64_t LiveNamed(std::string_view name) { return TheControl().live[IndexOf(kKindNames, name)]; }

}  // namespace fake_cuda

void fakeCudaFail(const char* function, int nth_call, int code) {
  fake_cuda::FunctionControl& control = fake_cuda::FunctionNamed(function);
  control.code = static_cast<std::uint64_t>(code);
  control.fail_at = nth_call == 0 ? fake_cuda::kEveryCall : control.calls + static_cast<std::uint64_t>(nth_call);
}

void fakeCudaReset() {
  for (fake_cuda::FunctionControl& control : fake_cuda::TheControl().functions) {
    control.fail_at = 0;
    control.calls = 0;
    control.injected = 0;
    control.refused = 0;
  }
}

long long fakeCudaLive(const char* kind) { return fake_cuda::LiveNamed(kind); }
unsigned long long fakeCudaCalls(const char* function) { return fake_cuda::FunctionNamed(function).calls; }
unsigned long long fakeCudaInjected(const char* function) { return fake_cuda::FunctionNamed(function).injected; }
unsigned long long fakeCudaRefused(const char* function) { return fake_cuda::FunctionNamed(function).refused; }

const char* fakeCudaFunctionName(int number) {
  const auto& names = fake_cuda::kFunctionNames;
  return number < static_cast<int>(names.size()) ? names[static_cast<std::size_t>(number)] : nullptr;
}

const char* fakeCudaKindName(int number) {
  const auto& names = fake_cuda::kKindNames;
  return number < static_cast<int>(names.size()) ? names[static_cast<std::size_t>(number)] : nullptr;
}
