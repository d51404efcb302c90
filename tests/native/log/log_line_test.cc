// Lines have Triton's forms, and nothing in them can forge another.
#include "log/log_line.h"

#include <algorithm>

#include "check.h"

using namespace triton_lite;

namespace {

// 2026-11-24 06:23:00.123456 UTC.
constexpr std::uint64_t kTime = 1795501380123456;

std::string Line(std::string_view text, LogFormat format, std::optional<std::string_view> id = std::nullopt,
                 bool escape = true) {
  std::string out;
  AppendLogLine({.level = LogLevel::kWarning,
                 .microseconds = kTime,
                 .process_id = 7,
                 .file = "/a/b/file.cc",
                 .line = 12,
                 .request_id = id,
                 .text = text},
                format, escape, &out);
  return out;
}

TEST(Forms) {
  CHECK_EQ(Line("text", LogFormat::kDefault), "W1124 06:23:00.123456 7 file.cc:12] \"text\"\n");
  CHECK_EQ(Line("text", LogFormat::kIso8601), "2026-11-24T06:23:00Z W 7 file.cc:12] \"text\"\n");
  CHECK_EQ(Line("text", LogFormat::kJson),
           "{\"time\":\"2026-11-24T06:23:00.123456Z\",\"level\":\"warning\",\"pid\":7,\"source\":\"file.cc:12\","
           "\"message\":\"text\"}\n");
}

TEST(RequestIds) {
  CHECK_EQ(Line("text", LogFormat::kDefault, "one"),
           "W1124 06:23:00.123456 7 file.cc:12] \"[request id: one] text\"\n");
  CHECK_EQ(Line("text", LogFormat::kDefault, ""),
           "W1124 06:23:00.123456 7 file.cc:12] \"[request id: <id_unknown>] text\"\n");
  CHECK(Line("text", LogFormat::kJson, "one").find("\"request_id\":\"one\",\"message\":\"text\"") != std::string::npos);
}

TEST(Escapes) {
  const std::string hostile = "x\nE1124 \"q\" \\ \x1b[31m \x7f \xc2\x9b \xe2\x80\xa8 \xff \xc3\xa9 \b";
  for (const LogFormat format : {LogFormat::kDefault, LogFormat::kIso8601, LogFormat::kJson}) {
    const std::string line = Line(hostile, format, hostile);
    CHECK_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    CHECK(line.find("x\\nE1124 \\\"q\\\" \\\\ \\u001B[31m \\u007F \\u009B \\u2028 \xef\xbf\xbd \xc3\xa9 \\b") !=
          std::string::npos);
  }
}

TEST(Unescaped) {
  CHECK_EQ(Line("a \"b\"", LogFormat::kDefault, "i", false),
           "W1124 06:23:00.123456 7 file.cc:12] [request id: i] a \"b\"\n");
  const std::string json = Line("a\nb", LogFormat::kJson, "i", false);
  CHECK_EQ(std::count(json.begin(), json.end(), '\n'), 1);
}

TEST(SettingsWord) {
  const LogSettings settings{.info = false, .warning = true, .error = false, .format = LogFormat::kJson, .verbose = 5};
  const LogSettings read = LogSettings::FromWord(settings.word());
  CHECK_EQ(settings.word(), std::uint64_t{5} << 32 | 2 << 4 | 4 | 1);
  CHECK(!read.info && read.warning && !read.error && read.format == LogFormat::kJson && read.verbose == 5);
}

}  // namespace

TEST_MAIN()
