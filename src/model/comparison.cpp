// SPDX-License-Identifier: Apache-2.0
#include "model/comparison.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "model/bootstrap.h"
#include "model/metric.h"
#include "model/opcode.h"
#include "model/statistics.h"

namespace fusetrace {
namespace {

using Cells = std::map<uint32_t, Cell>;

// The values of quantiles are middles of buckets a 32nd of an octave wide: the
// variance of the logarithm of a value spread evenly over such a bucket.
constexpr double bucket_variance = (1.0 / 32) * (1.0 / 32) / 12;

// One side of one row: its value on the scale on which differences are taken
// (logarithmic for durations and rates), and how well it is known.
struct Estimate {
  uint64_t count = 0;   // requests
  double value = 0;     // as shown
  double scaled = 0;    // on the scale of differences
  double variance = 0;  // of scaled
  double df = 1;        // degrees of freedom of variance
  size_t recordings = 1;
};

bool ratio_scale(const Metric& m) {
  return m.unit == MetricUnit::nanoseconds || m.unit == MetricUnit::per_second;
}

double to_scale(const Metric& m, double value) {
  return ratio_scale(m) ? std::log(std::max(value, 1e-9)) : value;
}

double from_scale(const Metric& m, double scaled) {
  return ratio_scale(m) ? std::exp(scaled) : scaled;
}

// The cells of a group summed up; opcode none: all of them.
Cell sum_of(const Cells& cells, std::optional<uint32_t> opcode) {
  Cell sum;
  for (const auto& [number, cell] : cells) {
    if (!opcode || number == *opcode) sum.merge(cell);
  }
  return sum;
}

uint64_t count_of(const Metric& m, const Cell& cell) {
  if (m.stage) return cell.stages[static_cast<size_t>(*m.stage)].count();
  return m.whole != nullptr ? m.whole(cell, m.whole_argument) : cell.requests;
}

double value_of(const Metric& m, const Cell& cell, double seconds) {
  if (m.stage) {
    return static_cast<double>(cell.stages[static_cast<size_t>(*m.stage)].quantile(m.quantile));
  }
  if (m.whole == nullptr) {
    return seconds > 0 ? static_cast<double>(cell.requests) / seconds : 0;
  }
  return static_cast<double>(m.part(cell, m.part_argument)) /
         static_cast<double>(m.whole(cell, m.whole_argument));
}

// One group of one side, ready for any metric.
struct Sample {
  std::vector<Cell> runs;       // one per recording
  std::vector<double> seconds;  // of each
  Cell all;
  double all_seconds = 0;
  const Bootstrap* bootstrap = nullptr;  // none: over recordings
  std::optional<uint32_t> opcode;
};

Estimate over_recordings(const Metric& m, const Sample& side) {
  Estimate out;
  std::vector<double> values;
  std::vector<double> scaled;
  for (size_t i = 0; i < side.runs.size(); ++i) {
    const uint64_t n = count_of(m, side.runs[i]);
    out.count += n;
    if (n == 0) continue;
    values.push_back(value_of(m, side.runs[i], side.seconds[i]));
    scaled.push_back(to_scale(m, values.back()));
  }
  out.recordings = values.size();
  if (values.size() < enough_recordings) {
    out.count = 0;  // not enough of them know this figure
    return out;
  }
  const Moments moments = moments_of(scaled);
  out.scaled = moments.mean;
  out.value = from_scale(m, moments.mean);
  out.variance = moments.variance + (m.stage ? bucket_variance : 0);
  out.variance /= static_cast<double>(values.size());
  out.df = static_cast<double>(values.size() - 1);
  return out;
}

Estimate by_bootstrap(const Metric& m, const Sample& side) {
  Estimate out;
  out.count = count_of(m, side.all);
  out.recordings = side.runs.size();
  if (out.count == 0) return out;
  out.value = value_of(m, side.all, side.all_seconds);
  out.scaled = to_scale(m, out.value);
  std::vector<double> replicates = side.bootstrap->replicates(m, side.opcode);
  for (double& value : replicates) value = to_scale(m, value);
  out.variance = moments_of(replicates).variance + (m.stage ? bucket_variance : 0);
  out.df = std::max(1.0, static_cast<double>(side.bootstrap->blocks()) - 1);
  return out;
}

// What the spread between runs is assumed to add to the variance of one side.
double assumed_variance(const Metric& m, const Estimate& side) {
  double spread = m.run_spread;
  // A share of nearly none or nearly all has no room to swing: like that of a
  // proportion, its spread goes with the root of p(1 - p), which is 1/2 in the middle.
  if (m.unit == MetricUnit::share) {
    const double p = std::clamp(side.value, 0.0, 1.0);
    spread *= 2 * std::sqrt(p * (1 - p));
  }
  return spread * spread / static_cast<double>(side.recordings);
}

// Degrees of freedom of the sum of two variances (Welch and Satterthwaite).
double joint_df(const Estimate& a, const Estimate& b) {
  const double sum = a.variance + b.variance;
  if (sum <= 0) return a.df + b.df;
  return sum * sum / (a.variance * a.variance / a.df + b.variance * b.variance / b.df);
}

ComparisonRow make_row(const std::string& group, const Metric& m, const Sample& base,
                       const Sample& changed, bool recordings) {
  ComparisonRow row;
  row.group = group;
  row.metric = m.name;
  row.unit = m.unit;
  row.better = m.better;
  const Estimate a = recordings ? over_recordings(m, base) : by_bootstrap(m, base);
  const Estimate b = recordings ? over_recordings(m, changed) : by_bootstrap(m, changed);
  row.base_count = a.count;
  row.new_count = b.count;
  if (std::min(a.count, b.count) < enough_requests) return row;

  row.base_value = a.value;
  row.new_value = b.value;
  const double difference = b.scaled - a.scaled;
  const double error = std::sqrt(a.variance + b.variance);
  const double df = joint_df(a, b);
  const double reach = student_t_bound(comparison_confidence, df) * error;
  row.effect = from_scale(m, difference);
  row.low = from_scale(m, difference - reach);
  row.high = from_scale(m, difference + reach);
  if (m.unit == MetricUnit::share) {
    row.low = std::max(row.low, -1.0);
    row.high = std::min(row.high, 1.0);
  }

  double judged = error * error;
  if (!recordings) judged += assumed_variance(m, a) + assumed_variance(m, b);
  if (difference == 0) {
    row.p_value = 1;
  } else {
    row.p_value = judged > 0 ? student_t_p(difference / std::sqrt(judged), df) : 0;
  }
  const bool told_apart = std::abs(difference) > reach && std::abs(difference) >= m.least;
  row.verdict = told_apart ? Verdict::unsure : Verdict::unchanged;
  return row;
}

double least_of(const ComparisonRow& row, const std::vector<Metric>& metrics) {
  for (const Metric& m : metrics) {
    if (m.name == row.metric) return m.least;
  }
  return 0;
}

void judge(std::vector<ComparisonRow>& rows) {
  std::vector<double> p_values;
  std::vector<ComparisonRow*> judged;
  for (ComparisonRow& row : rows) {
    if (row.verdict == Verdict::too_few) continue;
    p_values.push_back(row.p_value);
    judged.push_back(&row);
  }
  const std::vector<bool> rejected = benjamini_hochberg(p_values, 1 - comparison_confidence);
  const std::vector<Metric> metrics = metrics_of_all();
  for (size_t i = 0; i < judged.size(); ++i) {
    ComparisonRow& row = *judged[i];
    const double size = row.is_ratio() ? std::abs(std::log(row.effect)) : std::abs(row.effect);
    if (rejected[i] && size >= least_of(row, metrics)) row.verdict = Verdict::changed;
  }
}

Sample make_sample(std::span<const RunSample> runs, const std::vector<Cells>& cells,
                   const Bootstrap* bootstrap, std::optional<uint32_t> opcode) {
  Sample side;
  side.bootstrap = bootstrap;
  side.opcode = opcode;
  for (size_t i = 0; i < runs.size(); ++i) {
    side.runs.push_back(sum_of(cells[i], opcode));
    side.seconds.push_back(runs[i].rate_seconds(runs[i].seconds()));
    side.all.merge(side.runs.back());
    side.all_seconds += side.seconds.back();
  }
  return side;
}

}  // namespace

bool ComparisonRow::worse() const {
  if (verdict != Verdict::changed || better == Better::neither) return false;
  const bool grew = is_ratio() ? effect > 1 : effect > 0;
  return grew == (better == Better::lower);
}

bool ComparisonRow::improved() const {
  return verdict == Verdict::changed && better != Better::neither && !worse();
}

double ComparisonRow::regression_percent() const {
  if (!is_ratio() || !worse()) return 0;
  return 100 * (better == Better::lower ? effect - 1 : 1 - effect);
}

size_t Comparison::count(Verdict verdict) const {
  return static_cast<size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const ComparisonRow& row) { return row.verdict == verdict; }));
}

double Comparison::regression_percent() const {
  double most = 0;
  for (const ComparisonRow& row : rows) most = std::max(most, row.regression_percent());
  return most;
}

Comparison compare(std::span<const RunSample> base, std::span<const RunSample> changed) {
  Comparison out;
  out.over_recordings = std::min(base.size(), changed.size()) >= enough_recordings;
  std::optional<Bootstrap> base_bootstrap;
  std::optional<Bootstrap> new_bootstrap;
  if (!out.over_recordings) {
    base_bootstrap.emplace(base, 1);
    new_bootstrap.emplace(changed, 2);
  }
  std::vector<Cells> base_cells;
  std::vector<Cells> new_cells;
  std::map<uint32_t, uint64_t> opcodes;  // requests on both sides
  for (const RunSample& run : base) base_cells.push_back(run.opcodes());
  for (const RunSample& run : changed) new_cells.push_back(run.opcodes());
  for (const auto* side : {&base_cells, &new_cells}) {
    for (const Cells& cells : *side) {
      for (const auto& [opcode, cell] : cells) opcodes[opcode] += cell.requests;
    }
  }
  auto add_group = [&](const std::string& name, std::optional<uint32_t> opcode,
                       const std::vector<Metric>& metrics) {
    const Sample a =
        make_sample(base, base_cells, base_bootstrap ? &*base_bootstrap : nullptr, opcode);
    const Sample b =
        make_sample(changed, new_cells, new_bootstrap ? &*new_bootstrap : nullptr, opcode);
    if (opcode && std::max(a.all.requests, b.all.requests) < enough_requests) return;
    for (const Metric& m : metrics)
      out.rows.push_back(make_row(name, m, a, b, out.over_recordings));
  };
  add_group("all", std::nullopt, metrics_of_all());
  std::vector<std::pair<uint64_t, uint32_t>> order;
  order.reserve(opcodes.size());
  for (const auto& [opcode, requests] : opcodes) order.emplace_back(requests, opcode);
  std::sort(order.rbegin(), order.rend());
  for (const auto& [requests, opcode] : order) {
    add_group(opcode_name(opcode), opcode, metrics_of_opcode());
  }
  judge(out.rows);
  return out;
}

}  // namespace fusetrace
