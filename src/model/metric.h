// SPDX-License-Identifier: Apache-2.0
// The figures that a comparison is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/comparison.h"
#include "model/snapshot.h"

namespace fusetrace {

struct Metric {
  std::string name;
  MetricUnit unit = MetricUnit::share;
  Better better = Better::neither;
  // The standard deviation between runs of the same that is assumed where it
  // cannot be estimated: of a share of one half, of a count a request, or of the
  // logarithm of a duration or rate.
  double run_spread = 0;
  // The difference below which a change does not matter, in the same terms.
  double least = 0;

  // A share or a count a request: part(cell) / whole(cell).
  using Count = uint64_t (*)(const Cell&, size_t argument);
  Count part = nullptr;
  size_t part_argument = 0;
  Count whole = nullptr;
  size_t whole_argument = 0;
  // A quantile of a stage.
  std::optional<Stage> stage;
  double quantile = 0;
  // With neither, the rate of requests.
};

// Of all requests together, and of those of one opcode.
std::vector<Metric> metrics_of_all();
std::vector<Metric> metrics_of_opcode();

}  // namespace fusetrace
