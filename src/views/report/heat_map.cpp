// SPDX-License-Identifier: Apache-2.0
#include "views/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "views/text/units.h"

namespace fusetrace {
namespace {

// Colours of one hue, from dark to light, of the palette of 256 colours. Only the lightness
// tells the value, so it can be read with colour blindness and in black and white.
constexpr std::array<int, 9> ramp = {235, 17, 18, 24, 31, 38, 80, 122, 195};
constexpr std::string_view characters = " .:-=+*#%@";

struct Grid {
  size_t size = 0;
  size_t group = 1;  // CPUs a cell
  std::vector<uint64_t> counts;
  uint64_t max = 0;

  uint64_t at(size_t row, size_t column) const { return counts[row * size + column]; }
};

Grid make_grid(const CpuMatrix& matrix, const std::vector<uint32_t>& cpus, size_t most) {
  Grid grid;
  while (cpus.size() > most * grid.group) grid.group *= 2;
  grid.size = (cpus.size() + grid.group - 1) / grid.group;
  grid.counts.resize(grid.size * grid.size);
  constexpr size_t none = SIZE_MAX;
  std::vector<size_t> place(matrix.size(), none);
  for (size_t i = 0; i < cpus.size(); ++i)
    if (cpus[i] < place.size()) place[cpus[i]] = i / grid.group;
  matrix.for_each([&](uint32_t from, uint32_t to, uint64_t count) {
    if (place[from] != none && place[to] != none)
      grid.counts[place[from] * grid.size + place[to]] += count;
  });
  grid.max = *std::max_element(grid.counts.begin(), grid.counts.end());
  return grid;
}

// The shade of a count: 0 for none, else 1 to levels. It follows the square root of the count,
// so that rare pairs can still be seen.
size_t level_of(uint64_t count, uint64_t max, size_t levels) {
  if (count == 0 || max == 0) return 0;
  const double share = std::sqrt(static_cast<double>(count) / static_cast<double>(max));
  return std::clamp<size_t>(static_cast<size_t>(std::ceil(share * static_cast<double>(levels))), 1,
                            levels);
}

std::string shaded(const std::string& text, size_t level) {
  const int foreground = level >= 6 ? 16 : 231;
  return fmt::format("\033[48;5;{};38;5;{}m{}\033[0m", ramp[level], foreground, text);
}

}  // namespace

std::string render_heat_map(const CpuMatrix& matrix, const std::vector<uint32_t>& cpus,
                            const std::string& from, const std::string& to,
                            const RenderOptions& options) {
  if (cpus.empty()) return {};
  const auto room = static_cast<size_t>(std::max(options.width, 60) - 10);
  // The counts themselves, where they fit.
  const Grid whole = make_grid(matrix, cpus, std::min(cpus.size(), room));
  const size_t digits = std::max<size_t>(std::to_string(whole.max).size(), 4);
  const bool numbers = cpus.size() * (digits + 2) <= room;
  const size_t cell_width = numbers ? digits + 2 : 2;
  const Grid grid = numbers ? whole : make_grid(matrix, cpus, room / cell_width);

  auto label = [&](size_t i) {
    const size_t first = i * grid.group;
    const size_t last = std::min(first + grid.group, cpus.size()) - 1;
    return first == last ? fmt::format("{}", cpus[first])
                         : fmt::format("{}-{}", cpus[first], cpus[last]);
  };
  std::string out = fmt::format("  {} down, {} across", from, to);
  if (grid.group > 1) out += fmt::format("; {} CPUs a cell", grid.group);
  if (!numbers) {
    out += fmt::format("; {} is {} requests", options.color ? "lightest" : "@", grid.max);
  }
  out += "\n         ";
  if (numbers) {
    for (size_t i = 0; i < grid.size; ++i) out += pad_left(label(i), cell_width);
  } else {
    // Every fifth column has a label.
    for (size_t i = 0; i < grid.size; i += 5) out += pad_right(label(i), cell_width * 5);
    out.erase(out.find_last_not_of(' ') + 1);
  }
  out += "\n";
  for (size_t row = 0; row < grid.size; ++row) {
    out += pad_left(label(row), 8) + " ";
    for (size_t column = 0; column < grid.size; ++column) {
      const uint64_t count = grid.at(row, column);
      const size_t level = level_of(count, grid.max, ramp.size() - 1);
      if (numbers) {
        const std::string text = pad_left(std::to_string(count), cell_width);
        out += options.color ? shaded(text, level) : text;
      } else if (options.color) {
        out += shaded("  ", level);
      } else {
        out += std::string(2, characters[level_of(count, grid.max, characters.size() - 1)]);
      }
    }
    while (!options.color && out.back() == ' ') out.pop_back();
    out += "\n";
  }
  return out;
}

}  // namespace fusetrace
