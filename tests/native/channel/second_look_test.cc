// When looking again before going to sleep is worth it.
#include "channel/second_look.h"

#include "check.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

constexpr std::uint64_t kShortestRest = 200'000;
constexpr std::uint64_t kLongestRest = 20'000'000;
constexpr unsigned kMisses = 4;

// How long it rests from `now` on, in steps of the shortest rest.
std::uint64_t RestFrom(const Patience& patience, std::uint64_t now) {
  std::uint64_t rest = 0;
  while (patience.rests(now + rest)) {
    rest += kShortestRest;
  }
  return rest;
}

}  // namespace

TEST(RestsAfterMissesInARow) {
  Patience patience;
  for (unsigned i = 1; i < kMisses; ++i) {
    patience.OnMissed(0, kMisses);
    CHECK(!patience.rests(0));
  }
  patience.OnFound();
  patience.OnMissed(0, kMisses);
  CHECK(!patience.rests(0));
  for (unsigned i = 1; i < kMisses; ++i) {
    patience.OnMissed(0, kMisses);
  }
  CHECK_EQ(RestFrom(patience, 0), kShortestRest);
}

TEST(AfterARestOneMissDecidesAndRestsGrow) {
  Patience patience;
  std::uint64_t now = 0;
  std::uint64_t expected = kShortestRest;
  for (unsigned i = 0; i < kMisses; ++i) {
    patience.OnMissed(now, kMisses);
  }
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t rest = RestFrom(patience, now);
    CHECK_EQ(rest, expected);
    expected = std::min(2 * expected, kLongestRest);
    now += rest;
    patience.OnMissed(now, kMisses);
  }
}

TEST(FindsShortenTheRests) {
  Patience patience;
  std::uint64_t now = 0;
  for (int i = 0; i < 20; ++i) {
    patience.OnMissed(now, 1);
    now += RestFrom(patience, now);
  }
  patience.OnMissed(now, 1);
  const std::uint64_t longest = RestFrom(patience, now);
  CHECK_EQ(longest, kLongestRest);
  now += longest;
  for (int i = 0; i < 8; ++i) {
    patience.OnFound();
  }
  patience.OnMissed(now, 1);
  CHECK_EQ(RestFrom(patience, now), kLongestRest / 2);
}

TEST(LooksEndWithoutAnyAnswer) {
  SecondLook look;
  for (const bool shares_core : {false, true}) {
    for (int i = 0; i < 20; ++i) {
      CHECK(!look.Look([] { return false; }, shares_core));
    }
  }
}

TEST_MAIN()
