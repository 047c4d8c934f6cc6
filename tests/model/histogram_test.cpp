// SPDX-License-Identifier: Apache-2.0
// The histogram against exact values, and its bucket function against the one
// that the kernel side uses.
#include "model/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace fusetrace {
namespace {

TEST(HistogramBucket, IsTheKernelSidesFunction) {
  for (int exp = 0; exp < 64; ++exp) {
    for (const int64_t offset : {-1, 0, 1}) {
      const uint64_t ns = (1ull << exp) + static_cast<uint64_t>(offset);
      EXPECT_EQ(Histogram::bucket(ns), ft_hist_bucket(ns)) << ns;
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t ns = random() >> (random() % 64);
    ASSERT_EQ(Histogram::bucket(ns), ft_hist_bucket(ns)) << ns;
  }
}

TEST(HistogramBucket, StartsAndEndsMeet) {
  for (uint32_t i = 0; i + 1 < FT_HIST_BUCKETS; ++i) {
    ASSERT_EQ(Histogram::bucket(Histogram::bucket_start(i)), i);
    ASSERT_EQ(Histogram::bucket(Histogram::bucket_end(i) - 1), i);
    ASSERT_LT(Histogram::bucket_start(i), Histogram::bucket_end(i));
  }
}

TEST(Histogram, QuantilesAreWithinTheStatedError) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> distribution(9, 2);
  Histogram histogram;
  std::vector<uint64_t> exact;
  for (int i = 0; i < 50000; ++i) {
    exact.push_back(static_cast<uint64_t>(distribution(random)));
    histogram.add(exact.back());
  }
  std::sort(exact.begin(), exact.end());
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(exact.size()))) - 1;
    const auto want = static_cast<double>(exact[rank]);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(q)), want,
                want * histogram_relative_error + 1)
        << q;
  }
  EXPECT_EQ(histogram.quantile(0), histogram.quantile(1e-9));
  EXPECT_EQ(histogram.max(), exact.back());
  EXPECT_EQ(histogram.min(), exact.front());
}

TEST(Histogram, AnswersForNothingAndForOneValue) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.min(), 0u);
  histogram.add(123457);
  EXPECT_EQ(histogram.quantile(0.5), 123457u);  // kept within min and max
  EXPECT_EQ(histogram.quantile(0.99), 123457u);
  EXPECT_EQ(histogram.mean(), 123457);
}

TEST(Histogram, TakesWhatIsBeyondItsRange) {
  Histogram histogram;
  histogram.add(UINT64_MAX / 2);
  EXPECT_EQ(histogram.quantile(0.5), UINT64_MAX / 2);
}

TEST(Histogram, TheOrderOfValuesDoesNotMatter) {
  std::vector<uint64_t> values;
  for (int exp = 0; exp < 45; ++exp) values.push_back((1ull << exp) + 1);
  Histogram up, down, out;
  for (const uint64_t ns : values) up.add(ns);
  for (auto i = values.rbegin(); i != values.rend(); ++i) down.add(*i);
  for (size_t i = 0; i < values.size(); ++i) {
    out.add(values[(values.size() / 2 + i * 7) % values.size()]);
  }
  for (double q = 0; q <= 1; q += 0.01) {
    ASSERT_EQ(up.quantile(q), down.quantile(q));
    ASSERT_EQ(up.quantile(q), out.quantile(q));
  }
  for (const uint64_t ns : values) ASSERT_EQ(up.count_to(ns), down.count_to(ns));
  EXPECT_EQ(up.counts(), down.counts());
}

TEST(Histogram, OctavesWithoutValuesTakeNoMemory) {
  Histogram histogram;
  for (uint64_t ns = 20'000; ns < 40'000; ns += 100) histogram.add(ns);
  EXPECT_LE(histogram.counts().size(), 3 * FT_HIST_SUB);
}

TEST(Histogram, BucketsOfTheKernelsTotals) {
  Histogram histogram;
  histogram.add_bucket(Histogram::bucket(5000), 3);
  histogram.add_bucket(Histogram::bucket(900'000), 1);
  histogram.add_bucket(FT_HIST_BUCKETS, 7);  // no such bucket
  histogram.add_sum(915'000);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5)), 5000, 5000 / 64.0);
  EXPECT_NEAR(static_cast<double>(histogram.quantile(1)), 900'000, 900'000 / 64.0);
  EXPECT_EQ(histogram.mean(), 915'000 / 4.0);
}

TEST(Histogram, MergingIsAddingAll) {
  Histogram a, b, both;
  for (uint64_t i = 1; i < 3000; i += 7) {
    a.add(i);
    both.add(i);
  }
  for (uint64_t i = 100000; i < 130000; i += 11) {
    b.add(i);
    both.add(i);
  }
  a.merge(b);
  a.merge(Histogram());
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.sum(), both.sum());
  EXPECT_EQ(a.first_bucket(), both.first_bucket());
  EXPECT_EQ(a.counts(), both.counts());
  Histogram other_way = b;
  other_way.merge(a);
  EXPECT_EQ(other_way.count(), a.count() + b.count());
  EXPECT_EQ(other_way.count_to(3000), a.count_to(3000));
  EXPECT_EQ(a.quantile(0.7), both.quantile(0.7));
  EXPECT_EQ(a.max(), both.max());
}

}  // namespace
}  // namespace fusetrace
