// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "views/report/finding_kinds.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

double per_request(uint64_t count, uint64_t requests) {
  return static_cast<double>(count) / static_cast<double>(std::max<uint64_t>(requests, 1));
}

void one_place(const Cell& cell, std::vector<Finding>& out) {
  const uint64_t known = cell.hop_known(Hop::request);
  if (known < enough_requests) return;
  const uint64_t near = cell.hops[0][0];
  if (near != 0 && near != known) return;
  out.push_back({.kind = "same_cpu",
                 .text = fmt::format("{} of {} requests was served on its client's CPU.",
                                     near == known ? "Every one" : "Not one", known)});
}

void sync_wakeups(const Cell& cell, std::vector<Finding>& out) {
  for (size_t side = 0; side < side_count; ++side) {
    const Wakeups& wakeups = cell.wakeups[side];
    uint64_t sync = 0;
    for (size_t p = 0; p < placement_count; ++p) {
      sync += wakeups.placed(static_cast<Placement>(p), WakeHint::sync);
    }
    if (sync < enough_requests) continue;
    const uint64_t kept = wakeups.placed(Placement::kept, WakeHint::sync);
    const uint64_t pulled = wakeups.placed(Placement::pulled, WakeHint::sync);
    out.push_back(
        {.kind = "sync_wakeups",
         .text = fmt::format("Of {} sync wakeups of {}s, {} left the thread on the CPU it "
                             "slept on, {} pulled it to the waker's.",
                             sync, side_names[side], percent_text(kept, sync),
                             percent_text(pulled, sync))});
  }
}

void migrations(const Cell& cell, std::vector<Finding>& out) {
  if (cell.requests < enough_requests) return;
  const double rate = per_request(cell.migrations_total(), cell.requests);
  if (rate < 0.1) return;
  const auto most = std::max_element(cell.migrations.begin(), cell.migrations.end());
  const auto which = static_cast<size_t>(most - cell.migrations.begin());
  constexpr std::array<const char*, migration_count> where = {
      "servers at their wakeup", "servers between wakeup and pickup", "servers while serving",
      "clients while waiting"};
  out.push_back({.kind = "migrations",
                 .text = fmt::format("{:.2f} migrations a request, most of them of {} ({}).", rate,
                                     where[which], percent_text(*most, cell.migrations_total()))});
}

void poaching(const Cell& cell, std::vector<Finding>& out) {
  const uint64_t poached = cell.pickups[FT_PICKUP_POACHED];
  if (cell.requests < enough_requests || poached * 10 < cell.requests) return;
  out.push_back({.kind = "poaching",
                 .text = fmt::format("For {} of requests one server was woken and another one took "
                                     "the request: that many wakeups were for nothing.",
                                     percent_text(poached, cell.requests))});
}

void idle_targets(const Cell& cell, std::vector<Finding>& out) {
  const Wakeups& wakeups = cell.wakeups[static_cast<size_t>(Side::server)];
  uint64_t idle = 0;
  uint64_t known = 0;
  for (size_t p = 0; p < placement_count; ++p) {
    const auto placement = static_cast<Placement>(p);
    idle += wakeups.placed(placement, TargetIdle::idle);
    known +=
        wakeups.placed(placement, TargetIdle::idle) + wakeups.placed(placement, TargetIdle::busy);
  }
  if (known < enough_requests || idle * 2 < known) return;
  out.push_back(
      {.kind = "idle_target",
       .text = fmt::format("{} of server wakeups went to an idle CPU, which had to be woken too.",
                           percent_text(idle, known))});
}

// Whether it is the wakeup that takes requests to another CPU.
void pickup_distance(const Cell& cell, std::vector<Finding>& out) {
  const HopCounts& woken = cell.pickup_hops[FT_PICKUP_WOKEN];
  HopCounts running = cell.pickup_hops[FT_PICKUP_BUSY];
  for (size_t d = 0; d < distance_count; ++d) {
    running[d] += cell.pickup_hops[FT_PICKUP_POACHED][d];
  }
  const uint64_t woken_known = known_hops(woken);
  const uint64_t running_known = known_hops(running);
  if (std::min(woken_known, running_known) < enough_requests) return;
  const double difference =
      per_request(woken[0], woken_known) - per_request(running[0], running_known);
  if (std::abs(difference) < 0.2) return;
  out.push_back(
      {.kind = "pickup_distance",
       .text = fmt::format("Of the requests that were taken by the server woken for them, "
                           "{} were served on their client's CPU; of those that a running "
                           "server took, {}.",
                           percent_text(woken[0], woken_known),
                           percent_text(running[0], running_known))});
}

// A correlation of fewer intervals is easily one of chance: with 12, a value of 0.7 comes by
// chance once in ninety captures.
constexpr size_t enough_intervals = 12;

struct Point {
  double rate;
  double same;
};

double mean_of(const std::vector<Point>& points, double Point::*member) {
  double sum = 0;
  for (const Point& p : points) sum += p.*member;
  return sum / static_cast<double>(points.size());
}

}  // namespace

std::vector<Finding> facts_of(const Cell& cell) {
  std::vector<Finding> out;
  one_place(cell, out);
  pickup_distance(cell, out);
  sync_wakeups(cell, out);
  migrations(cell, out);
  poaching(cell, out);
  idle_targets(cell, out);
  return out;
}

std::vector<Finding> swing_of(const Snapshot& snapshot) {
  // Intervals are of all requests together. Where these are of several kinds, rate and place
  // change with the mixture.
  uint64_t all = 0;
  uint64_t most = 0;
  for (const auto& [key, cell] : snapshot.cells) {
    all += cell.requests;
    most = std::max(most, cell.requests);
  }
  if (most * 20 < all * 19) return {};
  // In shorter ones rates swing by chance, and neighbours are too alike to count as evidence each.
  constexpr uint64_t least_ns = 1'000'000'000;
  const Timeline time = snapshot.timeline(least_ns);
  std::vector<Point> points;
  // The load need not run from the first interval's start to the last one's end.
  for (size_t i = 1; i + 1 < time.intervals.size(); ++i) {
    const Interval& interval = time.intervals[i];
    const uint64_t known = known_hops(interval.hops);
    if (known < 50) continue;
    points.push_back({static_cast<double>(interval.requests) / time.seconds[i],
                      static_cast<double>(interval.hops[0]) / static_cast<double>(known)});
  }
  if (points.size() < enough_intervals) return {};
  const double mean_rate = mean_of(points, &Point::rate);
  const double mean_same = mean_of(points, &Point::same);
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
    return {};
  }
  const double correlation = covariance / std::sqrt(rate_variance * same_variance);
  if (std::abs(correlation) < 0.7) return {};
  return {{.kind = "swing",
           .text = fmt::format(
               "The rate swung between {:.0f} and {:.0f} requests/s, with the same-CPU ratio at "
               "{:.0f} % and {:.0f} % (correlation {:.2f} over {} intervals of {}). That they went "
               "together does not say which caused the other.",
               slow->rate, fast->rate, 100 * slow->same, 100 * fast->same, correlation,
               points.size(), duration_text(time.interval_ns))}};
}

}  // namespace fusetrace
