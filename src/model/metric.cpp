// SPDX-License-Identifier: Apache-2.0
#include "model/metric.h"

namespace fusetrace {
namespace {

// How far single runs of the same load were apart: the greater standard
// deviation of 30 runs of `fusetrace bench --servers 4 --clients 4` on two CPUs
// and of 24 of which every second one had something else beside it, rounded up.
// docs/diff.md has the table.
constexpr double share_spread = 0.15;
constexpr double per_request_spread = 0.05;
constexpr double rate_spread = 0.20;
struct StageSpread {
  double p50;
  double p90;
  double p99;
};
constexpr StageSpread stage_spreads[stage_count] = {
    {0.20, 0.20, 0.20},  // queue
    {0.40, 0.30, 0.20},  // wakeup
    {0.10, 0.20, 1.00},  // service
    {0.40, 0.30, 0.30},  // return
    {0.30, 0.20, 0.25},  // total
};

constexpr double least_share = 0.01;
constexpr double least_per_request = 0.005;
constexpr double least_log = 0.02;

Metric share(std::string name, Metric::Count part, size_t part_argument, Metric::Count whole,
             size_t whole_argument) {
  Metric m;
  m.name = std::move(name);
  m.unit = MetricUnit::share;
  m.run_spread = share_spread;
  m.least = least_share;
  m.part = part;
  m.part_argument = part_argument;
  m.whole = whole;
  m.whole_argument = whole_argument;
  return m;
}

uint64_t requests(const Cell& cell, size_t) { return cell.requests; }
uint64_t errors(const Cell& cell, size_t) { return cell.errors; }
uint64_t hop_known(const Cell& cell, size_t hop) { return cell.hop_known(static_cast<Hop>(hop)); }
uint64_t same_cpu(const Cell& cell, size_t hop) { return cell.hops[hop][0]; }
uint64_t same_llc(const Cell& cell, size_t hop) {
  return cell.hops[hop][0] + cell.hops[hop][1] + cell.hops[hop][2];
}
uint64_t migrations(const Cell& cell, size_t which) {
  return which == migration_count ? cell.migrations_total() : cell.migrations[which];
}
uint64_t pickup(const Cell& cell, size_t which) { return cell.pickups[which]; }
uint64_t pickup_known(const Cell& cell, size_t) {
  return cell.pickups[FT_PICKUP_WOKEN] + cell.pickups[FT_PICKUP_BUSY] +
         cell.pickups[FT_PICKUP_POACHED];
}
// Arguments of the two below: side * placement_count + placement.
uint64_t placed(const Cell& cell, size_t which) {
  return cell.wakeups[which / placement_count].placed(
      static_cast<Placement>(which % placement_count));
}
uint64_t placement_known(const Cell& cell, size_t side) {
  const Wakeups& wakeups = cell.wakeups[side];
  return wakeups.total() - wakeups.placed(Placement::unknown);
}

void add_stages(std::vector<Metric>& out, bool all) {
  struct Quantile {
    const char* name;
    double q;
    double StageSpread::*spread;
  };
  constexpr Quantile quantiles[] = {{"p50", 0.5, &StageSpread::p50},
                                    {"p90", 0.9, &StageSpread::p90},
                                    {"p99", 0.99, &StageSpread::p99}};
  for (size_t i = 0; i < stage_count; ++i) {
    for (const Quantile& quantile : quantiles) {
      if (!all && quantile.q == 0.9) continue;
      Metric m;
      m.name = std::string("stages.") + std::string(stage_names[i]) + "." + quantile.name;
      m.unit = MetricUnit::nanoseconds;
      m.better = Better::lower;
      m.run_spread = stage_spreads[i].*quantile.spread;
      m.least = least_log;
      m.stage = static_cast<Stage>(i);
      m.quantile = quantile.q;
      out.push_back(std::move(m));
    }
  }
}

Metric same_cpu_of(size_t hop) {
  return share("hops." + std::string(hop_names[hop]) + ".same_cpu", same_cpu, hop, hop_known, hop);
}

Metric migrations_of_kind(size_t which) {
  const std::string name =
      which == migration_count ? "migrations" : "migrations." + std::string(migration_names[which]);
  Metric m = share(name, migrations, which, requests, 0);
  m.unit = MetricUnit::per_request;
  m.better = Better::lower;
  m.run_spread = per_request_spread;
  m.least = least_per_request;
  return m;
}

}  // namespace

std::vector<Metric> metrics_of_all() {
  std::vector<Metric> out;
  Metric rate;
  rate.name = "requests_per_second";
  rate.unit = MetricUnit::per_second;
  rate.better = Better::higher;
  rate.run_spread = rate_spread;
  rate.least = least_log;
  out.push_back(std::move(rate));
  Metric failed = share("errors", errors, 0, requests, 0);
  failed.better = Better::lower;
  out.push_back(std::move(failed));
  for (size_t hop = 0; hop < hop_count; ++hop) {
    out.push_back(same_cpu_of(hop));
    out.push_back(
        share("hops." + std::string(hop_names[hop]) + ".same_llc", same_llc, hop, hop_known, hop));
  }
  out.push_back(migrations_of_kind(migration_count));
  for (size_t i = 0; i < migration_count; ++i) out.push_back(migrations_of_kind(i));
  for (const size_t i : {FT_PICKUP_WOKEN, FT_PICKUP_BUSY, FT_PICKUP_POACHED}) {
    out.push_back(share("pickup." + std::string(pickup_names[i]), pickup, i, pickup_known, 0));
  }
  for (size_t side = 0; side < side_count; ++side) {
    for (const Placement placement : {Placement::kept, Placement::pulled, Placement::moved}) {
      const auto p = static_cast<size_t>(placement);
      out.push_back(
          share("wakeups." + std::string(side_names[side]) + "." + std::string(placement_names[p]),
                placed, side * placement_count + p, placement_known, side));
    }
  }
  add_stages(out, true);
  return out;
}

std::vector<Metric> metrics_of_opcode() {
  std::vector<Metric> out = {same_cpu_of(0), same_cpu_of(1), migrations_of_kind(migration_count)};
  add_stages(out, false);
  return out;
}

}  // namespace fusetrace
