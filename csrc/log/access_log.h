// A line for each inference request, written by a thread of its own: who asks costs a copy of a hundred bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/mutex.h"
#include "core/status.h"
#include "log/log_file.h"

namespace triton_lite {

// What is known of a request at its end. Views are copied by AccessLog::Add.
struct Access {
  std::string_view request_id = {};
  std::string_view protocol = {};  // "http", "grpc", …: the front end it came through.
  std::string_view peer = {};      // The client's address, if the front end said it.
  std::string_view model = {};
  std::string_view version = {};
  Code status = Code::kOk;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t queue_nanoseconds = 0;
  std::uint64_t compute_nanoseconds = 0;
  std::uint64_t total_nanoseconds = 0;
  std::uint64_t end = 0;  // Steady-clock nanoseconds.
};

// Thread-safe. When the file cannot be written as fast as lines come, lines are left out rather than requests held up,
// and a line says how many.
class AccessLog {
 public:
  // Appends to the file `path`, which is opened anew when it was moved; "-": to the log of this process. INTERNAL where
  // it cannot be opened.
  static Result<std::unique_ptr<AccessLog>> Open(const std::string& path);
  // Writes what is left.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void Add(const Access& access) EXCLUDES(mu_);

 private:
  class Output;
  explicit AccessLog(std::unique_ptr<Output> output);
  void Run() EXCLUDES(mu_);
  // The records gathered meanwhile; false when there are none and none will come.
  bool Take(std::vector<char>* records, std::uint64_t* dropped) EXCLUDES(mu_);

  const std::unique_ptr<Output> output_;  // The thread's.
  Mutex mu_;
  CondVar changed_;
  std::vector<char> records_ GUARDED_BY(mu_);
  std::uint64_t dropped_ GUARDED_BY(mu_) = 0;
  bool stopping_ GUARDED_BY(mu_) = false;
  std::thread thread_;  // The last: it uses the others.
};

// The access log of this process; null when there is none. Set at its start, ended when no request comes any more.
AccessLog* ProcessAccessLog();
Status StartProcessAccessLog(const std::string& path);
void StopProcessAccessLog();

// As gRPC spells it: "INVALID_ARGUMENT".
std::string_view CodeName(Code code);

}  // namespace triton_lite
