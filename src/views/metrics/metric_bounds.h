// SPDX-License-Identifier: Apache-2.0
// The buckets of the histograms in metrics. They are the same on every host and in every
// version, so that histograms of several hosts can be added up.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace fusetrace {

// Upper bounds in ns, inclusive. There are two for each octave from 1 µs to 1 ms, where most
// FUSE requests are, and one for each octave up to 8.6 s. Each is one less than a power of two,
// or than one and a half times a power of two. There the buckets of model/histogram.h end, so
// running totals give the same counts as requests do.
inline constexpr size_t metric_bound_count = 34;
inline constexpr std::array<uint64_t, metric_bound_count> metric_bounds_ns = [] {
  std::array<uint64_t, metric_bound_count> bounds{};
  size_t i = 0;
  for (unsigned exp = 10; exp < 20; ++exp) {
    bounds[i++] = (1ull << exp) - 1;
    bounds[i++] = (1ull << exp) + (1ull << (exp - 1)) - 1;
  }
  for (unsigned exp = 20; exp <= 33; ++exp) bounds[i++] = (1ull << exp) - 1;
  return bounds;
}();

// The first bucket whose bound is ns or more; metric_bound_count ("+Inf") where there is none.
inline size_t metric_bucket(uint64_t ns) {
  return static_cast<size_t>(
      std::lower_bound(metric_bounds_ns.begin(), metric_bounds_ns.end(), ns) -
      metric_bounds_ns.begin());
}

}  // namespace fusetrace
