// SPDX-License-Identifier: Apache-2.0
// How far a figure would move had other stretches of the same runs been
// recorded: the blocks of the recordings are drawn again and again, with
// replacement, and the figure computed from each draw.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/run_sample.h"

namespace fusetrace {

struct Metric;

class Bootstrap {
 public:
  // Keeps pointers into runs. The seed makes the two sides of a comparison
  // independent of each other; the same seed gives the same draws.
  Bootstrap(std::span<const RunSample> runs, uint64_t seed);

  // The metric of every draw that has a value; of one opcode, or of all.
  std::vector<double> replicates(const Metric& metric, std::optional<uint32_t> opcode) const;

  size_t blocks() const { return blocks_.size(); }

 private:
  struct Block {
    const RunSample::Block* totals;
    double seconds;
  };
  std::vector<double> ratio(const Metric& metric, std::optional<uint32_t> opcode) const;
  std::vector<double> quantile(const Metric& metric, std::optional<uint32_t> opcode) const;

  std::vector<Block> blocks_;
  // How often each draw holds each block: row after row.
  std::vector<uint8_t> weights_;
};

}  // namespace fusetrace
