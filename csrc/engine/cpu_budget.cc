#include "engine/cpu_budget.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

namespace triton_lite {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

std::optional<double> Tighter(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) {
    return a ? a : b;
  }
  return std::min(*a, *b);
}

// Whether the comma-separated `list` has `item`.
bool Lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == item) {
      return true;
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<double> CoresV1(const std::string& folder) {
  const auto quota = ParseInteger(ReadText(folder + "/cpu.cfs_quota_us"));
  const auto period = ParseInteger(ReadText(folder + "/cpu.cfs_period_us"));
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// Walks from `group` to the root: a limit further up binds as well.
template <typename ReadLimit>
std::optional<double> WalkUp(const std::string& base, std::string group, ReadLimit read_limit) {
  std::optional<double> tightest;
  while (true) {
    tightest = Tighter(tightest, read_limit(base + (group == "/" ? "" : group)));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos || group == "/" || group.empty()) {
      return tightest;
    }
    group.resize(slash);
  }
}

std::int32_t AffinityCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
    return CPU_COUNT(&set);
  }
  return std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
}

}  // namespace

std::optional<double> ParseCpuMax(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) {
    return std::nullopt;
  }
  const auto quota = ParseInteger(text.substr(0, blank));
  const auto period = ParseInteger(text.substr(blank + 1));
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> CgroupCores(const std::string& root, std::string_view membership) {
  std::optional<double> tightest;
  std::istringstream lines{std::string(membership)};
  for (std::string line; std::getline(lines, line);) {
    // hierarchy-ID:controllers:path; v2 has no controllers.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      tightest = Tighter(
          tightest, WalkUp(root, group, [](const std::string& at) { return ParseCpuMax(ReadText(at + "/cpu.max")); }));
    } else if (Lists(controllers, "cpu")) {
      tightest = Tighter(tightest, WalkUp(root + "/cpu", group, CoresV1));
    }
  }
  return tightest;
}

std::int32_t AvailableCores() {
  static const std::int32_t cores = [] {
    const std::int32_t affinity = AffinityCores();
    const auto quota = CgroupCores("/sys/fs/cgroup", ReadText("/proc/self/cgroup"));
    return quota ? std::clamp(static_cast<std::int32_t>(std::ceil(std::min(*quota, 65536.0))), 1, affinity) : affinity;
  }();
  return cores;
}

std::int32_t CoresPerInstance(std::int32_t cores, std::int32_t instances) {
  return std::max(1, cores / std::max(1, instances));
}

}  // namespace triton_lite
