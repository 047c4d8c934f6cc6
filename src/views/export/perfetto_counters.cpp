// SPDX-License-Identifier: Apache-2.0
#include "views/export/perfetto_counters.h"

#include <algorithm>

namespace fusetrace {

namespace {

// Cells in all: 12 MB of them.
constexpr size_t cells_total = 1 << 20;
constexpr size_t cells_most = 1 << 16;  // of one connection
constexpr size_t cells_least = 512;
constexpr uint64_t share_ns = 100'000'000;

}  // namespace

PerfettoCounters::Cell& PerfettoCounters::cell(uint32_t connection, uint64_t at_ns) {
  std::vector<Cell>& cells = cells_[connection];
  const size_t limit = std::clamp(cells_total / cells_.size(), cells_least, cells_most);
  const uint64_t after = at_ns > start_ns_ ? at_ns - start_ns_ : 0;
  while (after / width_ns_ >= limit) widen();
  const size_t index = after / width_ns_;
  if (index >= cells.size()) cells.resize(index + 1);
  return cells[index];
}

void PerfettoCounters::widen() {
  width_ns_ *= 2;
  for (auto& [connection, cells] : cells_) {
    for (size_t i = 0; i < cells.size(); i++) {
      const Cell moved = cells[i];
      cells[i] = {};
      cells[i / 2].pending += moved.pending;
      cells[i / 2].same_cpu += moved.same_cpu;
      cells[i / 2].hops += moved.hops;
    }
    cells.resize((cells.size() + 1) / 2);
  }
}

void PerfettoCounters::add_pending(uint32_t connection, uint64_t begin_ns, uint64_t end_ns) {
  cell(connection, begin_ns).pending++;
  cell(connection, end_ns).pending--;
}

void PerfettoCounters::add_hop(uint32_t connection, uint64_t at_ns, bool same_cpu) {
  Cell& c = cell(connection, at_ns);
  c.hops++;
  c.same_cpu += same_cpu;
}

void PerfettoCounters::write(PerfettoStream& stream, PerfettoTracks& tracks,
                             const ExportContext& context) const {
  for (const auto& [connection, cells] : cells_) {
    const uint64_t pending_track =
        tracks.counter_track(connection, PerfettoTracks::Counter::pending, context);
    const auto put_pending = [&](uint64_t at_ns, int64_t value) {
      stream.event(at_ns, perfetto::type_counter, pending_track, [&](protozero::pbf_writer& event) {
        event.add_int64(perfetto::event_counter_value, value);
      });
    };
    put_pending(start_ns_, 0);
    int64_t pending = 0;
    for (size_t i = 0; i < cells.size(); i++) {
      if (cells[i].pending == 0) continue;
      pending += cells[i].pending;
      put_pending(start_ns_ + (i + 1) * width_ns_, pending);
    }

    const uint64_t share_track =
        tracks.counter_track(connection, PerfettoTracks::Counter::same_cpu, context);
    const size_t group = std::max<size_t>(1, share_ns / width_ns_);
    for (size_t first = 0; first < cells.size(); first += group) {
      uint64_t hops = 0;
      uint64_t same = 0;
      for (size_t i = first; i < std::min(first + group, cells.size()); i++) {
        hops += cells[i].hops;
        same += cells[i].same_cpu;
      }
      if (hops == 0) continue;
      stream.event(start_ns_ + first * width_ns_, perfetto::type_counter, share_track,
                   [&](protozero::pbf_writer& event) {
                     event.add_double(
                         perfetto::event_double_counter_value,
                         100.0 * static_cast<double>(same) / static_cast<double>(hops));
                   });
    }
  }
}

}  // namespace fusetrace
