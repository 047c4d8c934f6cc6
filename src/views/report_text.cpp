// SPDX-License-Identifier: Apache-2.0
#include "views/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "model/opcode.h"
#include "views/findings.h"
#include "views/heat_map.h"
#include "views/table.h"
#include "views/units.h"

namespace fusetrace {
namespace {

std::string heading(const std::string& text, const RenderOptions& options) {
  return options.color ? fmt::format("\n\033[1m{}\033[0m\n", text) : fmt::format("\n{}\n", text);
}

std::string quantile_text(const Histogram& histogram, double q) {
  return histogram.count() == 0 ? "-" : duration_text(histogram.quantile(q));
}

std::string header(const Snapshot& s, const Cell& total, const RenderOptions& options) {
  const CaptureInfo& info = s.info;
  std::string out;
  const auto width = static_cast<size_t>(std::max(options.width, 60));
  auto line = [&](const char* name, const std::string& text) {
    out += wrap(fmt::format("{:<12}", name), text, width);
  };
  line("kernel",
       fmt::format("{} {}, {} CPUs", info.kernel, info.machine, info.topology.online_count()));
  if (!info.command_line.empty())
    line("command", fmt::format("{}", fmt::join(info.command_line, " ")));
  if (!info.filters.empty()) line("filters", fmt::format("{}", fmt::join(info.filters, " ")));
  if (info.sample_n > 1) line("sampling", fmt::format("1 request in {}", info.sample_n));
  std::string probes;
  std::vector<const Probe*> unknown;
  for (const Probe& probe : info.probes) {
    if (probe.hook.empty()) {
      unknown.push_back(&probe);
    } else {
      probes += (probes.empty() ? "" : ", ") + probe.hook;
    }
  }
  if (!probes.empty()) line("probes", probes);
  for (const Probe* probe : unknown) line("unknown", probe->point + ": " + probe->reason);
  const double rate = s.seconds > 0 ? static_cast<double>(total.requests) / s.seconds : 0;
  line("requests", fmt::format("{} in {:.2f} s ({:.0f}/s), {} with an error", total.requests,
                               s.seconds, rate, total.errors));
  return out + render_losses(s);
}

std::string headline(const Cell& total, const RenderOptions& options) {
  std::string out;
  for (size_t i = 0; i < hop_count; ++i) {
    const auto hop = static_cast<Hop>(i);
    const uint64_t known = total.hop_known(hop);
    if (known == 0) continue;
    out += fmt::format("{:<12}{:.1f} % same CPU, {:.1f} % same LLC",
                       fmt::format("{} hop", hop_names[i]), 100 * total.same_cpu_ratio(hop),
                       100 * total.same_llc_ratio(hop));
    if (const uint64_t unknown = total.hops[i].back(); unknown > 0) {
      out += fmt::format("  (of the {} whose CPUs are known)", known);
    }
    out += "\n";
  }
  if (total.requests > 0) {
    std::string text =
        fmt::format("{:.3f} a request (", static_cast<double>(total.migrations_total()) /
                                              static_cast<double>(total.requests));
    constexpr std::array<const char*, migration_count> names = {
        "server at wakeup", "server waiting", "server serving", "client waiting"};
    for (size_t i = 0; i < migration_count; ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", names[i], total.migrations[i]);
    }
    out += wrap(fmt::format("{:<12}", "migrations"), text + ")",
                static_cast<size_t>(std::max(options.width, 60)));
  }
  return out;
}

std::string hop_table(const Cell& total, const ConnectionTotals& all,
                      const RenderOptions& options) {
  Table table({"<hop", "<distance", "requests", "share", "p50 total", "p90", "p99", "max"});
  for (size_t hop = 0; hop < hop_count; ++hop) {
    bool first = true;
    uint64_t sum = 0;
    for (const uint64_t n : total.hops[hop]) sum += n;
    for (size_t d = 0; d < distance_count; ++d) {
      const uint64_t n = total.hops[hop][d];
      if (n == 0) continue;
      const Histogram& latency = all.latency[hop][d];
      table.add({first ? std::string(hop_names[hop]) : "", std::string(distance_names[d]),
                 std::to_string(n), percent_text(n, sum), quantile_text(latency, 0.5),
                 quantile_text(latency, 0.9), quantile_text(latency, 0.99),
                 latency.count() == 0 ? "-" : duration_text(latency.max())});
      first = false;
    }
  }
  if (table.empty()) return {};
  return heading("Hops: client to server, and back", options) + table.render(options.width);
}

std::string matrices(const Snapshot& s, const ConnectionTotals& all, const RenderOptions& options) {
  std::vector<uint32_t> cpus;
  for (const Cpu& cpu : s.info.topology.cpus()) {
    // An offline CPU is left out unless something ran on it before it went.
    bool seen = cpu.online;
    for (uint32_t other = 0; !seen && other < all.matrix[0].size(); ++other) {
      seen = all.matrix[0].at(cpu.id, other) + all.matrix[0].at(other, cpu.id) > 0;
    }
    if (seen) cpus.push_back(cpu.id);
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
  if (table.empty()) return {};
  return heading("How requests met their server", options) + table.render(options.width);
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
  if (table.empty()) return {};
  return heading("Where woken threads were put (kept: where they slept; pulled: by the waker)",
                 options) +
         table.render(options.width);
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
  if (table.empty()) return {};
  return heading(fmt::format("Stages (quantiles within {:.1f} %)", 100 * histogram_relative_error),
                 options) +
         table.render(options.width);
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
  if (table.empty()) return {};
  return heading("By opcode (service and total: p50)", options) + table.render(options.width);
}

std::string connection_name(const Snapshot& s, uint32_t id) {
  const auto found = s.info.connections.find(id);
  if (found == s.info.connections.end()) return std::to_string(id);
  const Connection& c = found->second;
  std::string name = std::to_string(id);
  if (!c.fstype.empty()) name += " " + c.fstype;
  if (!c.mount.empty()) name += " " + c.mount;
  if (!c.server_comm.empty()) name += fmt::format(" ({})", c.server_comm);
  return name;
}

std::string connection_table(const Snapshot& s, const RenderOptions& options) {
  Table table = group_table("connection");
  std::string names;
  for (const auto& [id, totals] : s.connections) {
    names +=
        fit("  " + connection_name(s, id), static_cast<size_t>(std::max(options.width, 60))) + "\n";
    add_group_row(table, std::to_string(id), s.total_of_connection(id));
  }
  if (table.empty()) return {};
  return heading("By connection (service and total: p50)", options) + names +
         table.render(options.width);
}

std::string thread_table(const Snapshot& s, const std::map<uint32_t, ThreadTotals>& threads,
                         const char* title, const char* latency_name,
                         const RenderOptions& options) {
  std::vector<std::pair<uint32_t, const ThreadTotals*>> order;
  order.reserve(threads.size());
  for (const auto& [tid, totals] : threads) order.emplace_back(tid, &totals);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second->requests > b.second->requests;
  });
  constexpr size_t most = 20;
  Table table({"tid", "<thread", "requests", "same CPU", "migrations",
               std::string("p50 ") + latency_name, "p99"});
  for (size_t i = 0; i < std::min(order.size(), most); ++i) {
    const auto& [tid, t] = order[i];
    const auto task = s.tasks.find(tid);
    const std::string name =
        task == s.tasks.end()
            ? "?"
            : std::string(task->second.comm, strnlen(task->second.comm, FT_COMM_LEN));
    table.add({std::to_string(tid), name, std::to_string(t->requests),
               percent_text(t->same_cpu, t->hop_known), std::to_string(t->migrations),
               quantile_text(t->latency, 0.5), quantile_text(t->latency, 0.99)});
  }
  if (table.empty()) return {};
  std::string text = heading(title, options) + table.render(options.width);
  if (order.size() > most) text += fmt::format("  and {} more\n", order.size() - most);
  return text;
}

std::string time_table(const Snapshot& s, const RenderOptions& options) {
  const Timeline time = s.timeline();
  if (time.intervals.size() < 3) return {};
  Table table({"from", "requests/s", "same CPU", "p50 total", "p99 total"});
  // A page shows every interval; here some are taken together.
  constexpr size_t rows = 12;
  const size_t group = (time.intervals.size() + rows - 1) / rows;
  double from = 0;
  for (size_t i = 0; i < time.intervals.size(); i += group) {
    Interval sum;
    double seconds = 0;
    for (size_t k = i; k < std::min(i + group, time.intervals.size()); ++k) {
      sum.merge(time.intervals[k]);
      seconds += time.seconds[k];
    }
    uint64_t known = 0;
    for (size_t d = 0; d + 1 < distance_count; ++d) known += sum.hops[d];
    table.add({fmt::format("{:.{}f} s", from, time.interval_ns < 1'000'000'000 ? 2 : 0),
               fmt::format("{:.0f}", static_cast<double>(sum.requests) / seconds),
               percent_text(sum.hops[0], known), quantile_text(sum.total, 0.5),
               quantile_text(sum.total, 0.99)});
    from += seconds;
  }
  return heading("Over time", options) + table.render(options.width);
}

std::string findings_text(const Snapshot& s, const RenderOptions& options) {
  const auto sentences = findings(s);
  if (sentences.empty()) return {};
  std::string out = heading("What this says", options);
  for (const std::string& sentence : sentences) {
    out += wrap("  - ", sentence, static_cast<size_t>(std::max(options.width, 60)));
  }
  return out;
}

}  // namespace

std::string render_losses(const Snapshot& snapshot) {
  std::string out;
  auto list = [&](const char* title, const auto& counts, const auto& names, size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) {
      if (counts[i] != 0)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", names[i], counts[i]);
    }
    if (!text.empty()) out += fmt::format("{:<12}{}\n", title, text);
  };
  list("LOST", snapshot.losses.lost, loss_names, FT_LOSSES);
  list("incomplete", snapshot.losses.incomplete, incomplete_names, FT_INCOMPLETES);
  if (!snapshot.truncation.empty())
    out += fmt::format("{:<12}{}\n", "TRUNCATED", snapshot.truncation);
  return out;
}

std::string render_report_text(const Snapshot& s, const RenderOptions& options) {
  const Cell total = s.total();
  const ConnectionTotals all = s.all_connections();
  auto wanted = [&](const char* table, bool usual) {
    return options.by.empty() ? usual : options.by.contains(table);
  };
  std::string out = header(s, total, options) + headline(total, options);
  if (total.requests == 0) {
    return out + "\nNo requests were recorded.\n";
  }
  if (options.by.empty()) out += hop_table(total, all, options);
  if (wanted("cpu", true)) out += matrices(s, all, options);
  if (wanted("pickup", true)) {
    out += pickup_table(total, options) + placement_table(total, options);
  }
  if (options.by.empty()) out += stage_table(total, options);
  if (wanted("opcode", true)) out += opcode_table(s, options);
  if (wanted("connection", true)) out += connection_table(s, options);
  if (wanted("client", false)) {
    out += thread_table(s, s.clients, "By client thread", "total", options);
  }
  if (wanted("server", false)) {
    out += thread_table(s, s.servers, "By server thread", "service", options);
  }
  if (options.by.empty()) out += time_table(s, options) + findings_text(s, options);
  return out;
}

}  // namespace fusetrace
