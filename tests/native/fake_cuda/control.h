// Rules for failures, and counters: in the file FAKE_CUDA_CONTROL, which tests of other processes map too, else in
// memory of this process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fake_cuda/functions.h"

namespace fake_cuda {

enum class Kind { kAllocations, kHandles, kStreams, kPinned, kContexts, kCopies, kCount };
inline constexpr std::array kKindNames{"allocations", "handles", "streams", "pinned", "contexts", "copies"};
static_assert(kKindNames.size() == static_cast<std::size_t>(Kind::kCount));

#define FAKE_CUDA_NAME(name, ...) #name,
inline constexpr std::array kFunctionNames{FAKE_CUDA_FUNCTIONS(FAKE_CUDA_NAME)};
#undef FAKE_CUDA_NAME
static_assert(kFunctionNames.size() == static_cast<std::size_t>(Function::kCount));

inline constexpr std::uint64_t kEveryCall = ~std::uint64_t{0};

struct FunctionControl {
  std::atomic<std::uint64_t> calls;
  std::atomic<std::uint64_t> fail_at;  // The number of the call that fails, from 1; 0 is none, kEveryCall each.
  std::atomic<std::uint64_t> code;
  std::atomic<std::uint64_t> injected;
  std::atomic<std::uint64_t> refused;
};

// The file, from its first byte on; all zero at the beginning.
struct Control {
  std::array<std::atomic<std::int64_t>, static_cast<std::size_t>(Kind::kCount)> live;
  std::array<FunctionControl, static_cast<std::size_t>(Function::kCount)> functions;

  FunctionControl& of(Function function) { return functions[static_cast<std::size_t>(function)]; }
  void Count(Kind kind, std::int64_t change) { live[static_cast<std::size_t>(kind)] += change; }

  // Counts a call; other than kSuccess is what it fails with.
  int Enter(Function function);
};

Control& TheControl();

// By name; a name that is none ends the program, since the test is wrong then.
FunctionControl& FunctionNamed(std::string_view name);
std::int64_t LiveNamed(std::string_view name);

}  // namespace fake_cuda
