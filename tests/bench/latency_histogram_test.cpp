// SPDX-License-Identifier: Apache-2.0
// The bench's quantiles against exact ones.
#include "bench/latency_histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace fusetrace {
namespace {

TEST(LatencyHistogram, IsEmptyAtFirst) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.mean_ns(), 0u);
  EXPECT_EQ(histogram.quantile_ns(0.5), 0u);
}

TEST(LatencyHistogram, QuantilesAreWithin0_8PercentOfTheExactOnes) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(10, 3);
  LatencyHistogram histogram;
  std::vector<uint64_t> exact;
  for (int i = 0; i < 100000; ++i) {
    exact.push_back(static_cast<uint64_t>(latency(random)));
    histogram.add(exact.back());
  }
  std::sort(exact.begin(), exact.end());
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(q * 100000)) - 1;
    const auto want = static_cast<double>(exact[rank]);
    EXPECT_NEAR(static_cast<double>(histogram.quantile_ns(q)), want, want * 0.008 + 0.5) << q;
  }
  EXPECT_EQ(histogram.max_ns(), exact.back());
}

TEST(LatencyHistogram, QuantilesOfFewValuesAreTheValueOfTheirRank) {
  LatencyHistogram histogram;
  for (const uint64_t ns : {10, 20, 30}) histogram.add(ns);
  EXPECT_EQ(histogram.quantile_ns(0.5), 20u);
  EXPECT_EQ(histogram.quantile_ns(0.9), 30u);
  EXPECT_EQ(histogram.quantile_ns(0.01), 10u);
}

TEST(LatencyHistogram, TakesTheSmallestAndTheGreatestValue) {
  LatencyHistogram histogram;
  histogram.add(0);
  EXPECT_EQ(histogram.quantile_ns(1), 0u);
  histogram.add(UINT64_MAX);
  EXPECT_EQ(histogram.max_ns(), UINT64_MAX);
  EXPECT_NEAR(static_cast<double>(histogram.quantile_ns(1)), std::pow(2.0, 64), 2e17);
}

TEST(LatencyHistogram, MergesToWhatOneWouldHaveCounted) {
  LatencyHistogram a;
  LatencyHistogram b;
  LatencyHistogram all;
  for (uint64_t i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? a : b).add(i * i);
    all.add(i * i);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.mean_ns(), all.mean_ns());
  EXPECT_EQ(a.max_ns(), all.max_ns());
  for (const double q : {0.1, 0.5, 0.99}) EXPECT_EQ(a.quantile_ns(q), all.quantile_ns(q));
}

}  // namespace
}  // namespace fusetrace
