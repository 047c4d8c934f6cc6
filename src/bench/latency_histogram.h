// SPDX-License-Identifier: Apache-2.0
// Latencies counted in log-linear buckets, cheap enough for the hot loop of a
// client and small enough to live in shared memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace fusetrace {

// Every power of two is cut into 64 buckets, so a bucket is at most 1/64 wide
// and its middle at most 0.8 % off any value in it. Below 64 ns it is exact.
// All zero bytes is the empty histogram.
class LatencyHistogram {
 public:
  void add(uint64_t ns) {
    ++buckets_[bucket_of(ns)];
    ++count_;
    sum_ns_ += ns;
    max_ns_ = std::max(max_ns_, ns);
  }

  void merge(const LatencyHistogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
  }

  uint64_t count() const { return count_; }
  uint64_t mean_ns() const { return count_ == 0 ? 0 : sum_ns_ / count_; }
  uint64_t max_ns() const { return max_ns_; }

  // The value that the fraction 0 < q <= 1 of all values do not exceed; 0 when
  // there are none.
  uint64_t quantile_ns(double q) const {
    const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && seen >= rank) return std::min(middle_of(i), max_ns_);
    }
    return 0;
  }

 private:
  static constexpr int bits = 6;
  static constexpr uint64_t per_power = 1 << bits;

  static size_t bucket_of(uint64_t ns) {
    if (ns < per_power) return ns;
    const int shift = std::bit_width(ns) - 1 - bits;
    return static_cast<size_t>(shift) * per_power + (ns >> shift);
  }

  static uint64_t middle_of(size_t bucket) {
    if (bucket < 2 * per_power) return bucket;
    const auto shift = static_cast<int>(bucket / per_power - 1);
    const uint64_t low = (bucket % per_power + per_power) << shift;
    return low + (1ull << shift) / 2;
  }

  std::array<uint64_t, (64 - bits + 1) * per_power> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace fusetrace
