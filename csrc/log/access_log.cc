#include "log/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>

#include "core/request.h"
#include "log/log.h"
#include "log/log_line.h"

namespace triton_lite {
namespace {

constexpr auto kGather = std::chrono::milliseconds(50);
constexpr std::size_t kEnoughByteSize = 256 * 1024;
constexpr std::size_t kMostByteSize = 32 * 1024 * 1024;
// Lines of one write.
constexpr std::size_t kWriteByteSize = 64 * 1024;
// More of an id, a name or an address is cut.
constexpr std::size_t kMostTextByteSize = 1024;

// A record as it waits: this, then its texts.
struct Record {
  Access access;  // Without its views.
  std::array<std::uint16_t, 5> sizes;
};

std::array<std::string_view*, 5> Texts(Access& access) {
  return {&access.request_id, &access.protocol, &access.peer, &access.model, &access.version};
}

void AppendRecord(Access access, std::vector<char>* records) {
  Record record;
  std::size_t byte_size = sizeof record;
  std::size_t i = 0;
  for (std::string_view* const text : Texts(access)) {
    *text = text->substr(0, kMostTextByteSize);
    record.sizes[i++] = static_cast<std::uint16_t>(text->size());
    byte_size += text->size();
  }
  record.access = access;
  const std::size_t at = records->size();
  records->resize(at + byte_size);
  char* to = records->data() + at;
  std::memcpy(to, &record, sizeof record);
  to += sizeof record;
  for (const std::string_view* const text : Texts(access)) {
    to = std::copy(text->begin(), text->end(), to);  // Some are empty and lie nowhere.
  }
}

// Moves `at` behind the record there.
Access ReadRecord(const char** at) {
  Record record;
  std::memcpy(static_cast<void*>(&record), *at, sizeof record);
  *at += sizeof record;
  std::size_t i = 0;
  for (std::string_view* const text : Texts(record.access)) {
    *text = {*at, record.sizes[i]};
    *at += record.sizes[i++];
  }
  return record.access;
}

// Writes members in either form: ` name=value`, or `,"name":value`.
class Members {
 public:
  Members(bool json, std::string* out) : json_(json), out_(out) {}

  void Text(std::string_view name, std::string_view text) {
    Name(name);
    if (json_) {
      out_->push_back('"');
    }
    AppendEscaped(text, out_);
    if (json_) {
      out_->push_back('"');
    }
  }

  void Number(std::string_view name, std::uint64_t number) {
    Name(name);
    char digits[24];
    out_->append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }

 private:
  void Name(std::string_view name) {
    out_->append(json_ ? ",\"" : " ");
    out_->append(name);
    out_->append(json_ ? "\":" : "=");
  }

  const bool json_;
  std::string* const out_;
};

void AppendAccess(const Access& access, LogLine line, LogFormat format, std::string* out) {
  const bool json = format == LogFormat::kJson;
  if (json) {
    line.request_id = access.request_id;
  }
  AppendLogHead(line, format, out);
  if (json) {
    out->append("\"access\"");
  } else {
    out->append("\"[request id: ");
    AppendEscaped(access.request_id.empty() ? "<id_unknown>" : access.request_id, out);
    out->append("] access");
  }
  Members members(json, out);
  members.Text("protocol", access.protocol);
  members.Text("peer", access.peer.empty() ? "-" : access.peer);
  members.Text("model", access.model);
  members.Text("version", access.version.empty() ? "-" : access.version);
  members.Text("status", CodeName(access.status));
  members.Number("bytes_in", access.bytes_in);
  members.Number("bytes_out", access.bytes_out);
  members.Number("queue_us", access.queue_nanoseconds / 1000);
  members.Number("compute_us", access.compute_nanoseconds / 1000);
  members.Number("total_us", access.total_nanoseconds / 1000);
  out->append(json ? "}\n" : "\"\n");
}

// What has to be added to a steady-clock reading for nanoseconds since 1970.
std::uint64_t SteadyToWallNanoseconds() {
  timespec wall = {};
  clock_gettime(CLOCK_REALTIME, &wall);
  return static_cast<std::uint64_t>(wall.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(wall.tv_nsec) -
         NowNanoseconds();
}

}  // namespace

std::string_view CodeName(Code code) {
  constexpr std::array<std::string_view, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

// Where the lines go.
class AccessLog::Output {
 public:
  Output() = default;
  Output(int descriptor, const std::string& path)
      : descriptor_(descriptor), file_(std::make_unique<LogFile>(descriptor, path, LogReopenings())) {}
  ~Output() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(const std::vector<char>& records, std::uint64_t dropped) {
    const std::uint64_t to_wall = SteadyToWallNanoseconds();
    const LogFormat format = CurrentLogSettings().format;
    LogLine line{.process_id = getpid(), .file = "access_log.cc", .line = __LINE__};
    for (const char* at = records.data(); at < records.data() + records.size();) {
      const Access access = ReadRecord(&at);
      line.microseconds = (access.end + to_wall) / 1000;
      AppendAccess(access, line, format, &lines_);
      if (lines_.size() >= kWriteByteSize) {
        Flush();
      }
    }
    if (dropped > 0) {
      const std::string text =
          std::to_string(dropped) + " lines of the access log were left out: too many for its file";
      line.level = LogLevel::kWarning;
      line.text = text;
      AppendLogLine(line, format, true, &lines_);
    }
    Flush();
  }

 private:
  void Flush() {
    if (file_ != nullptr) {
      file_->Write(lines_);
    } else {
      WriteLogLines(lines_);
    }
    lines_.clear();
  }

  const int descriptor_ = -1;
  const std::unique_ptr<LogFile> file_;  // Null: the log's.
  std::string lines_;
};

Result<std::unique_ptr<AccessLog>> AccessLog::Open(const std::string& path) {
  if (path == "-") {
    return std::unique_ptr<AccessLog>(new AccessLog(std::make_unique<Output>()));
  }
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Internal("the access log " + path + " cannot be opened: " + std::strerror(errno));
  }
  return std::unique_ptr<AccessLog>(new AccessLog(std::make_unique<Output>(descriptor, path)));
}

AccessLog::AccessLog(std::unique_ptr<Output> output) : output_(std::move(output)), thread_([this] { Run(); }) {}

AccessLog::~AccessLog() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void AccessLog::Add(const Access& access) {
  bool wake = false;
  {
    MutexLock lock(mu_);
    const std::size_t before = records_.size();
    if (before >= kMostByteSize) {
      ++dropped_;
      return;
    }
    AppendRecord(access, &records_);
    wake = before == 0 || (before < kEnoughByteSize && records_.size() >= kEnoughByteSize);
  }
  if (wake) {
    changed_.NotifyOne();
  }
}

bool AccessLog::Take(std::vector<char>* records, std::uint64_t* dropped) {
  records->clear();
  MutexLock lock(mu_);
  while (records_.empty() && !stopping_) {
    changed_.Wait(mu_);
  }
  // One wake-up and one write for many requests.
  const auto deadline = std::chrono::steady_clock::now() + kGather;
  while (!stopping_ && records_.size() < kEnoughByteSize && changed_.WaitUntil(mu_, deadline)) {
  }
  records->swap(records_);
  *dropped = std::exchange(dropped_, 0);
  return !records->empty();
}

void AccessLog::Run() {
  std::vector<char> records;
  std::uint64_t dropped = 0;
  while (Take(&records, &dropped)) {
    output_->Write(records, dropped);
  }
}

namespace {

std::atomic<AccessLog*> process_access_log{nullptr};

}  // namespace

AccessLog* ProcessAccessLog() { return process_access_log.load(std::memory_order_acquire); }

Status StartProcessAccessLog(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<AccessLog> log, AccessLog::Open(path));
  const std::unique_ptr<AccessLog> before(process_access_log.exchange(log.release(), std::memory_order_acq_rel));
  return {};
}

void StopProcessAccessLog() {
  const std::unique_ptr<AccessLog> before(process_access_log.exchange(nullptr, std::memory_order_acq_rel));
}

}  // namespace triton_lite
