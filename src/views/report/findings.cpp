// SPDX-License-Identifier: Apache-2.0
#include "views/report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "views/text/units.h"

namespace fusetrace {
namespace {

// Fewer requests than this support no sentence.
constexpr uint64_t enough = 200;

double per_request(uint64_t count, uint64_t requests) {
  return static_cast<double>(count) / static_cast<double>(std::max<uint64_t>(requests, 1));
}

// What being served on another CPU costs, from the latencies by distance.
void distance_cost(const Cell& total, const ConnectionTotals& all, std::vector<std::string>& out) {
  const auto& latency = all.latency[static_cast<size_t>(Hop::request)];
  const Histogram& near = latency[static_cast<size_t>(Distance::same_cpu)];
  Histogram far;
  for (size_t d = 1; d + 1 < distance_count; ++d) far.merge(latency[d]);
  const uint64_t known = total.hop_known(Hop::request);
  const uint64_t elsewhere = known - total.hops[0][0];
  if (known < enough) return;
  if (near.count() < enough || far.count() < enough) {
    if (elsewhere == 0) {
      out.push_back(fmt::format("Every one of {} requests was served on its client's CPU.", known));
    } else if (elsewhere == known) {
      out.push_back(fmt::format("Not one of {} requests was served on its client's CPU.", known));
    }
    return;
  }
  const auto a = static_cast<double>(near.quantile(0.5));
  const auto b = static_cast<double>(far.quantile(0.5));
  const double ratio = a > 0 ? b / a : 0;
  const std::string share = percent_text(elsewhere, known);
  if (ratio >= 1.1) {
    out.push_back(fmt::format(
        "{} of requests were served on another CPU; those took {:.1f} times as long at the median "
        "({} against {}).",
        share, ratio, duration_text(far.quantile(0.5)), duration_text(near.quantile(0.5))));
  } else if (ratio > 0 && ratio <= 1 / 1.1) {
    out.push_back(fmt::format(
        "{} of requests were served on another CPU, and were faster for it: {} at the median "
        "against {} on the same CPU.",
        share, duration_text(far.quantile(0.5)), duration_text(near.quantile(0.5))));
  } else {
    out.push_back(fmt::format(
        "{} of requests were served on another CPU; at the median that made less than 10 % of "
        "difference ({} against {}).",
        share, duration_text(far.quantile(0.5)), duration_text(near.quantile(0.5))));
  }
}

void stage_share(const Cell& total, std::vector<std::string>& out) {
  // Means add up where quantiles do not.
  const auto& stages = total.stages;
  const Histogram& whole = stages[static_cast<size_t>(Stage::total)];
  if (whole.count() < enough || whole.sum() == 0) return;
  auto share = [&](Stage stage) {
    return static_cast<double>(stages[static_cast<size_t>(stage)].sum()) /
           static_cast<double>(whole.sum());
  };
  const double waiting = share(Stage::queue) + share(Stage::back);
  if (waiting >= 0.6 && waiting <= 1.0) {
    out.push_back(fmt::format(
        "{:.0f} % of the time was spent on the way (queue {:.0f} %, return {:.0f} %), {:.0f} % in "
        "the server.",
        100 * waiting, 100 * share(Stage::queue), 100 * share(Stage::back),
        100 * share(Stage::service)));
  } else if (share(Stage::service) >= 0.6 && share(Stage::service) <= 1.0) {
    out.push_back(
        fmt::format("{:.0f} % of the time was spent in the server.", 100 * share(Stage::service)));
  }
}

void sync_migrates(const Cell& total, std::vector<std::string>& out) {
  for (size_t side = 0; side < side_count; ++side) {
    const Wakeups& wakeups = total.wakeups[side];
    uint64_t sync = 0;
    for (size_t p = 0; p < placement_count; ++p) {
      sync += wakeups.placed(static_cast<Placement>(p), WakeHint::sync);
    }
    if (sync < enough) continue;
    const uint64_t kept = wakeups.placed(Placement::kept, WakeHint::sync);
    const uint64_t pulled = wakeups.placed(Placement::pulled, WakeHint::sync);
    out.push_back(fmt::format(
        "Of {} sync wakeups of {}s, {} left the thread on the CPU it slept on, {} pulled it to the "
        "waker's.",
        sync, side_names[side], percent_text(kept, sync), percent_text(pulled, sync)));
  }
}

void migrations(const Cell& total, std::vector<std::string>& out) {
  if (total.requests < enough) return;
  const double rate = per_request(total.migrations_total(), total.requests);
  if (rate < 0.1) return;
  const auto most = std::max_element(total.migrations.begin(), total.migrations.end());
  const auto which = static_cast<size_t>(most - total.migrations.begin());
  constexpr std::array<const char*, migration_count> where = {
      "servers at their wakeup", "servers between wakeup and pickup", "servers while serving",
      "clients while waiting"};
  out.push_back(fmt::format("{:.2f} migrations a request, most of them of {} ({}).", rate,
                            where[which], percent_text(*most, total.migrations_total())));
}

void poaching(const Cell& total, std::vector<std::string>& out) {
  const uint64_t poached = total.pickups[FT_PICKUP_POACHED];
  if (total.requests < enough || poached * 10 < total.requests) return;
  out.push_back(fmt::format(
      "For {} of requests one server was woken and another one took the request: that many wakeups "
      "were for nothing.",
      percent_text(poached, total.requests)));
}

void idle_targets(const Cell& total, std::vector<std::string>& out) {
  const Wakeups& wakeups = total.wakeups[static_cast<size_t>(Side::server)];
  uint64_t idle = 0;
  uint64_t known = 0;
  for (size_t p = 0; p < placement_count; ++p) {
    const auto placement = static_cast<Placement>(p);
    idle += wakeups.placed(placement, TargetIdle::idle);
    known +=
        wakeups.placed(placement, TargetIdle::idle) + wakeups.placed(placement, TargetIdle::busy);
  }
  if (known < enough || idle * 2 < known) return;
  out.push_back(fmt::format("{} of server wakeups went to an idle CPU, which had to be woken too.",
                            percent_text(idle, known)));
}

// Whether it is the wakeup that takes requests to another CPU.
void woken_distance(const Cell& total, std::vector<std::string>& out) {
  const HopCounts& woken = total.pickup_hops[FT_PICKUP_WOKEN];
  HopCounts running = total.pickup_hops[FT_PICKUP_BUSY];
  for (size_t d = 0; d < distance_count; ++d) {
    running[d] += total.pickup_hops[FT_PICKUP_POACHED][d];
  }
  const uint64_t woken_known = known_hops(woken);
  const uint64_t running_known = known_hops(running);
  if (std::min(woken_known, running_known) < enough) return;
  const double difference =
      per_request(woken[0], woken_known) - per_request(running[0], running_known);
  if (std::abs(difference) < 0.2) return;
  out.push_back(fmt::format(
      "Of the requests that were taken by the server woken for them, {} were served on their "
      "client's CPU; of those that a running server took, {}.",
      percent_text(woken[0], woken_known), percent_text(running[0], running_known)));
}

// Throughput that swings with placement: the rate of the intervals against
// their same-CPU ratio.
void swing(const Snapshot& snapshot, std::vector<std::string>& out) {
  struct Point {
    double rate;
    double same;
  };
  std::vector<Point> points;
  // In shorter ones, rates swing by chance.
  constexpr uint64_t least_ns = 250'000'000;
  const Timeline time = snapshot.timeline(least_ns);
  if (time.intervals.size() < 6) return;
  // The load need not run from the first interval's start to the last one's end.
  for (size_t i = 1; i + 1 < time.intervals.size(); ++i) {
    const Interval& interval = time.intervals[i];
    uint64_t known = 0;
    for (size_t d = 0; d + 1 < distance_count; ++d) known += interval.hops[d];
    if (known < 50) continue;
    points.push_back({static_cast<double>(interval.requests) / time.seconds[i],
                      static_cast<double>(interval.hops[0]) / static_cast<double>(known)});
  }
  if (points.size() < 4) return;
  double mean_rate = 0;
  double mean_same = 0;
  for (const Point& p : points) {
    mean_rate += p.rate / static_cast<double>(points.size());
    mean_same += p.same / static_cast<double>(points.size());
  }
  double covariance = 0;
  double rate_variance = 0;
  double same_variance = 0;
  for (const Point& p : points) {
    covariance += (p.rate - mean_rate) * (p.same - mean_same);
    rate_variance += (p.rate - mean_rate) * (p.rate - mean_rate);
    same_variance += (p.same - mean_same) * (p.same - mean_same);
  }
  const auto [slow, fast] = std::minmax_element(
      points.begin(), points.end(), [](const Point& a, const Point& b) { return a.rate < b.rate; });
  if (slow->rate <= 0 || fast->rate / slow->rate < 1.3 || same_variance <= 0 ||
      rate_variance <= 0) {
    return;
  }
  const double correlation = covariance / std::sqrt(rate_variance * same_variance);
  if (std::abs(correlation) < 0.7) return;
  out.push_back(
      fmt::format("The rate swung between {:.0f} and {:.0f} requests/s, with the same-CPU ratio at "
                  "{:.0f} % and "
                  "{:.0f} % (correlation {:.2f} over {} intervals of {}).",
                  slow->rate, fast->rate, 100 * slow->same, 100 * fast->same, correlation,
                  points.size(), duration_text(time.interval_ns)));
}

}  // namespace

std::vector<std::string> findings(const Snapshot& snapshot) {
  std::vector<std::string> out;
  const Cell total = snapshot.total();
  distance_cost(total, snapshot.all_connections(), out);
  swing(snapshot, out);
  woken_distance(total, out);
  stage_share(total, out);
  sync_migrates(total, out);
  migrations(total, out);
  poaching(total, out);
  idle_targets(total, out);
  return out;
}

}  // namespace fusetrace
