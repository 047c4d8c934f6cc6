// SPDX-License-Identifier: Apache-2.0
#include "model/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fusetrace {
namespace {

// The regularised incomplete beta function I_x(a, b) by its continued fraction
// (NIST Digital Library of Mathematical Functions, 8.17.22), evaluated with the
// modified Lentz method.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast only on this side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x)) /
                       a;
  constexpr double tiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < tiny ? tiny : d);
  double value = d;
  for (int m = 1; m <= 500; ++m) {
    for (const bool even : {true, false}) {
      const double k = m;
      const double numerator = even ? k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
                                    : -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
      d = 1 + numerator * d;
      d = 1 / (std::abs(d) < tiny ? tiny : d);
      c = 1 + numerator / c;
      if (std::abs(c) < tiny) c = tiny;
      value *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-14) break;
  }
  return front * value;
}

}  // namespace

double student_t_p(double t, double df) {
  if (std::isinf(t)) return 0;
  return incomplete_beta(df / 2, 0.5, df / (df + t * t));
}

double student_t_bound(double confidence, double df) {
  double low = 0;
  double high = 1;
  while (student_t_p(high, df) > 1 - confidence && high < 1e12) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_t_p(middle, df) > 1 - confidence ? low : high) = middle;
  }
  return high;
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
