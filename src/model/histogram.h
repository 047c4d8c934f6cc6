// SPDX-License-Identifier: Apache-2.0
// A log-linear histogram of nanoseconds, with the bucket function that the
// kernel side uses too (bpf/fusetrace.h). Only the octaves that have values
// take memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fusetrace.h"

namespace fusetrace {

// The relative error of a quantile: half a bucket, 1/64.
inline constexpr double histogram_relative_error = 1.0 / 64;

class Histogram {
 public:
  void add(uint64_t ns) {
    const uint32_t index = bucket(ns);
    // One comparison for both ends: below first_ the difference wraps around.
    if (index - first_ >= counts_.size()) [[unlikely]]
      widen(index, index);
    ++counts_[index - first_];
    ++count_;
    sum_ += ns;
    min_ = std::min(min_, ns);
    max_ = std::max(max_, ns);
  }

  // What other holds, added to this.
  void merge(const Histogram& other);

  // What other holds, taken away again: other is an earlier state of this one.
  // Min and max are then known from the buckets only.
  void subtract(const Histogram& earlier);

  // Counts of one bucket at once, as the kernel's running totals give them: sum
  // and max are then told apart, min is known from the buckets only.
  void add_bucket(uint32_t index, uint64_t count);
  void add_sum(uint64_t sum_ns) { sum_ += sum_ns; }
  void set_max(uint64_t ns) { max_ = ns; }

  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  // The value below which the share q (0 to 1) of the values lies: the middle
  // of its bucket, kept within min and max. 0 without values.
  uint64_t quantile(double q) const;

  // How many values are at most ns, counting the bucket of ns whole.
  uint64_t count_to(uint64_t ns) const;

  // The buckets that have memory: first_bucket() and those after it, as many as
  // counts() has. Empty until the first value.
  uint32_t first_bucket() const { return first_; }
  const std::vector<uint64_t>& counts() const { return counts_; }

  // The smallest value of a bucket, and the smallest one beyond it.
  static uint64_t bucket_start(uint32_t index);
  static uint64_t bucket_end(uint32_t index) {
    return index + 1 >= FT_HIST_BUCKETS ? UINT64_MAX : bucket_start(index + 1);
  }

  // ft_hist_bucket() with the instruction that BPF lacks.
  static uint32_t bucket(uint64_t ns) {
    if (ns < FT_HIST_SUB) return static_cast<uint32_t>(ns);
    if (ns >= (1ull << FT_HIST_MAX_EXP)) return FT_HIST_BUCKETS - 1;
    const auto exp = static_cast<uint32_t>(63 - __builtin_clzll(ns));
    return (exp - FT_HIST_SUB_BITS + 1) * FT_HIST_SUB +
           static_cast<uint32_t>((ns >> (exp - FT_HIST_SUB_BITS)) & (FT_HIST_SUB - 1));
  }

 private:
  // Makes room for the buckets from low to high.
  void widen(uint32_t low, uint32_t high);

  uint32_t first_ = 0;
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
};

}  // namespace fusetrace
