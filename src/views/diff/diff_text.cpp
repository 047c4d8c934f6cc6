// SPDX-License-Identifier: Apache-2.0
#include "views/diff/diff_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "views/text/table.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

// The names of metrics as people say them.
std::string label_of(const std::string& metric) {
  constexpr std::array<std::pair<const char*, const char*>, 11> whole = {{
      {"requests_per_second", "requests/s"},
      {"errors", "with an error"},
      {"migrations", "migrations/request"},
      {"migrations.server_wakeup", "  server at wakeup"},
      {"migrations.server_waiting", "  server waiting"},
      {"migrations.server_serving", "  server serving"},
      {"migrations.client_waiting", "  client waiting"},
      {"hops.request.same_cpu", "request hop same CPU"},
      {"hops.request.same_llc", "request hop same LLC"},
      {"hops.reply.same_cpu", "reply hop same CPU"},
      {"hops.reply.same_llc", "reply hop same LLC"},
  }};
  for (const auto& [name, label] : whole) {
    if (metric == name) return label;
  }
  std::string label = metric;
  std::replace(label.begin(), label.end(), '.', ' ');
  if (label.starts_with("stages ")) label.erase(0, 7);
  if (label.starts_with("wakeups ")) {
    label.erase(0, 8);
    label.insert(label.find(' '), " wakeup");
  }
  return label;
}

std::string value_text(const ComparisonRow& row, double value) {
  switch (row.unit) {
    case MetricUnit::share:
      return fmt::format("{:.1f} %", 100 * value);
    case MetricUnit::per_request:
      return fmt::format("{:.3f}", value);
    case MetricUnit::nanoseconds:
      return duration_text(static_cast<uint64_t>(std::llround(value)));
    case MetricUnit::per_second:
      return fmt::format("{:.0f}", value);
  }
  return {};
}

std::string effect_text(const ComparisonRow& row, double effect) {
  switch (row.unit) {
    case MetricUnit::share:
      return std::abs(effect) < 0.0005 ? "0.0" : fmt::format("{:+.1f}", 100 * effect);
    case MetricUnit::per_request:
      return std::abs(effect) < 0.0005 ? "0.000" : fmt::format("{:+.3f}", effect);
    case MetricUnit::nanoseconds:
    case MetricUnit::per_second:
      if (effect >= 9995) return "×>9999";
      return fmt::format("×{:.{}f}", effect, effect < 9.995 ? 2 : effect < 99.95 ? 1 : 0);
  }
  return {};
}

std::string verdict_text(const ComparisonRow& row) {
  switch (row.verdict) {
    case Verdict::changed:
      return row.worse() ? "worse" : row.improved() ? "better" : "changed";
    case Verdict::unchanged:
      return "same";
    case Verdict::unsure:
      return "unsure";
    case Verdict::too_few:
      return "too few";
  }
  return {};
}

std::string painted(const ComparisonRow& row, const std::string& text) {
  const char* code = row.worse()                       ? "1;31"
                     : row.improved()                  ? "1;32"
                     : row.verdict == Verdict::changed ? "1"
                     : row.verdict == Verdict::unsure  ? "33"
                                                       : "2";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string side_text(const char* name, std::span<const RunSample> runs, size_t width) {
  uint64_t requests = 0;
  double seconds = 0;
  for (const RunSample& run : runs) {
    requests += run.requests();
    seconds += run.seconds();
  }
  const RunSample& first = runs.front();
  std::string out = wrap(fmt::format("{:<8}", name),
                         fmt::format("{} recording{}, {} requests in {:.2f} s; {}, {} CPUs",
                                     runs.size(), runs.size() == 1 ? "" : "s", requests, seconds,
                                     first.info.kernel, first.info.topology.online_count()),
                         width);
  std::string files;
  for (const RunSample& run : runs) files += (files.empty() ? "" : " ") + run.name();
  return out + wrap("        ", files, width);
}

// The rows of one group, and how many rows were left out because both sides are equal.
std::string group_text(std::span<const ComparisonRow> rows, const RenderOptions& options) {
  Table table({"<", "base", "new", "change", "95 % interval", "<"});
  std::vector<const ComparisonRow*> shown;
  size_t equal = 0;
  size_t too_few = 0;
  for (const ComparisonRow& row : rows) {
    if (row.verdict == Verdict::too_few) {
      ++too_few;
      continue;
    }
    if (row.verdict == Verdict::unchanged &&
        value_text(row, row.base_value) == value_text(row, row.new_value)) {
      ++equal;
      continue;
    }
    shown.push_back(&row);
    table.add({label_of(row.metric), value_text(row, row.base_value),
               value_text(row, row.new_value), effect_text(row, row.effect),
               fmt::format("{} to {}", effect_text(row, row.low), effect_text(row, row.high)),
               verdict_text(row)});
  }
  std::string out;
  if (!table.empty()) {
    std::string text = table.render(options.width);
    if (options.color) {
      // After the title each line is printed by itself, so that whole rows can be coloured.
      size_t at = text.find('\n') + 1;
      out = text.substr(0, at);
      for (const ComparisonRow* row : shown) {
        const size_t end = text.find('\n', at);
        out += painted(*row, text.substr(at, end - at)) + "\n";
        at = end + 1;
      }
    } else {
      out = std::move(text);
    }
  }
  if (equal > 0) out += fmt::format("  {} more equal on both sides\n", equal);
  if (too_few > 0) {
    out +=
        fmt::format("  {} more with fewer than {} requests on a side\n", too_few, enough_requests);
  }
  return out;
}

}  // namespace

std::string render_diff_text(std::span<const RunSample> base, std::span<const RunSample> changed,
                             const Comparison& comparison, const RenderOptions& options) {
  const auto width = static_cast<size_t>(std::max(options.width, 60));
  std::string out = side_text("base", base, width) + side_text("new", changed, width);
  for (const std::string& note : diff_notes(base, changed)) out += wrap("NOTE    ", note, width);
  const char* name = "method  ";
  for (const std::string& sentence : diff_method(comparison)) {
    out += wrap(name, sentence, width);
    name = "        ";
  }
  size_t worse = 0;
  size_t better = 0;
  for (const ComparisonRow& row : comparison.rows) {
    worse += row.worse();
    better += row.improved();
  }
  const size_t rows = comparison.rows.size() - comparison.count(Verdict::too_few);
  out += fmt::format("verdict {} of {} rows changed: {} for the worse, {} for the better\n",
                     comparison.count(Verdict::changed), rows, worse, better);

  const std::span<const ComparisonRow> all(comparison.rows);
  for (size_t from = 0; from < all.size();) {
    size_t to = from;
    while (to < all.size() && all[to].group == all[from].group) ++to;
    const std::string title =
        all[from].group == "all" ? "All requests (shares in percentage points)" : all[from].group;
    out +=
        options.color ? fmt::format("\n\033[1m{}\033[0m\n", title) : fmt::format("\n{}\n", title);
    out += group_text(all.subspan(from, to - from), options);
    from = to;
  }
  return out;
}

}  // namespace fusetrace
