// SPDX-License-Identifier: Apache-2.0
#include "system/cpu_list.h"

#include <algorithm>
#include <charconv>

namespace fusetrace {
namespace {

// Takes a number off the front of the text; false when there is none.
bool take_number(std::string_view& text, uint32_t& number) {
  const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(after - text.data()));
  return number <= max_cpu_number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// FIRST, FIRST-LAST or FIRST-LAST:STEP.
bool add_part(std::string_view part, std::vector<uint32_t>& cpus) {
  uint32_t first = 0;
  if (!take_number(part, first)) return false;
  uint32_t last = first;
  uint32_t step = 1;
  if (take(part, '-')) {
    if (!take_number(part, last)) return false;
    if (take(part, ':') && !take_number(part, step)) return false;
  }
  if (!part.empty() || last < first || step == 0) return false;
  for (uint32_t cpu = first; cpu <= last; cpu += step) cpus.push_back(cpu);
  return true;
}

}  // namespace

std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text) {
  std::vector<uint32_t> cpus;
  std::string_view rest = text;
  for (;;) {
    const size_t comma = rest.find(',');
    if (!add_part(rest.substr(0, comma), cpus)) return std::nullopt;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

std::string format_cpu_list(std::vector<uint32_t> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string out;
  for (size_t i = 0; i < cpus.size();) {
    size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
    if (!out.empty()) out += ',';
    out += std::to_string(cpus[i]);
    if (end - i > 1) out += '-' + std::to_string(cpus[end - 1]);
    i = end;
  }
  return out;
}

}  // namespace fusetrace
