// SPDX-License-Identifier: Apache-2.0
#include "views/report/stat_line.h"

#include <fmt/format.h>

#include "views/text/units.h"

namespace fusetrace {

std::string stat_line_heading() {
  return fmt::format("{:>9} {:>11} {:>10} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "time",
                     "requests/s", "requests", "same CPU", "same LLC", "migr/req", "p50 queue",
                     "p50 serv", "p50 total", "p99 total");
}

std::string stat_line(const Snapshot& since, double at_seconds) {
  const Cell sum = since.total();
  const uint64_t known = sum.hop_known(Hop::request);
  const auto& hops = sum.hops[static_cast<size_t>(Hop::request)];
  auto quantile = [&sum](Stage stage, double q) {
    const Histogram& values = sum.stages[static_cast<size_t>(stage)];
    return values.count() == 0 ? std::string("-") : duration_text(values.quantile(q));
  };
  const double rate = since.seconds > 0 ? static_cast<double>(sum.requests) / since.seconds : 0;
  const std::string migrations =
      sum.requests == 0 ? "-"
                        : fmt::format("{:.3f}", static_cast<double>(sum.migrations_total()) /
                                                    static_cast<double>(sum.requests));
  std::string out = fmt::format(
      "{:>8.2f}s {:>11.0f} {:>10} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10}\n", at_seconds,
      rate, sum.requests, percent_text(hops[0], known),
      percent_text(hops[0] + hops[1] + hops[2], known), migrations, quantile(Stage::queue, 0.5),
      quantile(Stage::service, 0.5), quantile(Stage::total, 0.5), quantile(Stage::total, 0.99));
  std::string lost;
  for (size_t i = 0; i < FT_LOSSES; ++i) {
    if (since.losses.lost[i] == 0) continue;
    lost += fmt::format(" {} {}", loss_names[i], since.losses.lost[i]);
  }
  if (!lost.empty()) out += fmt::format("{:>9} lost{}\n", "", lost);
  return out;
}

}  // namespace fusetrace
