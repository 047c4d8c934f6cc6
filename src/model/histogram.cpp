// SPDX-License-Identifier: Apache-2.0
#include "model/histogram.h"

#include <cmath>

namespace fusetrace {

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  if (buckets_.empty()) buckets_.resize(FT_HIST_BUCKETS);
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::add_bucket(uint32_t index, uint64_t count) {
  if (count == 0 || index >= FT_HIST_BUCKETS) return;
  if (buckets_.empty()) buckets_.resize(FT_HIST_BUCKETS);
  buckets_[index] += count;
  count_ += count;
  min_ = std::min(min_, bucket_start(index));
  if (index + 1 < FT_HIST_BUCKETS) max_ = std::max(max_, bucket_end(index) - 1);
}

uint64_t Histogram::bucket_start(uint32_t index) {
  if (index < FT_HIST_SUB) return index;
  const uint32_t exp = index / FT_HIST_SUB + FT_HIST_SUB_BITS - 1;
  const uint64_t sub = index % FT_HIST_SUB;
  return (1ull << exp) + (sub << (exp - FT_HIST_SUB_BITS));
}

uint64_t Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double position = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(position));
  uint64_t seen = 0;
  for (uint32_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen < rank) continue;
    if (i + 1 == FT_HIST_BUCKETS) return max_;
    const uint64_t start = bucket_start(i);
    const uint64_t middle = start + (bucket_end(i) - start) / 2;
    return std::clamp(middle, std::min(min_, max_), max_);
  }
  return max_;
}

uint64_t Histogram::count_to(uint64_t ns) const {
  if (buckets_.empty()) return 0;
  uint64_t seen = 0;
  for (uint32_t i = 0; i <= bucket(ns); ++i) seen += buckets_[i];
  return seen;
}

}  // namespace fusetrace
