// SPDX-License-Identifier: Apache-2.0
#include "views/report/summary.h"

#include <fmt/format.h>

#include "views/report/report_text.h"
#include "views/text/units.h"

namespace fusetrace {

std::string render_summary(const Snapshot& snapshot) {
  const Cell total = snapshot.total();
  std::string out;
  auto line = [&](const char* name, const std::string& text) {
    out += fmt::format("  {:<12} {}\n", name, text);
  };
  const double rate =
      snapshot.seconds > 0 ? static_cast<double>(total.requests) / snapshot.seconds : 0;
  line("requests",
       fmt::format("{} in {:.2f} s ({:.0f}/s), {} with an error, {} connection(s)", total.requests,
                   snapshot.seconds, rate, total.errors, snapshot.connections.size()));
  if (total.requests == 0 && !snapshot.info.filters.empty()) {
    line("filters", fmt::format("no request passed: {}", fmt::join(snapshot.info.filters, " ")));
  }
  for (size_t i = 0; i < hop_count; ++i) {
    const auto hop = static_cast<Hop>(i);
    if (total.hop_known(hop) == 0) continue;
    line(
        i == 0 ? "request hop" : "reply hop",
        fmt::format("{:.1f} % same CPU, {:.1f} % same LLC (of {})", 100 * total.same_cpu_ratio(hop),
                    100 * total.same_llc_ratio(hop), total.hop_known(hop)));
  }
  line("pickup", fmt::format("{} woken, {} busy, {} poached, {} unknown",
                             total.pickups[FT_PICKUP_WOKEN], total.pickups[FT_PICKUP_BUSY],
                             total.pickups[FT_PICKUP_POACHED], total.pickups[FT_PICKUP_UNKNOWN]));
  for (size_t side = 0; side < side_count; ++side) {
    const Wakeups& w = total.wakeups[side];
    if (w.total() == 0) continue;
    line(side == 0 ? "server wakes" : "client wakes",
         fmt::format("{} kept, {} pulled, {} moved, {} unknown", w.placed(Placement::kept),
                     w.placed(Placement::pulled), w.placed(Placement::moved),
                     w.placed(Placement::unknown)));
  }
  if (total.requests > 0) {
    line("migrations",
         fmt::format("{:.3f} a request", static_cast<double>(total.migrations_total()) /
                                             static_cast<double>(total.requests)));
  }
  const Histogram& latency = total.stages[static_cast<size_t>(Stage::total)];
  if (latency.count() > 0) {
    line("total",
         fmt::format("p50 {}, p90 {}, p99 {}, max {}", duration_text(latency.quantile(0.5)),
                     duration_text(latency.quantile(0.9)), duration_text(latency.quantile(0.99)),
                     duration_text(latency.max())));
  }
  return out + render_losses(snapshot);
}

}  // namespace fusetrace
