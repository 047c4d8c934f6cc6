// SPDX-License-Identifier: Apache-2.0
// Statistics against published tables and by simulation.
#include "model/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace fusetrace {
namespace {

TEST(StudentT, BoundsAreThoseOfThePublishedTables) {
  // 95 % two-sided, from the usual table of critical values.
  EXPECT_NEAR(student_t_bound(0.95, 1), 12.706, 0.001);
  EXPECT_NEAR(student_t_bound(0.95, 2), 4.303, 0.001);
  EXPECT_NEAR(student_t_bound(0.95, 4), 2.776, 0.001);
  EXPECT_NEAR(student_t_bound(0.95, 30), 2.042, 0.001);
  EXPECT_NEAR(student_t_bound(0.95, 1e6), 1.960, 0.001);
  EXPECT_NEAR(student_t_bound(0.99, 10), 3.169, 0.001);
}

TEST(StudentT, TheProbabilityIsThatOfTheClosedForms) {
  // With 1, 2 and 4 degrees of freedom the distribution is elementary.
  for (double t = 0.01; t < 60; t *= 1.3) {
    const double c2 = t / std::sqrt(2 + t * t);
    const double c4 = t / std::sqrt(4 + t * t);
    EXPECT_NEAR(student_t_p(t, 1), 1 - 2 * std::atan(t) / M_PI, 1e-12) << t;
    EXPECT_NEAR(student_t_p(t, 2), 1 - c2, 1e-12) << t;
    EXPECT_NEAR(student_t_p(t, 4), 1 - c4 * (3 - c4 * c4) / 2, 1e-12) << t;
  }
}

TEST(StudentT, TheProbabilityOfABoundIsWhatItLeavesOut) {
  for (const double df : {1.0, 2.5, 7.0, 63.0}) {
    EXPECT_NEAR(student_t_p(student_t_bound(0.95, df), df), 0.05, 1e-9);
    EXPECT_NEAR(student_t_p(-student_t_bound(0.95, df), df), 0.05, 1e-9);
    EXPECT_EQ(student_t_p(0, df), 1);
    EXPECT_EQ(student_t_p(INFINITY, df), 0);
  }
}

TEST(BenjaminiHochberg, IsTheExampleOfItsAuthors) {
  // The 15 p values of section 3.2 of the 1995 paper: four are rejected.
  const std::vector<double> p = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
  const auto rejected = benjamini_hochberg(p, 0.05);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_EQ(rejected[i], i < 4) << i;
}

TEST(BenjaminiHochberg, WithNothingToFindRarelyFindsAnything) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform;
  int families = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<double> p(50);
    for (double& value : p) value = uniform(random);
    const auto rejected = benjamini_hochberg(p, 0.05);
    families += std::count(rejected.begin(), rejected.end(), true) > 0;
  }
  EXPECT_NEAR(families / 4000.0, 0.05, 0.012);
}

TEST(Moments, OfFewValues) {
  EXPECT_EQ(moments_of({}).count, 0u);
  const std::vector<double> one = {4};
  EXPECT_EQ(moments_of(one).mean, 4);
  EXPECT_EQ(moments_of(one).variance, 0);
  const std::vector<double> some = {2, 4, 6};
  EXPECT_EQ(moments_of(some).mean, 4);
  EXPECT_EQ(moments_of(some).variance, 4);
}

}  // namespace
}  // namespace fusetrace
