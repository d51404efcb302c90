#include "trace/trace_writer.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "check.h"
#include "trace/fakes.h"
#include "trace/trace_json.h"

using namespace triton_lite;
using triton_lite::testing::Record;

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("tl_trace_" + std::to_string(getpid()))) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  const std::filesystem::path path_;
};

std::string Read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string ArrayOf(std::initializer_list<std::uint64_t> ids) {
  std::string json = "[";
  for (const std::uint64_t id : ids) {
    json += json.size() > 1 ? "," : "";
    json += TraceToJson(Record(id));
  }
  return json + "]";
}

void NoLog(const std::string& text) { triton_lite::testing::Report(__FILE__, __LINE__, "unexpected: " + text); }

}  // namespace

TEST(AppendsToOneFile) {
  const Folder folder;
  TraceWriter writer(folder.file("trace"), NoLog);
  writer.Put({Record(1), Record(2)}, false);
  writer.Put({TraceRecord()}, false);
  writer.Put({Record(3)}, false);
  writer.Close();
  CHECK_EQ(Read(folder.file("trace")), ArrayOf({1, 2, 3}));
  writer.Put({Record(4)}, false);
  writer.Close();
  CHECK_EQ(Read(folder.file("trace")), ArrayOf({1, 2, 3}));
}

TEST(WritesIndexedFiles) {
  const Folder folder;
  TraceWriter writer(folder.file("trace"), NoLog);
  writer.Put({Record(1), Record(2)}, true);
  writer.Put({Record(3)}, true);
  writer.Close();
  CHECK_EQ(Read(folder.file("trace.0")), ArrayOf({1, 2}));
  CHECK_EQ(Read(folder.file("trace.1")), ArrayOf({3}));
  CHECK(!std::filesystem::exists(folder.file("trace")));
}

TEST(WritesNothingOfNothing) {
  const Folder folder;
  {
    TraceWriter writer(folder.file("trace"), NoLog);
  }
  CHECK(!std::filesystem::exists(folder.file("trace")));
}

TEST(SaysWhatCanNotBeWritten) {
  const Folder folder;
  std::string said;
  TraceWriter writer(folder.file("none/trace"), [&said](const std::string& text) { said = text; });
  writer.Put({Record(1)}, true);
  writer.Close();
  CHECK(said.find("failed creating trace file") == 0);
}

TEST(TakesFromManyThreads) {
  const Folder folder;
  TraceWriter writer(folder.file("trace"), NoLog);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&writer] {
      for (int j = 0; j < 500; ++j) {
        writer.Put({Record(9)}, false);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  writer.Close();
  const std::string one = TraceToJson(Record(9));
  const std::string all = Read(folder.file("trace"));
  CHECK_EQ(all.size(), 2000 * (one.size() + 1) + 1);
  CHECK_EQ(all.back(), ']');
}

TEST_MAIN()
