// The access log: every request once, whole lines, in the log's format; a full file drops lines, not requests.
#include "log/access_log.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/request.h"
#include "log/log.h"

using namespace triton_lite;

namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("access_log_test_" + std::to_string(getpid()))) {
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file() const { return path_ / "access"; }

  std::vector<std::string> Lines() const {
    std::ifstream text(file());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) {
      lines.push_back(line);
    }
    return lines;
  }

 private:
  const fs::path path_;
};

Access Example(std::string_view id) {
  return {.request_id = id,
          .protocol = "http",
          .peer = "127.0.0.1:4711",
          .model = "simple",
          .version = "1",
          .status = Code::kInvalidArgument,
          .bytes_in = 128,
          .bytes_out = 256,
          .queue_nanoseconds = 12'999,
          .compute_nanoseconds = 345'000,
          .total_nanoseconds = 400'000,
          .end = NowNanoseconds()};
}

bool EndsWith(const std::vector<std::string>& lines, std::size_t index, std::string_view end) {
  return index < lines.size() && std::string_view(lines[index]).ends_with(end);
}

}  // namespace

TEST(Forms) {
  const Folder folder;
  const auto write = [&](Access access) {
    auto log = AccessLog::Open(folder.file());
    REQUIRE(log.ok());
    (*log)->Add(access);
  };
  ConfigureLog({});
  write(Example("one"));
  Access bare = Example("");
  bare.peer = {};
  bare.version = {};
  bare.status = Code::kOk;
  write(bare);
  ConfigureLog({.settings = {.format = LogFormat::kJson}});
  write(Example("one"));
  ConfigureLog({});
  const auto lines = folder.Lines();
  CHECK(EndsWith(lines, 0,
                 "] \"[request id: one] access protocol=http peer=127.0.0.1:4711 model=simple version=1 "
                 "status=INVALID_ARGUMENT bytes_in=128 bytes_out=256 queue_us=12 compute_us=345 total_us=400\""));
  CHECK(lines[0].starts_with("I"));
  CHECK(EndsWith(lines, 1,
                 "] \"[request id: <id_unknown>] access protocol=http peer=- model=simple version=- status=OK "
                 "bytes_in=128 bytes_out=256 queue_us=12 compute_us=345 total_us=400\""));
  CHECK(EndsWith(lines, 2,
                 "\"request_id\":\"one\",\"message\":\"access\",\"protocol\":\"http\",\"peer\":\"127.0.0.1:4711\","
                 "\"model\":\"simple\",\"version\":\"1\",\"status\":\"INVALID_ARGUMENT\",\"bytes_in\":128,"
                 "\"bytes_out\":256,\"queue_us\":12,\"compute_us\":345,\"total_us\":400}"));
}

TEST(NothingForgesALine) {
  const Folder folder;
  const std::string hostile = std::string(2000, 'x') + "\n";
  {
    auto log = AccessLog::Open(folder.file());
    REQUIRE(log.ok());
    Access access = Example("a\nI1124 forged\" \x1b");
    access.model = hostile;
    (*log)->Add(access);
  }
  const auto lines = folder.Lines();
  CHECK_EQ(lines.size(), std::size_t{1});
  CHECK(lines[0].find("a\\nI1124 forged\\\" \\u001B]") != std::string::npos);
}

TEST(ManyThreads) {
  constexpr int kThreads = 4, kRequests = 5000;
  const Folder folder;
  {
    auto log = AccessLog::Open(folder.file());
    REQUIRE(log.ok());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < kRequests; ++i) {
          (*log)->Add(Example(std::to_string(t) + "-" + std::to_string(i)));
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  std::set<std::string> ids;
  for (const std::string& line : folder.Lines()) {
    CHECK(line.ends_with("total_us=400\""));
    const std::size_t start = line.find("id: ");
    ids.insert(line.substr(start, line.find(']', start) - start));
  }
  CHECK_EQ(ids.size(), std::size_t{kThreads * kRequests});
}

TEST(OfTheProcess) {
  const Folder folder;
  CHECK(ProcessAccessLog() == nullptr);
  CHECK(StartProcessAccessLog(folder.file()).ok());
  REQUIRE(ProcessAccessLog() != nullptr);
  ProcessAccessLog()->Add(Example("one"));
  StopProcessAccessLog();
  CHECK(ProcessAccessLog() == nullptr);
  CHECK_EQ(folder.Lines().size(), std::size_t{1});
  const Status refused = StartProcessAccessLog(folder.file() + "/no");
  CHECK_EQ(refused.code(), Code::kInternal);
}

TEST_MAIN()
