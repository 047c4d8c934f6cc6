// SPDX-License-Identifier: Apache-2.0
#include "model/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

namespace fusetrace {

double student_t_p(double t, double df) {
  if (std::isinf(t)) return 0;
  const boost::math::students_t_distribution<double> distribution(df);
  return 2 * cdf(complement(distribution, std::abs(t)));
}

double student_t_bound(double confidence, double df) {
  const boost::math::students_t_distribution<double> distribution(df);
  return quantile(complement(distribution, (1 - confidence) / 2));
}

std::vector<bool> benjamini_hochberg(std::span<const double> p_values, double q) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  size_t rejected = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const double bound = q * static_cast<double>(i + 1) / static_cast<double>(p_values.size());
    if (p_values[order[i]] <= bound) rejected = i + 1;
  }
  std::vector<bool> out(p_values.size());
  for (size_t i = 0; i < rejected; ++i) out[order[i]] = true;
  return out;
}

Moments moments_of(std::span<const double> values) {
  Moments out;
  out.count = values.size();
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  out.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return out;
  for (const double value : values) {
    out.variance += (value - out.mean) * (value - out.mean) / (n - 1);
  }
  return out;
}

}  // namespace fusetrace
