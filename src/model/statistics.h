// SPDX-License-Identifier: Apache-2.0
// The statistics that a comparison stands on.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fusetrace {

// The probability that a value of Student's t distribution with df degrees of
// freedom (above 0) is as far from 0 as t or farther, on either side.
double student_t_p(double t, double df);

// The t beyond which, on both sides together, the share 1 - confidence lies.
double student_t_bound(double confidence, double df);

// Which hypotheses of a family may be rejected so that on average at most the
// share q of the rejections is wrong (Benjamini and Hochberg 1995). When none
// of them ought to be rejected, the probability of any rejection is at most q.
std::vector<bool> benjamini_hochberg(std::span<const double> p_values, double q);

// Mean and sample variance; the variance of fewer than two values is 0.
struct Moments {
  double mean = 0;
  double variance = 0;
  size_t count = 0;
};
Moments moments_of(std::span<const double> values);

}  // namespace fusetrace
