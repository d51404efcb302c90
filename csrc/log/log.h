// The log of this process's native threads: lines in the format and the place of the Python processes' log, without
// the GIL.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "log/log_settings.h"

namespace triton_lite {

// The place in the sources that a line names.
struct LogPlace {
  const char* file;
  std::uint32_t line;
  static constexpr LogPlace Here(const char* file = __builtin_FILE(), std::uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
};

namespace log_detail {

// Own settings count until somebody sets others at run time, in the page that the server's processes share.
struct Switch {
  std::atomic<std::uint64_t> own{LogSettings{.info = false}.word()};
  std::atomic<const std::atomic<std::uint64_t>*> page{nullptr};

  std::uint64_t word() const {
    const std::atomic<std::uint64_t>* const shared = page.load(std::memory_order_acquire);
    const std::uint64_t set = shared == nullptr ? 0 : shared->load(std::memory_order_relaxed);
    return set != 0 ? set : own.load(std::memory_order_relaxed);
  }
};
inline constinit Switch process_switch;

}  // namespace log_detail

struct LogOptions {
  LogSettings settings = {};
  std::string file =
      {};  // What standard error is open for, to be opened anew when it was moved; "" if it is no log file.
  std::string page = {};  // The file of the shared page (python/triton_lite/logs/board.py); "" for none.
  bool escape = true;
};

// Before that, warnings and errors go to standard error. Thread-safe, but meant for a process's start.
void ConfigureLog(const LogOptions& options);

inline LogSettings CurrentLogSettings() { return LogSettings::FromWord(log_detail::process_switch.word()); }
// Ask before a text is put together that is rarely wanted. A few loads.
inline bool VerboseLog(std::uint32_t level) { return log_detail::process_switch.word() >> 32 >= level; }

// A line, if its level is wanted; written before these return.
void LogError(std::string_view text, LogPlace place = LogPlace::Here());
void LogWarning(std::string_view text, LogPlace place = LogPlace::Here());
void LogInfo(std::string_view text, LogPlace place = LogPlace::Here());
void LogVerbose(std::uint32_t level, std::string_view text, LogPlace place = LogPlace::Here());

// The same about one request, whose id may be empty.
void LogRequestError(std::string_view request_id, std::string_view text, LogPlace place = LogPlace::Here());
void LogRequestWarning(std::string_view request_id, std::string_view text, LogPlace place = LogPlace::Here());
void LogRequestVerbose(std::uint32_t level, std::string_view request_id, std::string_view text,
                       LogPlace place = LogPlace::Here());

// How often log files were to be opened anew; null where nobody can ask for it.
const std::atomic<std::uint64_t>* LogReopenings();

// Lines that are complete, to where the log goes. For writers of many.
void WriteLogLines(std::string_view lines);

}  // namespace triton_lite
