// How many cores this process may use: cores by cgroup quota and affinity (DESIGN: CPU defaults).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace triton_lite {

// Cores of one cgroup's limit: "max 100000" is none, "150000 100000" is 1.5. Nothing for other texts.
std::optional<double> ParseCpuMax(std::string_view text);

// The tightest quota of the process's cgroup and those above it (v2, then v1), below `root`.
// `membership` is the text of /proc/self/cgroup.
std::optional<double> CgroupCores(const std::string& root, std::string_view membership);

// Whole cores, at least 1: the smaller of the affinity mask and the quota, rounded up. Read once a process.
std::int32_t AvailableCores();

// Cores for each of `instances` that can run at once, at least 1.
std::int32_t CoresPerInstance(std::int32_t cores, std::int32_t instances);

}  // namespace triton_lite
