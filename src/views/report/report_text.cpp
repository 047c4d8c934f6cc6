// SPDX-License-Identifier: Apache-2.0
#include "views/report/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "model/told_apart.h"
#include "views/report/findings.h"
#include "views/report/report_tables.h"
#include "views/text/printable.h"
#include "views/text/table.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

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
  if (!info.view_filters.empty()) {
    line("only", fmt::format("{} ({} requests left out)", fmt::join(info.view_filters, " "),
                             info.left_out));
  }
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

std::string connection_name(const Snapshot& s, uint32_t id) {
  const auto found = s.info.connections.find(id);
  if (found == s.info.connections.end()) return connection_text(id);
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
    add_group_row(table, connection_text(id), s.total_of_connection(id));
  }
  if (table.empty()) return {};
  return heading("By connection (service and total: p50)", options) + names +
         table.render(options.width);
}

std::string thread_table(const Snapshot& s, Side side, const char* title, const char* latency_name,
                         const RenderOptions& options) {
  const std::vector<ThreadGroup> groups = s.thread_groups(side);
  constexpr size_t most = 20;
  Table table({"pid", "<thread", "tid", "threads", "requests", "same CPU", "migrations",
               std::string("p50 ") + latency_name, "p99"});
  for (size_t i = 0; i < std::min(groups.size(), most); ++i) {
    const ThreadGroup& group = groups[i];
    const ThreadTotals& t = group.totals;
    table.add({group.tgid == 0 ? "?" : std::to_string(group.tgid),
               group.name.empty() ? "?" : group.name,
               group.tid == 0 ? "-" : std::to_string(group.tid),
               group.threads == 0 ? "?" : std::to_string(group.threads), std::to_string(t.requests),
               percent_text(t.same_cpu, t.hop_known), std::to_string(t.migrations),
               quantile_text(t.latency, 0.5), quantile_text(t.latency, 0.99)});
  }
  if (table.empty()) return {};
  std::string text = heading(title, options) + table.render(options.width);
  if (groups.size() > most) text += fmt::format("  and {} more\n", groups.size() - most);
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

// Why there is nothing to show: so that nobody takes a filter for a quiet file system.
std::string why_nothing(const CaptureInfo& info) {
  if (info.left_out > 0) {
    return fmt::format("None of the {} recorded requests passes {}.\n", info.left_out,
                       fmt::join(info.view_filters, " "));
  }
  if (!info.filters.empty()) {
    return fmt::format("No request that passes the filters of the capture was made: {}.\n",
                       fmt::join(info.filters, " "));
  }
  return "No requests were recorded.\n";
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
    out += fmt::format("{:<12}{}\n", "TRUNCATED", printable(snapshot.truncation));
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
    return out + "\n" + why_nothing(s.info);
  }
  if (options.by.empty()) out += hop_table(total, all, options);
  if (wanted("cpu", true)) out += cpu_matrix(s, all, options);
  if (wanted("pickup", true)) {
    out += pickup_table(total, options) + placement_table(total, options);
  }
  if (options.by.empty()) out += stage_table(total, options);
  if (wanted("opcode", true)) out += opcode_table(s, options);
  if (wanted("connection", true)) out += connection_table(s, options) + shard_table(s, options);
  if (wanted("client", false)) {
    out += thread_table(s, Side::client, "By client: threads of one process and name", "total",
                        options);
  }
  if (wanted("server", false)) {
    out += thread_table(s, Side::server, "By server: threads of one process and name", "service",
                        options);
  }
  if (options.by.empty()) out += time_table(s, options) + findings_text(s, options);
  return out;
}

}  // namespace fusetrace
