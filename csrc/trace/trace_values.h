// Trace settings (protocol: trace extension), and how a call changes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace triton_lite {

// Bits: what is recorded of a sampled request. 0 (OFF): nothing is sampled.
using TraceLevel = std::uint32_t;
inline constexpr TraceLevel kTraceTimestamps = 1;
inline constexpr TraceLevel kTraceTensors = 2;

enum class TraceMode : std::uint8_t { kTriton, kOpenTelemetry };

struct TraceValues {
  TraceLevel level = 0;
  std::uint32_t rate = 1000;        // One request in so many.
  std::int32_t count = -1;          // Traces that are still to be made; negative: no limit.
  std::uint32_t log_frequency = 0;  // Traces in one indexed file; 0: no such files.
};

// What holds for the whole run of a server.
struct TraceConfig {
  TraceValues values;
  TraceMode mode = TraceMode::kTriton;
  std::string file;  // Mode triton.
};

// One value of a change: left as it is, set, or cleared (back to what it falls back to).
template <typename T>
struct TraceChange {
  std::optional<T> value;
  bool clear = false;
};

struct TraceChanges {
  TraceChange<TraceLevel> level;
  TraceChange<std::uint32_t> rate;
  TraceChange<std::int32_t> count;
  TraceChange<std::uint32_t> log_frequency;
};

}  // namespace triton_lite
