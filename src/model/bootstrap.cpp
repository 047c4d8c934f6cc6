// SPDX-License-Identifier: Apache-2.0
#include "model/bootstrap.h"

#include <algorithm>
#include <random>

#include "model/metric.h"

namespace fusetrace {
namespace {

// Calls with the block's cells of the opcode, or with all of them.
template <typename Function>
void for_cells(const RunSample::Block& block, std::optional<uint32_t> opcode, Function function) {
  for (const auto& [number, cell] : block.opcodes) {
    if (!opcode || number == *opcode) function(cell);
  }
}

}  // namespace

Bootstrap::Bootstrap(std::span<const RunSample> runs, uint64_t seed) {
  for (const RunSample& run : runs) {
    for (size_t i = 0; i < run.blocks().size(); ++i) {
      blocks_.push_back(
          {&run.blocks()[i], run.rate_seconds(static_cast<double>(run.covered_ns(i)) / 1e9)});
    }
  }
  weights_.resize(bootstrap_replicates * blocks_.size());
  // Not a distribution of the library: those differ between libraries.
  std::mt19937_64 random(seed);
  for (size_t draw = 0; draw < bootstrap_replicates; ++draw) {
    uint8_t* weights = weights_.data() + draw * blocks_.size();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      uint8_t& weight = weights[random() % blocks_.size()];
      if (weight < UINT8_MAX) ++weight;
    }
  }
}

std::vector<double> Bootstrap::replicates(const Metric& metric,
                                          std::optional<uint32_t> opcode) const {
  return metric.stage ? quantile(metric, opcode) : ratio(metric, opcode);
}

std::vector<double> Bootstrap::ratio(const Metric& metric, std::optional<uint32_t> opcode) const {
  std::vector<double> part(blocks_.size());
  std::vector<double> whole(blocks_.size());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (metric.whole == nullptr) whole[i] = blocks_[i].seconds;
    for_cells(*blocks_[i].totals, opcode, [&](const Cell& cell) {
      if (metric.whole == nullptr) {
        part[i] += static_cast<double>(cell.requests);
      } else {
        part[i] += static_cast<double>(metric.part(cell, metric.part_argument));
        whole[i] += static_cast<double>(metric.whole(cell, metric.whole_argument));
      }
    });
  }
  std::vector<double> out;
  for (size_t draw = 0; draw < bootstrap_replicates; ++draw) {
    const uint8_t* weights = weights_.data() + draw * blocks_.size();
    double part_sum = 0;
    double whole_sum = 0;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      part_sum += weights[i] * part[i];
      whole_sum += weights[i] * whole[i];
    }
    if (whole_sum > 0) out.push_back(part_sum / whole_sum);
  }
  return out;
}

std::vector<double> Bootstrap::quantile(const Metric& metric,
                                        std::optional<uint32_t> opcode) const {
  const auto stage = static_cast<size_t>(*metric.stage);
  // The blocks' histograms over the same buckets, one row each.
  std::vector<Histogram> histograms(blocks_.size());
  uint32_t first = FT_HIST_BUCKETS;
  uint32_t end = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    for_cells(*blocks_[i].totals, opcode,
              [&](const Cell& cell) { histograms[i].merge(cell.stages[stage]); });
    const Histogram& h = histograms[i];
    if (h.count() == 0) continue;
    first = std::min(first, h.first_bucket());
    end = std::max(end, h.first_bucket() + static_cast<uint32_t>(h.counts().size()));
  }
  if (end == 0) return {};
  const size_t width = end - first;
  std::vector<uint64_t> rows(blocks_.size() * width);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Histogram& h = histograms[i];
    if (h.count() == 0) continue;
    std::copy(h.counts().begin(), h.counts().end(),
              rows.begin() + static_cast<ptrdiff_t>(i * width + h.first_bucket() - first));
  }
  std::vector<double> out;
  std::vector<uint64_t> sum(width);
  for (size_t draw = 0; draw < bootstrap_replicates; ++draw) {
    const uint8_t* weights = weights_.data() + draw * blocks_.size();
    std::fill(sum.begin(), sum.end(), 0);
    uint64_t count = 0;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (weights[i] == 0 || histograms[i].count() == 0) continue;
      count += weights[i] * histograms[i].count();
      const uint64_t* row = rows.data() + i * width;
      for (size_t b = 0; b < width; ++b) sum[b] += weights[i] * row[b];
    }
    if (count == 0) continue;
    Histogram drawn;
    for (size_t b = 0; b < width; ++b) drawn.add_bucket(first + static_cast<uint32_t>(b), sum[b]);
    out.push_back(static_cast<double>(drawn.quantile(metric.quantile)));
  }
  return out;
}

}  // namespace fusetrace
