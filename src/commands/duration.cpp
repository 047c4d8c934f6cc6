// SPDX-License-Identifier: Apache-2.0
#include "commands/duration.h"

#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace fusetrace {
namespace {

constexpr std::pair<std::string_view, double> units[] = {
    {"", 1e9}, {"s", 1e9},  {"ms", 1e6},   {"us", 1e3},   {"µs", 1e3},
    {"ns", 1}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9},
};
constexpr double longest_ns = 100.0 * 365 * 86400 * 1e9;

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const std::string_view unit(after, static_cast<size_t>(end - after));
  if (error == std::errc() && std::isfinite(value)) {
    for (const auto& [name, factor] : units) {
      if (unit != name) continue;
      const double ns = std::round(value * factor);
      if (ns < 1 || ns > longest_ns) break;
      return std::chrono::nanoseconds(static_cast<int64_t>(ns));
    }
  }
  return fail("'" + std::string(text) + "' is not a duration",
              "write a number with a unit, as in 500ms, 10s or 2m, or bare seconds");
}

}  // namespace fusetrace
