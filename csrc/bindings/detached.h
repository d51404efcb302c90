// Work without the GIL, where that is worth its price.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <optional>

namespace triton_lite::bindings {

// Work on less is over sooner than letting the GIL go and taking it back.
inline constexpr std::size_t kLargeByteSize = 64 * 1024;

// Runs `work` without the GIL if it is worth it.
template <typename Work>
auto Detached(bool worth_it, Work work) {
  std::optional<pybind11::gil_scoped_release> release;
  if (worth_it) {
    release.emplace();
  }
  return work();
}

}  // namespace triton_lite::bindings
