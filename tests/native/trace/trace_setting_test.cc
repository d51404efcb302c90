#include "trace/trace_setting.h"

#include <thread>
#include <vector>

#include "check.h"
#include "trace/fakes.h"

using namespace triton_lite;
using triton_lite::testing::KeptTraces;
using triton_lite::testing::Record;

namespace {

using Sizes = std::vector<int>;

TraceConfig Config(std::uint32_t rate, std::int32_t count, std::uint32_t log_frequency = 0) {
  TraceConfig config;
  config.values = {.level = kTraceTimestamps, .rate = rate, .count = count, .log_frequency = log_frequency};
  config.file = "trace.json";
  return config;
}

TraceSettingPtr Make(const TraceConfig& config, std::shared_ptr<TraceOutput> output = std::make_shared<KeptTraces>()) {
  return std::make_shared<TraceSetting>(config, TraceSetting::Specified{}, std::move(output));
}

int Sampled(TraceSetting& setting, int requests, bool forced = false) {
  int sampled = 0;
  for (int i = 0; i < requests; ++i) {
    sampled += setting.Sample(forced) ? 1 : 0;
  }
  return sampled;
}

}  // namespace

TEST(SamplesOneRequestInSoMany) {
  const auto setting = Make(Config(3, -1));
  CHECK(!setting->Sample(false));
  CHECK(!setting->Sample(false));
  CHECK(setting->Sample(false));
  CHECK_EQ(Sampled(*setting, 30), 10);
}

TEST(StopsWhenTheCountIsUsedUp) {
  const auto setting = Make(Config(2, 3));
  CHECK_EQ(Sampled(*setting, 100), 3);
  CHECK_EQ(setting->values().count, 0);
  CHECK_EQ(Sampled(*setting, 5, /*forced=*/true), 5);
  CHECK_EQ(setting->values().count, 0);
}

TEST(CanOnlyBeForcedWithoutARate) {
  TraceConfig config = Config(0, -1);
  config.mode = TraceMode::kOpenTelemetry;
  const auto setting = Make(config);
  CHECK_EQ(setting->problem(), "sample rate must be non-zero");
  CHECK_EQ(Sampled(*setting, 10), 0);
  CHECK_EQ(Sampled(*setting, 10, /*forced=*/true), 10);
}

TEST(SaysWhatIsWrong) {
  TraceConfig config = Config(1, -1);
  CHECK_EQ(Make(config)->problem(), "");
  config.file = "";
  CHECK_EQ(Make(config)->problem(), "trace file name is not given");
  config.mode = TraceMode::kOpenTelemetry;
  CHECK_EQ(Make(config)->problem(), "");
  config.values.level = 0;
  CHECK_EQ(Make(config)->problem(), "tracing is disabled");
}

TEST(HandsTracesOnAsTheyCome) {
  const auto output = std::make_shared<KeptTraces>();
  auto setting = Make(Config(2, 10), output);
  setting->Collect(Record());
  setting->Collect(Record());
  CHECK((output->sizes() == Sizes{1, 1}));
  setting.reset();
  CHECK((output->sizes() == Sizes{1, 1}));
}

TEST(GathersAFileOfTheLogFrequency) {
  const auto output = std::make_shared<KeptTraces>();
  auto setting = Make(Config(1, -1, 3), output);
  for (int i = 0; i < 7; ++i) {
    setting->Collect(Record());
  }
  CHECK((output->sizes() == Sizes{-3, -3}));
  setting.reset();
  CHECK((output->sizes() == Sizes{-3, -3, -1}));
}

TEST(GathersAFileOfTheCount) {
  const auto output = std::make_shared<KeptTraces>();
  auto setting = Make(Config(1, 3), output);
  CHECK_EQ(Sampled(*setting, 5), 3);
  setting->Collect(Record());
  setting->Collect(Record());
  CHECK((output->sizes() == Sizes{}));
  setting->Collect(Record());
  CHECK((output->sizes() == Sizes{-3}));
  setting = Make(Config(1, 3), output);
  setting->Collect(Record());
  setting.reset();
  CHECK((output->sizes() == Sizes{-3, 1}));
}

TEST(CountsExactlyFromManyThreads) {
  const auto output = std::make_shared<KeptTraces>();
  const auto setting = Make(Config(1, 1000), output);
  std::vector<std::thread> threads;
  std::atomic<int> sampled{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        if (setting->Sample(false)) {
          ++sampled;
          setting->Collect(Record());
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_EQ(sampled.load(), 1000);
  CHECK((output->sizes() == Sizes{-1000}));
}

TEST_MAIN()
