#include "log/log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <new>

#include "core/mutex.h"
#include "log/log_file.h"
#include "log/log_line.h"

namespace triton_lite {
namespace {

constexpr std::size_t kPageByteSize = 4096;

// Where lines go. Never destroyed: threads may log until the process has ended.
class Writer {
 public:
  void Configure(const LogOptions& options, const std::atomic<std::uint64_t>* generation) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    escape_ = options.escape;
    file_ = std::make_unique<LogFile>(STDERR_FILENO, options.file, generation);
  }

  void Write(const LogLine& line, LogFormat format) EXCLUDES(mu_) {
    std::string text;
    MutexLock lock(mu_);
    AppendLogLine(line, format, escape_, &text);
    file_->Write(text);
  }

  void WriteLines(std::string_view lines) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    file_->Write(lines);
  }

 private:
  Mutex mu_;
  bool escape_ GUARDED_BY(mu_) = true;
  std::unique_ptr<LogFile> file_ GUARDED_BY(mu_) = std::make_unique<LogFile>(STDERR_FILENO, "", nullptr);
};

Writer& TheWriter() {
  static Writer* const writer = new Writer;
  return *writer;
}

// The words of the page, mapped for good; null where there is none.
const std::atomic<std::uint64_t>* MapPage(const std::string& path) {
  if (path.empty()) {
    return nullptr;
  }
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) {
    return nullptr;
  }
  struct stat status = {};
  void* const page = fstat(file, &status) == 0 && status.st_size >= static_cast<off_t>(kPageByteSize)
                         ? mmap(nullptr, kPageByteSize, PROT_READ, MAP_SHARED, file, 0)
                         : MAP_FAILED;
  close(file);
  return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::uint64_t>*>(page);
}

void Log(LogLine line, LogPlace place) {
  const LogSettings settings = CurrentLogSettings();
  if (!line.verbose && !settings.Wants(line.level)) {
    return;
  }
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  line.microseconds =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  line.process_id = getpid();
  line.file = place.file;
  line.line = place.line;
  TheWriter().Write(line, settings.format);
}

}  // namespace

void ConfigureLog(const LogOptions& options) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  const std::atomic<std::uint64_t>* const page = MapPage(options.page);
  TheWriter().Configure(options, page == nullptr ? nullptr : page + 1);
  log_detail::process_switch.own.store(options.settings.word(), std::memory_order_relaxed);
  log_detail::process_switch.page.store(page, std::memory_order_release);
}

void LogError(std::string_view text, LogPlace place) { Log({.level = LogLevel::kError, .text = text}, place); }
void LogWarning(std::string_view text, LogPlace place) { Log({.level = LogLevel::kWarning, .text = text}, place); }
void LogInfo(std::string_view text, LogPlace place) { Log({.level = LogLevel::kInfo, .text = text}, place); }
void LogVerbose(std::uint32_t level, std::string_view text, LogPlace place) {
  if (VerboseLog(level)) {
    Log({.verbose = true, .text = text}, place);
  }
}

void LogRequestError(std::string_view request_id, std::string_view text, LogPlace place) {
  Log({.level = LogLevel::kError, .request_id = request_id, .text = text}, place);
}
void LogRequestWarning(std::string_view request_id, std::string_view text, LogPlace place) {
  Log({.level = LogLevel::kWarning, .request_id = request_id, .text = text}, place);
}
void LogRequestVerbose(std::uint32_t level, std::string_view request_id, std::string_view text, LogPlace place) {
  if (VerboseLog(level)) {
    Log({.verbose = true, .request_id = request_id, .text = text}, place);
  }
}

const std::atomic<std::uint64_t>* LogReopenings() {
  const std::atomic<std::uint64_t>* const page = log_detail::process_switch.page.load(std::memory_order_acquire);
  return page == nullptr ? nullptr : page + 1;
}

void WriteLogLines(std::string_view lines) { TheWriter().WriteLines(lines); }

}  // namespace triton_lite
