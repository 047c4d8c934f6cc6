// SPDX-License-Identifier: Apache-2.0
// What differs between two sets of recordings, how sure that is, and whether it
// may be called a change.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/run_sample.h"

namespace fusetrace {

enum class MetricUnit : uint8_t { share, per_request, nanoseconds, per_second };
enum class Better : uint8_t { neither, lower, higher };

enum class Verdict : uint8_t {
  changed,
  unchanged,  // no difference that the data can tell from none
  unsure,     // a difference, but chance or the spread between runs may be all it is
  too_few,    // not enough requests on a side to say anything
};

// The fewest recordings on each side from which the spread between runs is
// estimated. With fewer it cannot be, and is assumed (run_spread).
inline constexpr size_t enough_recordings = 3;
// The fewest requests on each side for a row.
inline constexpr uint64_t enough_requests = 200;
inline constexpr double comparison_confidence = 0.95;
// Blocks that a recording is cut into for the bootstrap, and how often they are
// drawn.
inline constexpr size_t bootstrap_blocks = 64;
inline constexpr size_t bootstrap_replicates = 1000;

struct ComparisonRow {
  std::string group;   // "all", or the name of an opcode
  std::string metric;  // as in the JSON report: "hops.request.same_cpu", "stages.total.p50"
  MetricUnit unit = MetricUnit::share;
  Better better = Better::neither;
  // Requests that each side's figure stands on.
  uint64_t base_count = 0;
  uint64_t new_count = 0;
  // From here on meaningless for too_few.
  double base_value = 0;
  double new_value = 0;
  // Of a share or a count a request: new - base. Of a duration or a rate:
  // new / base. With its confidence interval.
  double effect = 0;
  double low = 0;
  double high = 0;
  // How likely a difference as great as this is where nothing changed.
  double p_value = 1;
  Verdict verdict = Verdict::too_few;

  bool is_ratio() const {
    return unit == MetricUnit::nanoseconds || unit == MetricUnit::per_second;
  }
  // Changed, and for the worse or the better.
  bool worse() const;
  bool improved() const;
  // By how many percent a duration or rate that changed got worse, else 0.
  double regression_percent() const;
};

struct Comparison {
  // Whether intervals are over recordings, else they are by bootstrap.
  bool over_recordings = false;
  std::vector<ComparisonRow> rows;

  size_t count(Verdict verdict) const;
  // The largest of the rows; 0 without any.
  double regression_percent() const;
};

// Both sides hold one recording at least. Reproducible: the same recordings
// give the same figures.
//
// With enough_recordings on each side every figure is computed per recording,
// and the interval is that of Welch's t test. Else it comes from a bootstrap
// over blocks of consecutive requests, which keeps what neighbouring requests
// have in common; it tells how well each run is known, but not how far two runs
// of the same differ, so for the verdict an assumed spread between runs is
// added.
//
// A row is called changed when Benjamini and Hochberg's procedure over all rows
// rejects "no difference" at 5 %, and the difference is of a size that matters.
Comparison compare(std::span<const RunSample> base, std::span<const RunSample> changed);

}  // namespace fusetrace
