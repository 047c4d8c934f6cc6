// SPDX-License-Identifier: Apache-2.0
#include "model/histogram.h"

#include <cmath>

namespace fusetrace {

void Histogram::widen(uint32_t low, uint32_t high) {
  // Whole octaves, so that neighbouring values do not each move the rest.
  uint32_t first = low / FT_HIST_SUB * FT_HIST_SUB;
  uint32_t end = std::min<uint32_t>((high / FT_HIST_SUB + 1) * FT_HIST_SUB, FT_HIST_BUCKETS);
  if (counts_.empty()) {
    first_ = first;
    counts_.resize(end - first);
    return;
  }
  const auto old_end = first_ + static_cast<uint32_t>(counts_.size());
  first = std::min(first, first_);
  end = std::max(end, old_end);
  counts_.insert(counts_.begin(), first_ - first, 0);
  counts_.resize(end - first);
  first_ = first;
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  const auto last = other.first_ + static_cast<uint32_t>(other.counts_.size()) - 1;
  if (counts_.empty() || other.first_ < first_ || last - first_ >= counts_.size()) {
    widen(other.first_, last);
  }
  uint64_t* to = counts_.data() + (other.first_ - first_);
  for (size_t i = 0; i < other.counts_.size(); ++i) to[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::subtract(const Histogram& earlier) {
  Histogram out;
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    const uint32_t index = first_ + i;
    const uint32_t before = index - earlier.first_;
    const uint64_t had = before < earlier.counts_.size() ? earlier.counts_[before] : 0;
    out.add_bucket(index, counts_[i] - std::min(had, counts_[i]));
  }
  out.sum_ = sum_ - std::min(earlier.sum_, sum_);
  out.max_ = std::min(out.max_, max_);
  *this = std::move(out);
}

void Histogram::add_bucket(uint32_t index, uint64_t count) {
  if (count == 0 || index >= FT_HIST_BUCKETS) return;
  if (index - first_ >= counts_.size()) widen(index, index);
  counts_[index - first_] += count;
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
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen < rank) continue;
    const uint32_t index = first_ + i;
    if (index + 1 == FT_HIST_BUCKETS) return max_;
    const uint64_t start = bucket_start(index);
    const uint64_t middle = start + (bucket_end(index) - start) / 2;
    return std::clamp(middle, std::min(min_, max_), max_);
  }
  return max_;
}

uint64_t Histogram::count_to(uint64_t ns) const {
  uint64_t seen = 0;
  for (uint32_t i = 0; i < counts_.size() && first_ + i <= bucket(ns); ++i) seen += counts_[i];
  return seen;
}

}  // namespace fusetrace
