#include "engine/model_registry.h"

#include <string>

#include "check.h"
#include "engine/fakes.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

ServedModelPtr Version(std::int64_t version) {
  ModelSpec spec = SimpleSpec();
  spec.version = version;
  return Serve(std::move(spec));
}

}  // namespace

TEST(FindsTheNamedOrTheLatestVersion) {
  ModelRegistry registry;
  registry.Publish("simple", {{1, Version(1)}, {3, Version(3)}}, {});
  CHECK_EQ(registry.Find("simple", -1)->get()->spec().version, 3);
  CHECK_EQ(registry.Find("simple", 1)->get()->spec().version, 1);
}

TEST(TellsWhatIsNotServed) {
  ModelRegistry registry;
  registry.Publish("simple", {{1, Version(1)}}, {2});
  const auto error = [&](std::string_view name, std::int64_t version) { return registry.Find(name, version).status(); };
  CHECK(error("nope", -1) == NotFound("Request for unknown model: 'nope' is not found"));
  CHECK(error("simple", 4) == NotFound("Request for unknown model: 'simple' version 4 is not found"));
  CHECK(error("simple", 2) == Unavailable("Request for unknown model: 'simple' version 2 is not at ready state"));
}

TEST(ARetractedModelHasNoAvailableVersions) {
  ModelRegistry registry;
  const ServedModelPtr model = Version(1);
  registry.Publish("simple", {{1, model}}, {});
  const auto retracted = registry.Retract("simple");
  REQUIRE(retracted.size() == 1);
  CHECK(retracted[0] == model);
  CHECK(registry.Find("simple", -1).status() ==
        NotFound("Request for unknown model: 'simple' has no available versions"));
  CHECK(registry.Find("simple", 1).status().code() == Code::kUnavailable);
  CHECK(registry.Retract("simple").empty());
}

TEST(PublishGivesBackOnlyWhatIsReplaced) {
  ModelRegistry registry;
  const ServedModelPtr kept = Version(1);
  const ServedModelPtr old = Version(2);
  registry.Publish("simple", {{1, kept}, {2, old}}, {});
  const auto replaced = registry.Publish("simple", {{1, kept}, {2, Version(2)}}, {});
  REQUIRE(replaced.size() == 1);
  CHECK(replaced[0] == old);
}

TEST(ReadsVersionsAsTritonDoes) {
  CHECK_EQ(*ParseModelVersion(""), -1);
  CHECK_EQ(*ParseModelVersion("12"), 12);
  CHECK_EQ(*ParseModelVersion(" 7x"), 7);
  for (const std::string text : {"v1", "99999999999999999999"}) {
    CHECK(ParseModelVersion(text).status() ==
          InvalidArgument("failed to get model version from specified version string '" + text +
                          "' (details: stol), version should be an integral value > 0"));
  }
  CHECK(ParseModelVersion("-2").status() ==
        InvalidArgument("invalid model version specified '-2' , version should be an integral value > 0"));
}

TEST_MAIN()
