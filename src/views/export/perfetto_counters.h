// SPDX-License-Identifier: Apache-2.0
// The counters of an exported trace, for each connection: how many requests are pending, and
// which share was served on the CPU of the client. Requests come in the order of their end,
// so the counters are collected in cells of time. The cells get wider as the recording gets
// longer, which bounds the memory.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "views/export/export.h"
#include "views/export/perfetto_stream.h"
#include "views/export/perfetto_tracks.h"

namespace fusetrace {

class PerfettoCounters {
 public:
  // Times before start_ns count as start_ns.
  explicit PerfettoCounters(uint64_t start_ns) : start_ns_(start_ns) {}

  // Counts a request that was pending from begin_ns to end_ns.
  void add_pending(uint32_t connection, uint64_t begin_ns, uint64_t end_ns);
  // Counts a request of which the CPUs of client and server are known.
  void add_hop(uint32_t connection, uint64_t at_ns, bool same_cpu);

  // Writes what was gathered: pending requests as they were at the end of each
  // cell, to the request; the share over tenths of a second, or a cell where that
  // is wider.
  void write(PerfettoStream& stream, PerfettoTracks& tracks, const ExportContext& context) const;

 private:
  struct Cell {
    int32_t pending = 0;  // change
    uint32_t same_cpu = 0;
    uint32_t hops = 0;
  };
  Cell& cell(uint32_t connection, uint64_t at_ns);
  void widen();

  uint64_t start_ns_;
  uint64_t width_ns_ = 100'000;
  std::map<uint32_t, std::vector<Cell>> cells_;
};

}  // namespace fusetrace
