// Lines of many threads and processes in one file: whole, as the shared settings say, and in the file that is there.
#include "log/log.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace triton_lite;

namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const fs::path& path) {
  std::istringstream text(ReadAll(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    lines.push_back(line);
  }
  return lines;
}

// The page, as another process would write it.
class Page {
 public:
  explicit Page(const fs::path& path) : file_(open(path.c_str(), O_RDWR | O_CREAT, 0600)) {
    CHECK(file_ >= 0 && ftruncate(file_, 4096) == 0);
  }
  ~Page() { close(file_); }
  void Set(int index, std::uint64_t word) const { CHECK_EQ(pwrite(file_, &word, 8, index * 8), 8); }

 private:
  const int file_;
};

// A log of its own, on standard error as long as this lives.
class LogHere {
 public:
  LogHere()
      : folder_(fs::temp_directory_path() / ("log_test_" + std::to_string(getpid()))), before_(dup(STDERR_FILENO)) {
    fs::create_directory(folder_);
    const int file = open(log().c_str(), O_WRONLY | O_APPEND | O_CREAT, 0644);
    CHECK(file >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
    close(file);
    page_.emplace(folder_ / "page");
    ConfigureLog({.settings = {.info = false}, .file = log(), .page = folder_ / "page"});
  }
  ~LogHere() {
    ConfigureLog({});
    dup2(before_, STDERR_FILENO);
    close(before_);
    fs::remove_all(folder_);
  }

  fs::path log() const { return folder_ / "log"; }
  const Page& page() const { return *page_; }

 private:
  const fs::path folder_;
  const int before_;
  std::optional<Page> page_;
};

TEST(Place) {
  const LogHere here;
  const fs::path log = here.log();

  const unsigned line = __LINE__ + 1;
  LogWarning("here");
  CHECK(ReadAll(log).find("log_test.cc:" + std::to_string(line) + "] \"here\"") != std::string::npos);
}

TEST(Settings) {
  const LogHere here;
  const fs::path log = here.log();
  const Page& page = here.page();

  LogInfo("hidden");
  LogVerbose(1, "hidden");
  CHECK(!VerboseLog(1));
  page.Set(0, LogSettings{.info = true, .warning = false, .format = LogFormat::kIso8601, .verbose = 2}.word());
  CHECK(VerboseLog(2) && !VerboseLog(3));
  LogInfo("info");
  LogWarning("hidden");
  LogRequestVerbose(2, "one", "verbose");
  LogVerbose(3, "hidden");
  const std::string text = ReadAll(log);
  CHECK(text.find("hidden") == std::string::npos);
  CHECK(text.find("Z I ") != std::string::npos);
  CHECK(text.find("\"[request id: one] verbose\"") != std::string::npos);
  page.Set(0, 0);
  CHECK(!VerboseLog(1));
}

TEST(Reopening) {
  const LogHere here;
  const fs::path log = here.log();
  const Page& page = here.page();

  const fs::path old = log.string() + ".1";
  fs::rename(log, old);
  page.Set(1, 1);
  LogWarning("after the move");
  CHECK(ReadAll(log).find("after the move") != std::string::npos);
  CHECK(ReadAll(old).find("after the move") == std::string::npos);
  fs::resize_file(log, 0);  // copytruncate
  LogWarning("after the cut");
  CHECK_EQ(Lines(log).size(), std::size_t{1});
}

TEST(WholeLines) {
  const LogHere here;
  const fs::path log = here.log();
  const Page& page = here.page();

  constexpr int kProcesses = 3, kThreads = 3, kLines = 300;
  fs::resize_file(log, 0);
  const std::string text(3000, 'x');
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&text] {
          for (int i = 0; i < kLines; ++i) {
            LogWarning(text);
          }
        });
      }
      for (std::thread& thread : threads) {
        thread.join();
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (std::uint64_t i = 2; i < 50; ++i) {  // Nobody minds being told to open the same file again.
    page.Set(1, i);
    LogWarning(text);
  }
  for (const pid_t child : children) {
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
  }
  const std::vector<std::string> lines = Lines(log);
  CHECK_EQ(lines.size(), std::size_t{kProcesses * kThreads * kLines + 48});
  for (const std::string& line : lines) {
    CHECK(line.starts_with("W") && line.ends_with("] \"" + text + "\""));
  }
}

}  // namespace

TEST_MAIN()
