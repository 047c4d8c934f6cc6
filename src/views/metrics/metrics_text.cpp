// SPDX-License-Identifier: Apache-2.0
#include "views/metrics/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <vector>

#include "model/opcode.h"
#include "views/metrics/metric_bounds.h"
#include "views/text/printable.h"

namespace fusetrace {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr const char* other = "other";

Labels with(Labels labels, const char* name, std::string_view value) {
  labels.push_back({name, std::string(value)});
  return labels;
}

class Family {
 public:
  Family(const char* name, const char* help, MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }

  void add(const Labels& labels, double value) {
    ClientMetric metric;
    metric.label = labels;
    (family_.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    family_.metric.push_back(std::move(metric));
  }
  void add(const Labels& labels, uint64_t value) { add(labels, static_cast<double>(value)); }

  void add(const Labels& labels, const Histogram& h) {
    if (h.count() == 0) return;
    ClientMetric metric;
    metric.label = labels;
    for (const uint64_t bound : metric_bounds_ns) {
      metric.histogram.bucket.push_back({h.count_to(bound), static_cast<double>(bound) / 1e9});
    }
    metric.histogram.bucket.push_back({h.count(), std::numeric_limits<double>::infinity()});
    metric.histogram.sample_count = h.count();
    metric.histogram.sample_sum = static_cast<double>(h.sum()) / 1e9;
    family_.metric.push_back(std::move(metric));
  }

  void take_into(std::vector<MetricFamily>& out) {
    if (!family_.metric.empty()) out.push_back(std::move(family_));
  }

 private:
  MetricFamily family_;
};

// What is counted under one connection label.
struct Group {
  Labels labels;
  std::map<std::string, Cell> opcodes;
  Cell total;
  ConnectionTotals totals;
};

void add_requests(const std::map<std::string, Group>& groups, std::vector<MetricFamily>& out) {
  Family requests("fusetrace_requests_total", "FUSE requests that have ended.",
                  MetricType::Counter);
  Family errors("fusetrace_request_errors_total", "Requests that were answered with an error.",
                MetricType::Counter);
  Family phases("fusetrace_request_phase_seconds", "Durations of the phases of a request.",
                MetricType::Histogram);
  for (const auto& [label, group] : groups) {
    for (const auto& [opcode, cell] : group.opcodes) {
      const Labels labels = with(group.labels, "opcode", opcode);
      requests.add(labels, cell.requests);
      errors.add(labels, cell.errors);
      for (size_t stage = 0; stage < stage_count; ++stage) {
        phases.add(with(labels, "phase", stage_names[stage]), cell.stages[stage]);
      }
    }
  }
  requests.take_into(out);
  errors.take_into(out);
  phases.take_into(out);
}

void add_places(const std::map<std::string, Group>& groups, bool cpu_pairs,
                std::vector<MetricFamily>& out) {
  Family hops("fusetrace_hops_total", "Requests by how far apart the CPUs of a hop are.",
              MetricType::Counter);
  Family latency("fusetrace_hop_latency_seconds",
                 "Total duration of requests by the distance of a hop.", MetricType::Histogram);
  Family pickups("fusetrace_pickups_total", "Requests by how they met their server.",
                 MetricType::Counter);
  Family wakeups("fusetrace_wakeups_total", "Wakeups by where the thread was put.",
                 MetricType::Counter);
  Family migrations("fusetrace_migrations_total",
                    "Migrations of clients and servers by what they were doing.",
                    MetricType::Counter);
  Family pairs("fusetrace_cpu_pair_requests_total", "Requests by the CPUs of client and server.",
               MetricType::Counter);
  for (const auto& [label, group] : groups) {
    const Cell& cell = group.total;
    for (size_t hop = 0; hop < hop_count; ++hop) {
      for (size_t d = 0; d < distance_count; ++d) {
        if (cell.hops[hop][d] == 0) continue;
        const Labels labels =
            with(with(group.labels, "hop", hop_names[hop]), "distance", distance_names[d]);
        hops.add(labels, cell.hops[hop][d]);
        latency.add(labels, group.totals.latency[hop][d]);
      }
    }
    for (size_t i = 0; i < FT_PICKUPS; ++i) {
      pickups.add(with(group.labels, "pickup", pickup_names[i]), cell.pickups[i]);
    }
    for (size_t side = 0; side < side_count; ++side) {
      for (size_t p = 0; p < placement_count; ++p) {
        wakeups.add(
            with(with(group.labels, "side", side_names[side]), "placement", placement_names[p]),
            cell.wakeups[side].placed(static_cast<Placement>(p)));
      }
    }
    for (size_t i = 0; i < migration_count; ++i) {
      migrations.add(with(group.labels, "phase", migration_names[i]), cell.migrations[i]);
    }
    if (!cpu_pairs) continue;
    group.totals.matrix[0].for_each([&, &labels = group.labels](uint32_t from, uint32_t to,
                                                                uint64_t count) {
      pairs.add(
          with(with(labels, "client_cpu", std::to_string(from)), "server_cpu", std::to_string(to)),
          count);
    });
  }
  for (Family* family : {&hops, &latency, &pickups, &wakeups, &migrations, &pairs}) {
    family->take_into(out);
  }
}

void add_own(const Snapshot& s, double bpf_run_seconds, uint64_t scan_errors, size_t others,
             std::vector<MetricFamily>& out) {
  Family build("fusetrace_build_info", "The fusetrace that counts.", MetricType::Gauge);
  build.add({{"version", printable(s.info.fusetrace_version)}}, 1.0);
  Family probe("fusetrace_probe_info", "The hook behind each point of a request's life.",
               MetricType::Gauge);
  for (const Probe& p : s.info.probes) {
    probe.add({{"point", printable(p.point)}, {"hook", printable(p.hook)}}, 1.0);
  }
  Family lost("fusetrace_lost_total", "What was lost, by reason.", MetricType::Counter);
  for (size_t i = 0; i < FT_LOSSES; ++i) {
    lost.add({{"reason", loss_names[i]}}, s.losses.lost[i]);
  }
  Family together("fusetrace_connections_without_labels",
                  "Connections that are counted together as connection \"other\".",
                  MetricType::Gauge);
  together.add({}, static_cast<double>(others));
  Family scans("fusetrace_scan_errors_total",
               "Looks at connections and servers that failed; until one succeeds, what they tell "
               "is old.",
               MetricType::Counter);
  scans.add({}, scan_errors);
  Family bpf("fusetrace_bpf_run_seconds_total", "Time that fusetrace's BPF programs ran.",
             MetricType::Counter);
  if (bpf_run_seconds >= 0) bpf.add({}, bpf_run_seconds);
  for (Family* family : {&build, &probe, &lost, &together, &scans, &bpf}) family->take_into(out);
}

}  // namespace

size_t most_series(const MetricsOptions& options, size_t cpus) {
  constexpr size_t histogram = metric_bound_count + 3;  // buckets, +Inf, sum and count
  const size_t labels = options.connections + 1;
  const size_t opcodes = options.connections * opcodes_per_connection + labels;
  const size_t places = hop_count * distance_count * (1 + histogram) + FT_PICKUPS +
                        side_count * placement_count + migration_count + 3;
  const size_t pairs = (options.cpu_pairs ? cpus * cpus : 0) + (options.queues ? 4 * cpus : 0);
  const size_t own = 4 + FT_LOSSES + 16;
  return opcodes * (2 + stage_count * histogram) + labels * (places + pairs) + own;
}

std::string MetricsText::connection_label(uint32_t id) {
  if (id == limits::other) return other;
  if (own_.contains(id)) return std::to_string(id);
  if (own_.size() < options_.connections) {
    own_.insert(id);
    return std::to_string(id);
  }
  others_.insert(id);
  return other;
}

std::string MetricsText::opcode_label(uint32_t id, uint32_t opcode) {
  if (!own_.contains(id)) return other;
  if (cells_.contains({id, opcode})) return opcode_name(opcode);
  if (cells_.size() >= options_.connections * opcodes_per_connection) return other;
  cells_.insert({id, opcode});
  return opcode_name(opcode);
}

std::string MetricsText::render(const Snapshot& s, double bpf_run_seconds) {
  std::map<std::string, Group> groups;
  for (const auto& [key, cell] : s.cells) {
    Group& group = groups[connection_label(key.first)];
    group.opcodes[opcode_label(key.first, key.second)].merge(cell);
    group.total.merge(cell);
  }
  for (const auto& [id, totals] : s.connections) groups[connection_label(id)].totals.merge(totals);
  for (auto& [label, group] : groups) {
    Connection known;
    const auto found = label == other
                           ? s.info.connections.end()
                           : s.info.connections.find(static_cast<uint32_t>(std::stoul(label)));
    if (found != s.info.connections.end()) known = found->second;
    group.labels = {{"connection", label},
                    {"mount", printable(known.mount)},
                    {"fstype", printable(known.fstype)}};
  }

  std::vector<MetricFamily> out;
  add_requests(groups, out);
  add_places(groups, options_.cpu_pairs, out);
  Family waiting("fusetrace_connection_waiting", "Requests queued or being served.",
                 MetricType::Gauge);
  Family background("fusetrace_connection_max_background",
                    "Background requests that the kernel allows.", MetricType::Gauge);
  Family threads("fusetrace_server_threads", "Threads of the server.", MetricType::Gauge);
  Family pending("fusetrace_queue_pending", "Requests in a shard of the input queue.",
                 MetricType::Gauge);
  Family oldest("fusetrace_queue_oldest_seconds",
                "Age of the oldest request in a shard of the input queue.", MetricType::Gauge);
  Family taken("fusetrace_queue_taken_total",
               "Requests taken from a shard of the input queue since the mount.",
               MetricType::Counter);
  Family stolen("fusetrace_queue_stolen_total",
                "Those of them that readers on the CPUs of other shards took.",
                MetricType::Counter);
  for (const auto& [id, c] : s.info.connections) {
    // One that never had a request end is of interest once some wait there.
    if (!c.gone && c.waiting > 0) connection_label(id);
    if (c.gone || !own_.contains(id)) continue;
    const Labels labels = {{"connection", std::to_string(id)},
                           {"mount", printable(c.mount)},
                           {"fstype", printable(c.fstype)}};
    if (c.waiting >= 0) waiting.add(labels, static_cast<double>(c.waiting));
    if (c.max_background >= 0) background.add(labels, static_cast<double>(c.max_background));
    if (c.server_threads >= 0) threads.add(labels, static_cast<double>(c.server_threads));
    for (size_t i = 0; i < c.queues.size(); ++i) {
      const Labels shard = with(labels, "shard", std::to_string(i));
      pending.add(shard, static_cast<double>(c.queues[i].pending));
      oldest.add(shard, static_cast<double>(c.queues[i].oldest_us) / 1e6);
      taken.add(shard, c.queues[i].taken);
      stolen.add(shard, c.queues[i].stolen);
    }
  }
  for (Family* family : {&waiting, &background, &threads, &pending, &oldest, &taken, &stolen}) {
    family->take_into(out);
  }
  add_own(s, bpf_run_seconds, scan_errors_, others_.size(), out);

  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, out);
  return text.str();
}

}  // namespace fusetrace
