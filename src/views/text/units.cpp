// SPDX-License-Identifier: Apache-2.0
#include "views/text/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "views/text/printable.h"

namespace fusetrace {

std::string duration_text(uint64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  struct Unit {
    double ns;
    const char* name;
  };
  constexpr std::array<Unit, 3> units = {{{1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}}};
  const auto value = static_cast<double>(ns);
  for (const Unit& unit : units) {
    const double scaled = value / unit.ns;
    // 999.5 would be printed as 1000, which belongs to the next unit.
    if (scaled >= 999.5 && &unit != &units.back()) continue;
    const int digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    return fmt::format("{:.{}f} {}", scaled, digits, unit.name);
  }
  return {};
}

std::string percent_text(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part != 0 && percent < 0.05) return "<0.1 %";
  if (part != whole && percent >= 99.95) return ">99.9 %";
  return fmt::format("{:.1f} %", percent);
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array<const char*, 5> names = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, names[unit]);
}

size_t columns_of(const std::string& text) {
  size_t columns = 0;
  for (const char c : text) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return columns;
}

std::string pad_left(const std::string& text, size_t columns) {
  const size_t has = columns_of(text);
  return has >= columns ? text : std::string(columns - has, ' ') + text;
}

std::string pad_right(const std::string& text, size_t columns) {
  const size_t has = columns_of(text);
  return has >= columns ? text : text + std::string(columns - has, ' ');
}

std::string fit(const std::string& foreign, size_t columns) {
  const std::string text = printable(foreign);
  if (columns_of(text) <= columns) return text;
  std::string out;
  size_t used = 0;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (starts && used + 1 >= columns) break;
    used += starts;
    out += c;
  }
  return out + "…";
}

std::string wrap(const std::string& first, const std::string& foreign, size_t width) {
  const std::string text = printable(foreign);
  const std::string indent(columns_of(first), ' ');
  const size_t room = width > indent.size() + 20 ? width - indent.size() : 20;
  std::string out;
  std::string line;
  auto flush = [&] {
    out += (out.empty() ? first : indent) + line + "\n";
    line.clear();
  };
  size_t at = 0;
  while (at < text.size()) {
    const size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > room) flush();
    line += (line.empty() ? "" : " ") + word;
    at = space + 1;
  }
  flush();
  return out;
}

}  // namespace fusetrace
