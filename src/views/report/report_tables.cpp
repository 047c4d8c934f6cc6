// SPDX-License-Identifier: Apache-2.0
#include "views/report/report_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/opcode.h"
#include "model/told_apart.h"
#include "views/report/heat_map.h"
#include "views/text/units.h"

namespace fusetrace {

std::string heading(const std::string& text, const RenderOptions& options) {
  return options.color ? fmt::format("\n\033[1m{}\033[0m\n", text) : fmt::format("\n{}\n", text);
}

namespace {

// Nothing when the table has no rows.
std::string titled(const std::string& title, const Table& table, const RenderOptions& options) {
  return table.empty() ? "" : heading(title, options) + table.render(options.width);
}

}  // namespace

std::string quantile_text(const Histogram& histogram, double q) {
  return histogram.count() == 0 ? "-" : duration_text(histogram.quantile(q));
}

std::string hop_table(const Cell& total, const ConnectionTotals& all,
                      const RenderOptions& options) {
  Table table({"<hop", "<distance", "requests", "share", "p50 total", "p90", "p99", "max"});
  for (size_t hop = 0; hop < hop_count; ++hop) {
    bool first = true;
    // Of those whose CPUs are known, as everywhere a share of hops is shown.
    const uint64_t known = known_hops(total.hops[hop]);
    for (size_t d = 0; d < distance_count; ++d) {
      const uint64_t n = total.hops[hop][d];
      if (n == 0) continue;
      const Histogram& latency = all.latency[hop][d];
      table.add({first ? std::string(hop_names[hop]) : "", std::string(distance_names[d]),
                 std::to_string(n), d + 1 == distance_count ? "-" : percent_text(n, known),
                 quantile_text(latency, 0.5), quantile_text(latency, 0.9),
                 quantile_text(latency, 0.99),
                 latency.count() == 0 ? "-" : duration_text(latency.max())});
      first = false;
    }
  }
  return titled("Hops: client to server, and back", table, options);
}

std::string cpu_matrix(const Snapshot& s, const ConnectionTotals& all,
                       const RenderOptions& options) {
  std::vector<uint32_t> cpus;
  std::vector<bool> used(all.matrix[0].size());
  all.matrix[0].for_each([&](uint32_t from, uint32_t to, uint64_t) {
    used[from] = true;
    used[to] = true;
  });
  for (const Cpu& cpu : s.info.topology.cpus()) {
    // An offline CPU is left out unless something ran on it before it went.
    if (cpu.online || (cpu.id < used.size() && used[cpu.id])) cpus.push_back(cpu.id);
  }
  if (cpus.empty() || all.matrix[0].size() == 0) return {};
  return heading("Client CPU × server CPU", options) +
         render_heat_map(all.matrix[0], cpus, "client", "server", options);
}

std::string pickup_table(const Cell& total, const RenderOptions& options) {
  // Running totals have no hops by pickup.
  bool hops = false;
  for (const HopCounts& counts : total.pickup_hops) hops |= known_hops(counts) > 0;
  std::vector<std::string> columns = {"<pickup", "requests", "share"};
  if (hops) columns.emplace_back("same CPU");
  columns.emplace_back("<");
  Table table(columns);
  constexpr std::array<const char*, FT_PICKUPS> meaning = {
      "not seen", "its taker was asleep, and woken for it",
      "a running server took it on its way to read",
      "one server was woken for it, another took it"};
  for (const size_t i : {FT_PICKUP_WOKEN, FT_PICKUP_BUSY, FT_PICKUP_POACHED, FT_PICKUP_UNKNOWN}) {
    if (total.pickups[i] == 0) continue;
    std::vector<std::string> row = {std::string(pickup_names[i]), std::to_string(total.pickups[i]),
                                    percent_text(total.pickups[i], total.requests)};
    const HopCounts& counts = total.pickup_hops[i];
    if (hops) row.push_back(percent_text(counts[0], known_hops(counts)));
    row.emplace_back(meaning[i]);
    table.add(row);
  }
  return titled("How requests met their server", table, options);
}

std::string placement_table(const Cell& total, const RenderOptions& options) {
  // Columns of hints only where this kernel showed any.
  bool hints = false;
  for (const Wakeups& wakeups : total.wakeups) {
    for (size_t p = 0; p < placement_count; ++p) {
      const auto placement = static_cast<Placement>(p);
      hints |= wakeups.placed(placement) != wakeups.placed(placement, WakeHint::unknown);
    }
  }
  std::vector<std::string> titles = {"<woken", "<placement", "wakeups", "share", "to an idle CPU"};
  if (hints) {
    for (const char* title : {"sync", "current CPU", "plain", "unseen"}) titles.emplace_back(title);
  }
  Table table(titles);
  for (size_t side = 0; side < side_count; ++side) {
    const Wakeups& wakeups = total.wakeups[side];
    bool first = true;
    for (size_t p = 0; p < placement_count; ++p) {
      const auto placement = static_cast<Placement>(p);
      const uint64_t n = wakeups.placed(placement);
      if (n == 0) continue;
      const uint64_t idle = wakeups.placed(placement, TargetIdle::idle);
      const uint64_t known = idle + wakeups.placed(placement, TargetIdle::busy);
      std::vector<std::string> row = {first ? std::string(side_names[side]) : "",
                                      std::string(placement_names[p]), std::to_string(n),
                                      percent_text(n, wakeups.total()), percent_text(idle, known)};
      if (hints) {
        for (const WakeHint hint :
             {WakeHint::sync, WakeHint::current_cpu, WakeHint::plain, WakeHint::unknown}) {
          const uint64_t count = wakeups.placed(placement, hint);
          row.push_back(count == 0 ? "-" : percent_text(count, n));
        }
      }
      table.add(std::move(row));
      first = false;
    }
  }
  return titled("Where woken threads were put (kept: where they slept; pulled: by the waker)",
                table, options);
}

std::string stage_table(const Cell& total, const RenderOptions& options) {
  Table table({"<stage", "requests", "mean", "p50", "p90", "p99", "max"});
  for (size_t i = 0; i < stage_count; ++i) {
    const Histogram& h = total.stages[i];
    if (h.count() == 0) continue;
    table.add({(i == static_cast<size_t>(Stage::wakeup) ? "  of which " : "") +
                   std::string(stage_names[i]),
               std::to_string(h.count()), duration_text(static_cast<uint64_t>(h.mean())),
               quantile_text(h, 0.5), quantile_text(h, 0.9), quantile_text(h, 0.99),
               duration_text(h.max())});
  }
  return titled(fmt::format("Stages (quantiles within {:.1f} %)", 100 * histogram_relative_error),
                table, options);
}

void add_group_row(Table& table, const std::string& name, const Cell& cell) {
  const Histogram& latency = cell.stages[static_cast<size_t>(Stage::total)];
  const Histogram& service = cell.stages[static_cast<size_t>(Stage::service)];
  const uint64_t known = cell.hop_known(Hop::request);
  table.add({name, std::to_string(cell.requests), std::to_string(cell.errors),
             percent_text(cell.hops[0][0], known),
             fmt::format("{:.2f}", static_cast<double>(cell.migrations_total()) /
                                       static_cast<double>(std::max<uint64_t>(cell.requests, 1))),
             quantile_text(service, 0.5), quantile_text(latency, 0.5),
             quantile_text(latency, 0.99)});
}

Table group_table(const std::string& first) {
  return Table({first, "requests", "errors", "same CPU", "migr/req", "service", "total", "p99"});
}

std::string shard_table(const Snapshot& s, const RenderOptions& options) {
  Table table(
      {"connection", "shard", "requests", "share", "stolen", "age p50", "p90", "p99", "max"});
  for (const auto& [id, totals] : s.connections) {
    uint64_t all = 0;
    for (const auto& [shard, of] : totals.shards) all += of.requests;
    for (const auto& [shard, of] : totals.shards) {
      table.add({connection_text(id), std::to_string(shard), std::to_string(of.requests),
                 percent_text(of.requests, all), percent_text(of.stolen, of.requests),
                 quantile_text(of.age, 0.5), quantile_text(of.age, 0.9),
                 quantile_text(of.age, 0.99), quantile_text(of.age, 1)});
    }
  }
  return titled("Input queues: requests by shard (stolen: taken on another shard's CPU)", table,
                options);
}

std::string queue_table(const Connection& connection, const RenderOptions& options) {
  Table table({"shard", "<CPUs", "pending", "oldest", "queued", "taken", "stolen"});
  for (size_t shard = 0; shard < connection.queues.size(); ++shard) {
    const InputQueue& q = connection.queues[shard];
    table.add({std::to_string(shard), q.cpus, std::to_string(q.pending),
               q.pending == 0 ? "-" : duration_text(q.oldest_us * 1000), std::to_string(q.queued),
               std::to_string(q.taken), percent_text(q.stolen, q.taken)});
  }
  return titled("Input queues now; queued, taken and stolen since the mount", table, options);
}

std::string opcode_table(const Snapshot& s, const RenderOptions& options) {
  std::map<uint32_t, Cell> by_opcode;
  for (const auto& [key, cell] : s.cells) by_opcode[key.second].merge(cell);
  std::vector<std::pair<uint32_t, const Cell*>> order;
  order.reserve(by_opcode.size());
  for (const auto& [opcode, cell] : by_opcode) order.emplace_back(opcode, &cell);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second->requests > b.second->requests;
  });
  Table table = group_table("<opcode");
  for (const auto& [opcode, cell] : order) add_group_row(table, opcode_name(opcode), *cell);
  return titled("By opcode (service and total: p50)", table, options);
}

}  // namespace fusetrace
