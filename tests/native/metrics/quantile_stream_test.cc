#include "metrics/quantile_stream.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "metrics/sliding_quantiles.h"

namespace triton_lite {
namespace {

const std::vector<QuantileTarget> kTriton = {{0.5, 0.05}, {0.9, 0.01}, {0.95, 0.001}, {0.99, 0.001}, {0.999, 0.001}};
constexpr std::uint64_t kSecond = 1'000'000'000;

// The rank of `value` among `sorted`, as a part of all, is within `error` of `quantile`.
bool IsQuantile(const std::vector<double>& sorted, double value, const QuantileTarget& target) {
  const auto n = static_cast<double>(sorted.size());
  const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
  const double low = static_cast<double>(first - sorted.begin()) / n;
  const double high = static_cast<double>(last - sorted.begin()) / n;
  const double slack = 1 / n;
  return first != last && high >= target.quantile - target.error - slack &&
         low <= target.quantile + target.error + slack;
}

void CheckAll(const std::vector<double>& values) {
  QuantileStream stream(kTriton);
  for (std::size_t i = 0; i < values.size(); i += 512) {
    std::vector<double> block(values.begin() + static_cast<std::ptrdiff_t>(i),
                              values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), i + 512)));
    std::sort(block.begin(), block.end());
    stream.Add(block);
  }
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  CHECK_EQ(stream.count(), values.size());
  for (const QuantileTarget& target : kTriton) {
    CHECK(IsQuantile(sorted, stream.Get(target.quantile), target));
  }
}

}  // namespace

TEST(NothingIsNoNumber) {
  QuantileStream stream(kTriton);
  CHECK(std::isnan(stream.Get(0.5)));
}

TEST(OneValueIsEveryQuantile) {
  QuantileStream stream(kTriton);
  stream.Add(std::vector<double>{1190});
  for (const QuantileTarget& target : kTriton) {
    CHECK_EQ(stream.Get(target.quantile), 1190);
  }
}

TEST(EveryQuantileIsWithinItsError) {
  std::mt19937_64 random(7);
  std::vector<double> rising, falling, skewed, equal(30'000, 5);
  std::lognormal_distribution<double> latency(5, 1.5);
  for (int i = 0; i < 100'000; ++i) {
    rising.push_back(i);
    falling.push_back(100'000 - i);
    skewed.push_back(std::floor(latency(random)));
  }
  CheckAll(rising);
  CheckAll(falling);
  CheckAll(skewed);
  CheckAll(equal);
  for (const std::size_t size : {2, 3, 10, 100, 511, 512, 513}) {
    CheckAll({skewed.begin(), skewed.begin() + static_cast<std::ptrdiff_t>(size)});
  }
}

TEST(MemoryGrowsSlowly) {
  QuantileStream stream(kTriton);
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> block(512);
    std::generate(block.begin(), block.end(), [&] { return static_cast<double>(random() % 1'000'000); });
    std::sort(block.begin(), block.end());
    stream.Add(block);
  }
  CHECK(stream.sample_count() < 5'000);
}

TEST(TargetsMayBeAtTheEnds) {
  QuantileStream stream({{0, 0}, {1, 0}});
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) {
    values.push_back(i);
  }
  stream.Add(values);
  CHECK_EQ(stream.Get(0), 1);
  CHECK_EQ(stream.Get(1), 1000);
}

TEST(TheWindowForgets) {
  SlidingQuantiles window(kTriton, 0);
  window.Observe(1000, kSecond);
  CHECK_EQ(window.Get(0.5, 2 * kSecond), 1000);
  for (int i = 0; i < 10; ++i) {
    window.Observe(10, 50 * kSecond);
  }
  CHECK_EQ(window.Get(0.999, 59 * kSecond), 1000);
  CHECK_EQ(window.Get(0.999, 61 * kSecond), 10);
  CHECK(std::isnan(window.Get(0.999, 500 * kSecond)));
  window.Observe(3, 500 * kSecond);
  CHECK_EQ(window.Get(0.5, 501 * kSecond), 3);
}

}  // namespace triton_lite

TEST_MAIN()
