// SPDX-License-Identifier: Apache-2.0
#include "views/report/report_json.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/opcode.h"
#include "model/told_apart.h"
#include "views/report/findings.h"
#include "views/report/report_json_value.h"

namespace fusetrace {
namespace {

using Json = nlohmann::ordered_json;

Json hops_json(const HopCounts& counts) {
  Json out;
  for (size_t i = 0; i < distance_count; ++i) out[std::string(distance_names[i])] = counts[i];
  return out;
}

Json both_hops_json(const Cell& cell) {
  Json out;
  for (size_t i = 0; i < hop_count; ++i) out[std::string(hop_names[i])] = hops_json(cell.hops[i]);
  return out;
}

Json histogram_json(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"mean_ns", static_cast<uint64_t>(std::llround(histogram.mean()))},
          {"p50_ns", histogram.quantile(0.5)},
          {"p90_ns", histogram.quantile(0.9)},
          {"p99_ns", histogram.quantile(0.99)},
          {"max_ns", histogram.max()}};
}

Json stages_json(const Cell& cell) {
  Json out;
  for (size_t i = 0; i < stage_count; ++i) {
    out[std::string(stage_names[i])] = histogram_json(cell.stages[i]);
  }
  return out;
}

Json wakeups_json(const Cell& cell) {
  Json out;
  for (size_t side = 0; side < side_count; ++side) {
    Json one;
    for (size_t p = 0; p < placement_count; ++p) {
      one[std::string(placement_names[p])] = cell.wakeups[side].placed(static_cast<Placement>(p));
    }
    // Beside the four fixed keys: the same split by the target's idleness and by hint.
    Json& idle = one["by_target"];
    Json& hint = one["by_hint"];
    for (size_t p = 0; p < placement_count; ++p) {
      const std::string name(placement_names[p]);
      for (size_t i = 0; i < target_idle_count; ++i) {
        idle[name][std::string(target_idle_names[i])] =
            cell.wakeups[side].placed(static_cast<Placement>(p), static_cast<TargetIdle>(i));
      }
      for (size_t h = 0; h < wake_hint_count; ++h) {
        hint[name][std::string(wake_hint_names[h])] =
            cell.wakeups[side].placed(static_cast<Placement>(p), static_cast<WakeHint>(h));
      }
    }
    out[std::string(side_names[side])] = std::move(one);
  }
  return out;
}

template <size_t N>
Json counts_json(const std::array<uint64_t, N>& counts,
                 const std::array<std::string_view, N>& names) {
  Json out;
  for (size_t i = 0; i < N; ++i) out[std::string(names[i])] = counts[i];
  return out;
}

Json group_json(const Cell& cell) {
  return {{"requests", cell.requests},
          {"errors", cell.errors},
          {"bytes_in", cell.bytes_in},
          {"bytes_out", cell.bytes_out},
          {"pickup", counts_json(cell.pickups, pickup_names)},
          {"hops", both_hops_json(cell)},
          {"migrations", counts_json(cell.migrations, migration_names)},
          {"stages", stages_json(cell)}};
}

Json matrix_json(const CpuMatrix& matrix, const std::vector<uint32_t>& cpus) {
  Json rows = Json::array();
  for (const uint32_t from : cpus) {
    Json row = Json::array();
    for (const uint32_t to : cpus) row.push_back(matrix.at(from, to));
    rows.push_back(std::move(row));
  }
  return {{"cpus", cpus}, {"requests", std::move(rows)}};
}

// The CPUs of the matrices: all, or of very many those with the most requests.
std::vector<uint32_t> matrix_cpus(const Topology& topology, const ConnectionTotals& all) {
  std::vector<uint32_t> cpus;
  for (const Cpu& cpu : topology.cpus()) cpus.push_back(cpu.id);
  if (cpus.size() <= limits::json_cpus) return cpus;
  std::vector<uint64_t> requests(limits::cpus);
  for (const CpuMatrix& matrix : all.matrix) {
    matrix.for_each([&](uint32_t from, uint32_t to, uint64_t count) {
      requests[from] += count;
      requests[to] += count;
    });
  }
  std::stable_sort(cpus.begin(), cpus.end(),
                   [&](uint32_t a, uint32_t b) { return requests[a] > requests[b]; });
  cpus.resize(limits::json_cpus);
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

Json latency_json(const ConnectionTotals& totals) {
  Json out;
  for (size_t hop = 0; hop < hop_count; ++hop) {
    out[std::string(hop_names[hop])] = Json::object();
    for (size_t d = 0; d < distance_count; ++d) {
      if (totals.latency[hop][d].count() == 0) continue;
      out[std::string(hop_names[hop])][std::string(distance_names[d])] =
          histogram_json(totals.latency[hop][d]);
    }
  }
  return out;
}

Json intervals_json(const Snapshot& snapshot) {
  Json list = Json::array();
  const Timeline time = snapshot.timeline();
  for (size_t i = 0; i < time.intervals.size(); ++i) {
    const Interval& interval = time.intervals[i];
    list.push_back({{"seconds", time.seconds[i]},
                    {"requests", interval.requests},
                    {"hops", hops_json(interval.hops)},
                    {"bytes", interval.bytes},
                    {"migrations", interval.migrations},
                    {"total", histogram_json(interval.total)}});
  }
  return {{"interval_ns", time.interval_ns}, {"first_ns", snapshot.first_ns}, {"list", list}};
}

Json shards_json(const std::map<uint16_t, ShardTotals>& shards) {
  Json out = Json::object();
  for (const auto& [shard, totals] : shards) {
    out[std::to_string(shard)] = {{"requests", totals.requests},
                                  {"stolen", totals.stolen},
                                  {"age", histogram_json(totals.age)}};
  }
  return out;
}

Json connections_json(const Snapshot& snapshot) {
  Json out = Json::object();
  std::map<uint32_t, Cell> sums;
  for (const auto& [key, cell] : snapshot.cells) sums[key.first].merge(cell);
  for (const auto& [id, cell] : sums) {
    const auto found = snapshot.info.connections.find(id);
    const Connection known =
        found == snapshot.info.connections.end() ? Connection{} : found->second;
    std::string transport = known.transport;
    for (size_t t = 1; t < FT_TRANSPORTS; ++t) {
      // What the requests themselves used says more than what was guessed at the start.
      if (cell.transports[t] > 0 && (transport.empty() || t == FT_TRANSPORT_IO_URING)) {
        transport = transport_names[t];
      }
    }
    Json one = {{"mount", known.mount},
                {"fstype", known.fstype},
                {"source", known.source},
                {"transport", transport},
                {"server_pid", known.server_tgid},
                {"server_comm", known.server_comm}};
    one.update(group_json(cell));
    if (const auto totals = snapshot.connections.find(id);
        totals != snapshot.connections.end() && !totals->second.shards.empty()) {
      one["shards"] = shards_json(totals->second.shards);
    }
    out[connection_text(id)] = std::move(one);
  }
  return out;
}

// The threads with the most requests.
void add_threads(Json& out, const Snapshot& snapshot, const std::string& key,
                 const std::map<uint32_t, ThreadTotals>& threads, const char* latency) {
  constexpr size_t most = 500;
  std::vector<std::pair<uint32_t, const ThreadTotals*>> order;
  order.reserve(threads.size());
  for (const auto& [tid, totals] : threads) order.emplace_back(tid, &totals);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second->requests > b.second->requests;
  });
  Json list = Json::array();
  for (size_t i = 0; i < std::min(order.size(), most); ++i) {
    const auto& [tid, totals] = order[i];
    const auto task = snapshot.tasks.find(tid);
    const bool known = task != snapshot.tasks.end();
    Json one;
    one["tid"] = tid;
    one["pid"] = known ? task->second.tgid : 0;
    one["comm"] =
        known ? std::string(task->second.comm, strnlen(task->second.comm, FT_COMM_LEN)) : "";
    one["requests"] = totals->requests;
    one["hop_known"] = totals->hop_known;
    one["same_cpu"] = totals->same_cpu;
    one["migrations"] = totals->migrations;
    one[latency] = histogram_json(totals->latency);
    list.push_back(std::move(one));
  }
  out[key] = std::move(list);
  out[key + "_left_out"] = order.size() - std::min(order.size(), most);
}

Json groups_json(const Snapshot& snapshot, Side side, const char* latency) {
  constexpr size_t most = 200;
  Json list = Json::array();
  for (const ThreadGroup& group : snapshot.thread_groups(side)) {
    if (list.size() == most) break;
    list.push_back({{"pid", group.tgid},
                    {"comm", group.name},
                    {"tid", group.tid},
                    {"threads", group.threads},
                    {"requests", group.totals.requests},
                    {"hop_known", group.totals.hop_known},
                    {"same_cpu", group.totals.same_cpu},
                    {"migrations", group.totals.migrations},
                    {latency, histogram_json(group.totals.latency)}});
  }
  return list;
}

Json findings_json(const Snapshot& snapshot) {
  Json list = Json::array();
  for (const Finding& finding : draw_findings(snapshot)) {
    Json one = {{"kind", finding.kind}, {"text", finding.text}};
    if (finding.connection) one["connection"] = *finding.connection;
    if (finding.opcode) one["opcode"] = opcode_name(*finding.opcode);
    if (finding.weight_ns > 0) one["time_ns"] = std::llround(finding.weight_ns);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

Json report_json_value(const Snapshot& snapshot) {
  const Cell total = snapshot.total();
  const ConnectionTotals all = snapshot.all_connections();
  const CaptureInfo& info = snapshot.info;
  Json out;
  out["schema"] = "fusetrace.report/1";
  out["requests"] = total.requests;
  out["incomplete"] = snapshot.losses.total_incomplete();
  Json& incomplete = out["incomplete_by"];
  for (size_t i = 0; i < FT_INCOMPLETES; ++i) {
    incomplete[incomplete_names[i]] = snapshot.losses.incomplete[i];
  }
  Json& lost = out["lost"];
  for (size_t i = 0; i < FT_LOSSES; ++i) lost[loss_names[i]] = snapshot.losses.lost[i];
  out["truncated"] = !snapshot.truncation.empty();
  out["kernel"] = info.kernel;
  out["machine"] = info.machine;
  out["hostname"] = info.hostname;
  out["fusetrace_version"] = info.fusetrace_version;
  out["cpus"] = info.topology.online_count();
  Json& probes = out["probes"] = Json::object();
  Json& unknown = out["unknown"] = Json::object();
  for (const Probe& probe : info.probes) {
    if (probe.hook.empty()) {
      probes[probe.point] = nullptr;
      unknown[probe.point] = probe.reason;
    } else {
      probes[probe.point] = probe.hook;
    }
  }
  out["command"] = info.command_line;
  out["filters"] = info.filters;
  if (!info.view_filters.empty()) {
    out["view_filters"] = info.view_filters;
    out["left_out"] = info.left_out;
  }
  out["sample_n"] = info.sample_n;
  out["seconds"] = snapshot.seconds;
  out["errors"] = total.errors;
  out["bytes_in"] = total.bytes_in;
  out["bytes_out"] = total.bytes_out;
  out["kinds"] = counts_json(total.kinds, kind_names);
  out["transports"] = counts_json(total.transports, transport_names);
  out["pickup"] = {{"woken", total.pickups[FT_PICKUP_WOKEN]},
                   {"busy", total.pickups[FT_PICKUP_BUSY]},
                   {"poached", total.pickups[FT_PICKUP_POACHED]},
                   {"unknown", total.pickups[FT_PICKUP_UNKNOWN]}};
  Json& pickup_hops = out["pickup_hops"] = Json::object();
  for (size_t i = 0; i < FT_PICKUPS; ++i) {
    // Running totals have none.
    const HopCounts& hops = total.pickup_hops[i];
    if (known_hops(hops) + hops[static_cast<size_t>(Distance::unknown)] == 0) continue;
    pickup_hops[std::string(pickup_names[i])] = hops_json(hops);
  }
  out["hops"] = both_hops_json(total);
  out["wakeups"] = wakeups_json(total);
  out["migrations"] = counts_json(total.migrations, migration_names);
  out["quantile_error"] = histogram_relative_error;
  out["stages"] = stages_json(total);
  out["hop_latency"] = latency_json(all);
  Json& opcodes = out["opcodes"] = Json::object();
  std::map<uint32_t, Cell> by_opcode;
  for (const auto& [key, cell] : snapshot.cells) by_opcode[key.second].merge(cell);
  for (const auto& [opcode, cell] : by_opcode) opcodes[opcode_name(opcode)] = group_json(cell);
  out["connections"] = connections_json(snapshot);
  const std::vector<uint32_t> cpus = matrix_cpus(info.topology, all);
  out["cpu_matrix"] = matrix_json(all.matrix[0], cpus);
  out["reply_cpu_matrix"] = matrix_json(all.matrix[1], cpus);
  out["cpu_matrix_left_out"] = info.topology.cpus().size() - cpus.size();
  if (!snapshot.intervals.empty()) out["intervals"] = intervals_json(snapshot);
  add_threads(out, snapshot, "clients", snapshot.clients, "total");
  add_threads(out, snapshot, "servers", snapshot.servers, "service");
  if (!snapshot.clients.empty()) {
    out["client_groups"] = groups_json(snapshot, Side::client, "total");
  }
  if (!snapshot.servers.empty()) {
    out["server_groups"] = groups_json(snapshot, Side::server, "service");
  }
  out["findings"] = findings(snapshot);
  out["findings_by"] = findings_json(snapshot);
  return out;
}

std::string render_report_json_line(const Snapshot& snapshot) {
  return report_json_value(snapshot).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string render_report_json(const Snapshot& snapshot) {
  // Names come from other programs and need not be UTF-8.
  return report_json_value(snapshot).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fusetrace
