// SPDX-License-Identifier: Apache-2.0
// The metrics of `fusetrace serve` in Prometheus's text format, and what keeps
// their number bounded.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "model/snapshot.h"

namespace fusetrace {

struct MetricsOptions {
  // Connections with labels of their own; those seen later are counted together
  // as connection "other".
  size_t connections = 32;
  bool cpu_pairs = false;
  bool queues = false;  // the kernel may have an input queue for each CPU
};

// Opcodes of all connections together that have labels of their own, for each
// connection that may have some; those seen later count as opcode "other".
inline constexpr size_t opcodes_per_connection = 4;

// The most series that there can be with these options, on so many CPUs.
size_t most_series(const MetricsOptions& options, size_t cpus);

// Turns snapshots into text. Labels once given stay, so that no counter ever
// goes back.
class MetricsText {
 public:
  explicit MetricsText(const MetricsOptions& options) : options_(options) {}

  // Counters since the start of the capture; bpf_run_seconds below 0: not known.
  std::string render(const Snapshot& snapshot, double bpf_run_seconds);

  // Looks at connections and servers that failed so far: what they tell is older then.
  void set_scan_errors(uint64_t errors) { scan_errors_ = errors; }

  // Connections that are counted as "other".
  size_t others() const { return others_.size(); }

 private:
  // The label under which a connection or its opcode is counted.
  std::string connection_label(uint32_t id);
  std::string opcode_label(uint32_t id, uint32_t opcode);

  MetricsOptions options_;
  uint64_t scan_errors_ = 0;
  std::set<uint32_t> own_;
  std::set<uint32_t> others_;
  std::set<std::pair<uint32_t, uint32_t>> cells_;
};

}  // namespace fusetrace
