#include "trace/trace_settings.h"

#include "check.h"
#include "trace/fakes.h"

using namespace triton_lite;
using triton_lite::testing::KeptTraces;

namespace {

TraceConfig Start() {
  TraceConfig config;
  config.file = "trace.json";
  return config;
}

TraceChanges Rate(std::uint32_t rate) {
  TraceChanges changes;
  changes.rate.value = rate;
  return changes;
}

TraceChanges Level(TraceLevel level) {
  TraceChanges changes;
  changes.level.value = level;
  return changes;
}

template <typename T>
TraceChange<T> Cleared() {
  return {.value = std::nullopt, .clear = true};
}

std::uint32_t RateOf(const TraceSettings& settings, const std::string& model) {
  return settings.Find(model)->values().rate;
}

}  // namespace

TEST(ModelsFollowTheServer) {
  TraceSettings settings(Start(), std::make_shared<KeptTraces>());
  CHECK_EQ(RateOf(settings, "simple"), 1000u);
  CHECK(settings.Update("", Rate(55)).ok());
  CHECK_EQ(RateOf(settings, "simple"), 55u);
  CHECK(settings.Find("simple") == settings.Find(""));
}

TEST(WhatAModelHasItselfStays) {
  TraceSettings settings(Start(), std::make_shared<KeptTraces>());
  CHECK(settings.Update("simple", Rate(77)).ok());
  TraceChanges changes = Rate(55);
  changes.count.value = 9;
  CHECK(settings.Update("", changes).ok());
  CHECK_EQ(RateOf(settings, "simple"), 77u);
  CHECK_EQ(settings.Find("simple")->values().count, 9);
  CHECK_EQ(RateOf(settings, "other"), 55u);
  TraceChanges clear;
  clear.rate = Cleared<std::uint32_t>();
  CHECK(settings.Update("simple", clear).ok());
  CHECK_EQ(RateOf(settings, "simple"), 55u);
  CHECK(settings.Find("simple") == settings.Find(""));
}

TEST(ClearingTheServersBringsTheStartBack) {
  TraceConfig config = Start();
  config.values.count = 4;
  TraceSettings settings(config, std::make_shared<KeptTraces>());
  TraceChanges changes;
  changes.count.value = 8;
  CHECK(settings.Update("", changes).ok());
  CHECK_EQ(settings.Find("")->values().count, 8);
  TraceChanges clear;
  clear.count = Cleared<std::int32_t>();
  CHECK(settings.Update("", clear).ok());
  CHECK_EQ(settings.Find("")->values().count, 4);
}

TEST(RefusesWhatCanNotBeTraced) {
  TraceSettings settings(Start(), std::make_shared<KeptTraces>());
  TraceChanges changes = Level(kTraceTimestamps);
  changes.rate.value = 0;
  const Status refused = settings.Update("", changes);
  CHECK(refused.code() == Code::kInvalidArgument);
  CHECK_EQ(refused.message(), "Attempting to set invalid trace setting :sample rate must be non-zero");
  CHECK_EQ(RateOf(settings, ""), 1000u);
  CHECK(settings.Update("", Rate(0)).ok());  // Off: nothing is traced.
  CHECK(!settings.Update("simple", Level(kTraceTensors)).ok());
  TraceConfig nowhere;
  TraceSettings without_file(nowhere, std::make_shared<KeptTraces>());
  CHECK_EQ(without_file.Update("", Level(kTraceTensors)).message(),
           "Attempting to set invalid trace setting :trace file name is not given");
}

TEST(AModelsRefusalComesAfterTheServersChange) {
  TraceSettings settings(Start(), std::make_shared<KeptTraces>());
  CHECK(settings.Update("simple", Level(kTraceTimestamps)).ok());
  CHECK(!settings.Update("", Rate(0)).ok());
  CHECK_EQ(RateOf(settings, ""), 0u);
  CHECK_EQ(RateOf(settings, "simple"), 1000u);
}

TEST(KnowsWhetherAnythingIsOn) {
  TraceSettings settings(Start(), std::make_shared<KeptTraces>());
  CHECK(!settings.any_enabled());
  CHECK(settings.Update("simple", Level(kTraceTimestamps)).ok());
  CHECK(settings.any_enabled());
  CHECK(settings.Update("simple", Level(0)).ok());
  CHECK(!settings.any_enabled());
  CHECK(settings.Update("", Level(kTraceTensors)).ok());
  CHECK(settings.any_enabled());
  settings.Clear();
  CHECK(!settings.any_enabled());
}

TEST(AChangeHandsOnWhatWasGathered) {
  const auto output = std::make_shared<KeptTraces>();
  TraceConfig config = Start();
  config.values = {.level = kTraceTimestamps, .rate = 1, .count = -1, .log_frequency = 5};
  TraceSettings settings(config, output);
  settings.Find("")->Collect(triton_lite::testing::Record());
  CHECK(output->sizes().empty());
  CHECK(settings.Update("", {}).ok());
  CHECK((output->sizes() == std::vector<int>{-1}));
}

TEST_MAIN()
