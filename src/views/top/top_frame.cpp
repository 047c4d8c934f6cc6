// SPDX-License-Identifier: Apache-2.0
#include "views/top/top_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "views/report/report_tables.h"
#include "views/report/report_text.h"
#include "views/text/printable.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

using Lines = std::vector<std::string>;

constexpr int number_width = 5;
constexpr int least_mount_width = 8;
constexpr size_t type_width = 16;
constexpr size_t server_width = 15;  // TASK_COMM_LEN - 1

Lines split(const std::string& text) {
  Lines out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

class Frame {
 public:
  explicit Frame(const TopScreen& screen) : screen_(screen) {}

  // Cut and, where it is to stand out over the whole line, filled up.
  void add(const std::string& text) { lines_.push_back(fit(text, columns())); }
  void bold(const std::string& text) { styled("\033[1m", fit(text, columns())); }
  void reverse(const std::string& text) {
    styled("\033[7m", pad_right(fit(text, columns()), screen_.styles ? columns() : 0));
  }
  // Keeps its width and our own styles; text of others in it is made harmless.
  void raw(const std::string& line) { lines_.push_back(printable_lines(line, true)); }

  // Lines that are left, one kept for the keys; without a height, no limit.
  size_t room() const {
    if (screen_.height == 0) return SIZE_MAX;
    const auto height = static_cast<size_t>(std::max(screen_.height, 1)) - 1;
    return height > lines_.size() ? height - lines_.size() : 0;
  }
  size_t columns() const { return static_cast<size_t>(std::max(screen_.width, 1)); }
  const TopScreen& screen() const { return screen_; }
  Lines take(const std::string& keys) {
    if (screen_.height != 0) {
      const auto height = static_cast<size_t>(screen_.height);
      lines_.resize(std::max<size_t>(height, 1) - 1);
      if (height > 0) reverse(keys);
    }
    while (!lines_.empty() && lines_.back().empty()) lines_.pop_back();
    return std::move(lines_);
  }

 private:
  void styled(const char* start, const std::string& text) {
    lines_.push_back(screen_.styles ? start + text + "\033[0m" : text);
  }

  TopScreen screen_;
  Lines lines_;
};

std::string cpu_share(double cpus) {
  return cpus < 0 ? "not known" : fmt::format("{:.1f} %", 100 * cpus);
}

std::string losses_text(const Losses& losses) {
  std::string out = fmt::format("lost {}", losses.total_lost());
  for (size_t i = 0; i < FT_LOSSES; ++i) {
    if (losses.lost[i] != 0) out += fmt::format(" ({} {})", loss_names[i], losses.lost[i]);
  }
  for (size_t i = 0; i < FT_INCOMPLETES; ++i) {
    if (losses.incomplete[i] != 0) {
      out += fmt::format(", {} {}", incomplete_names[i], losses.incomplete[i]);
    }
  }
  return out;
}

void add_head(Frame& frame, const TopData& data, const TopState& state) {
  const Snapshot& s = data.shown;
  const Cell total = s.total();
  const double rate = s.seconds > 0 ? static_cast<double>(total.requests) / s.seconds : 0;
  std::string title = fmt::format("fusetrace top  {}  {}, {} CPUs, ", data.clock, s.info.kernel,
                                  s.info.topology.online_count());
  if (s.seconds < 0.05) {
    // The first frame: there is nothing to divide by yet.
    title += fmt::format("first figures in {:.1f} s", data.interval_s);
  } else {
    title += state.since_start ? fmt::format("since the start {:.0f} s ago", s.seconds)
                               : fmt::format("last {:.1f} s", s.seconds);
  }
  // Not at each frame where there are very many: the threads' states are as old.
  if (data.looked_ago_s > data.interval_s) {
    title += fmt::format(", servers {:.0f} s ago", data.looked_ago_s);
  }
  if (state.paused) title += "  PAUSED";
  frame.bold(title);
  const size_t count = data.followed.empty() ? s.info.connections.size() : data.followed.size();
  frame.add(fmt::format("{} connection{}, {:.0f} requests/s, same CPU {}, same LLC {}", count,
                        count == 1 ? "" : "s", rate,
                        percent_text(total.hops[0][0], total.hop_known(Hop::request)),
                        percent_text(total.hops[0][0] + total.hops[0][1] + total.hops[0][2],
                                     total.hop_known(Hop::request))));
  frame.add(fmt::format("of one CPU: BPF programs {}, fusetrace {}; {}", cpu_share(data.bpf_cpu),
                        cpu_share(data.own_cpu), losses_text(data.since_start)));
  if (!s.info.filters.empty()) {
    frame.add(fmt::format("only {}", fmt::join(s.info.filters, " ")));
  }
}

// The columns that fit beside the connection's number and a mount point.
std::vector<size_t> columns_shown(const TopState& state, size_t width) {
  std::vector<size_t> out;
  size_t used = number_width + 1 + std::max<size_t>(least_mount_width, width / 8);
  const auto& columns = top_columns();
  for (size_t i = state.first_column; i < columns.size(); ++i) {
    used += static_cast<size_t>(columns[i].width) + 1;
    if (used > width) break;
    out.push_back(i);
  }
  return out;
}

// Mount points often begin alike: where they are cut, their ends say more.
std::string fit_end(const std::string& text, size_t columns) {
  if (columns_of(text) <= columns || columns == 0) return text;
  size_t from = text.size();
  for (size_t left = columns - 1; left > 0 && from > 0; --left) {
    do {
      --from;
    } while (from > 0 && (text[from] & 0xc0) == 0x80);
  }
  return "…" + text.substr(from);
}

std::string row_text(const TopRow& row, const std::vector<size_t>& shown, size_t width) {
  std::string line = pad_left(std::to_string(row.id), number_width);
  for (const size_t i : shown) {
    const TopColumn& column = top_columns()[i];
    line += " " + pad_left(column.text(row), static_cast<size_t>(column.width));
  }
  line += " ";
  if (row.connection == nullptr) return line + "?";
  const Connection& c = *row.connection;
  if (c.gone) line += "(gone) ";
  const std::string mount =
      c.mount.empty() ? "(" + (c.fstype.empty() ? "no mount seen" : c.fstype) + ")" : c.mount;
  const size_t used = columns_of(line);
  return line + fit_end(mount, width > used ? width - used : 1);
}

// A plain frame is read by programs and in files: type and server are there, and the mount
// point, which comes last, is whole.
std::string plain_row(const TopRow& row, const std::vector<size_t>& shown) {
  auto text = [](const std::string& value) { return value.empty() ? "-" : value; };
  std::string line = pad_left(std::to_string(row.id), number_width);
  for (const size_t i : shown) {
    const TopColumn& column = top_columns()[i];
    line += " " + pad_left(column.text(row), static_cast<size_t>(column.width));
  }
  const Connection unknown;
  const Connection& c = row.connection == nullptr ? unknown : *row.connection;
  return line + " " + pad_right(text(c.fstype), type_width) + " " +
         pad_right(text(c.server_comm), server_width) + " " + (c.gone ? "(gone) " : "") +
         text(c.mount);
}

void add_list(Frame& frame, const TopData& data, TopState& state) {
  const auto rows = top_rows(data, state);
  const auto shown = columns_shown(state, frame.columns());
  std::string titles = pad_left("CONN", number_width);
  for (const size_t i : shown) {
    const TopColumn& column = top_columns()[i];
    const std::string mark = i == state.sort ? (state.reversed ? "^" : "v") : "";
    titles += " " + pad_left(mark + column.title, static_cast<size_t>(column.width));
  }
  const bool plain = frame.screen().height == 0;
  if (plain) {
    frame.raw(titles + " " + pad_right("TYPE", type_width) + " " +
              pad_right("SERVER", server_width) + " MOUNT");
  } else {
    frame.reverse(titles + " MOUNT");
  }
  if (rows.empty()) {
    frame.add(state.filter.empty() ? "No FUSE connection." : "No connection matches the filter.");
    return;
  }
  const size_t room = std::max<size_t>(frame.room(), 1);
  state.page = room;
  size_t selected = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].id == state.selected) selected = i;
  }
  const size_t first = selected >= room ? selected - room + 1 : 0;
  for (size_t i = first; i < rows.size() && i - first < room; ++i) {
    if (plain) {
      frame.raw(plain_row(rows[i], shown));
      continue;
    }
    const std::string text = row_text(rows[i], shown, frame.columns());
    if (i == selected) {
      frame.reverse(text);
    } else {
      frame.add(text);
    }
  }
}

// The one connection's part of a snapshot.
Snapshot part_of(const Snapshot& s, uint32_t id) {
  Snapshot out;
  out.info = s.info;
  out.seconds = s.seconds;
  for (const auto& [key, cell] : s.cells) {
    if (key.first == id) out.cells.emplace(key, cell);
  }
  const auto totals = s.connections.find(id);
  if (totals != s.connections.end()) out.connections.insert(*totals);
  return out;
}

std::string thread_list(const TopData& data, const Connection* connection, int width) {
  constexpr std::array<const char*, 3> states = {"idle", "running", "serving"};
  std::vector<const TopThread*> order;
  for (const TopThread& thread : data.threads) {
    if (connection != nullptr && thread.now.tgid == connection->server_tgid) {
      order.push_back(&thread);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const TopThread* a, const TopThread* b) {
    return a->requests > b->requests;
  });
  Table table({"tid", "<thread", "<state", "CPU", "requests", "requests/s"});
  for (const TopThread* thread : order) {
    const ft_server_thread& now = thread->now;
    table.add({std::to_string(now.tid), std::string(now.comm, strnlen(now.comm, FT_COMM_LEN)),
               states[std::min<size_t>(now.state, states.size() - 1)], std::to_string(now.cpu),
               std::to_string(thread->requests),
               data.threads_s > 0
                   ? fmt::format("{:.0f}", static_cast<double>(thread->requests) / data.threads_s)
                   : "-"});
  }
  if (table.empty()) return "\nThe server's threads are not known.\n";
  return "\nThreads of the server (serving: asleep while a request of its is open)\n" +
         table.render(width);
}

std::string panel_text(const TopData& data, const TopState& state, const Connection* connection,
                       const RenderOptions& options) {
  const Snapshot s = part_of(data.shown, state.opened);
  const Cell total = s.total();
  const ConnectionTotals all = s.all_connections();
  switch (state.panel) {
    case TopPanel::stages:
      return hop_table(total, all, options) + stage_table(total, options);
    case TopPanel::opcodes:
      return opcode_table(s, options);
    case TopPanel::threads:
      return thread_list(data, connection, options.width);
    case TopPanel::cpus:
      return cpu_matrix(s, all, options);
    case TopPanel::placement:
      return pickup_table(total, options) + placement_table(total, options);
    case TopPanel::queues:
      if (connection == nullptr || connection->queues.empty()) {
        return "\nThis kernel has one input queue, and does not tell of it.\n";
      }
      return queue_table(*connection, options);
  }
  return {};
}

// A text that is longer than the screen: its part from the line to scroll to.
void add_scrolled(Frame& frame, TopState& state, const Lines& lines) {
  const size_t room = frame.room();
  state.page = std::max<size_t>(room, 1);
  const size_t most = lines.size() > room ? lines.size() - room : 0;
  state.scroll = std::min(state.scroll, most);
  for (size_t i = state.scroll; i < lines.size() && i - state.scroll < room; ++i) {
    frame.raw(lines[i]);
  }
}

void add_connection(Frame& frame, const TopData& data, TopState& state) {
  const auto known = data.shown.info.connections.find(state.opened);
  const Connection* c = known == data.shown.info.connections.end() ? nullptr : &known->second;
  std::string title = fmt::format("connection {}", state.opened);
  if (c != nullptr) {
    title += fmt::format(" {} {}{}", c->fstype, c->mount, c->gone ? " (gone)" : "");
    frame.bold(title);
    auto number = [](int64_t n) { return n < 0 ? std::string("-") : std::to_string(n); };
    frame.add(fmt::format("server {} ({}), waiting {}, max background {}, congestion {}",
                          c->server_comm.empty() ? "?" : c->server_comm, c->server_tgid,
                          number(c->waiting), number(c->max_background),
                          number(c->congestion_threshold)));
  } else {
    frame.bold(title);
  }
  std::string tabs;
  for (size_t i = 0; i < top_panels(data); ++i) {
    const bool open = state.panel == static_cast<TopPanel>(i);
    const std::string tab = fmt::format("{} {}", i + 1, top_panel_names[i]);
    tabs += open ? "[" + tab + "] " : " " + tab + "  ";
  }
  frame.reverse(tabs);
  RenderOptions options;
  options.color = frame.screen().color;
  options.width = frame.screen().width;
  Lines lines = split(panel_text(data, state, c, options));
  if (!lines.empty() && lines.front().empty()) lines.erase(lines.begin());
  if (lines.empty()) lines.emplace_back("Nothing in this stretch of time.");
  add_scrolled(frame, state, lines);
}

void add_help(Frame& frame, TopState& state) {
  Lines lines;
  lines.emplace_back("Keys");
  for (const TopKeyHelp& key : top_key_help()) {
    lines.push_back(fmt::format("  {:<15} {}", key.keys, key.what));
  }
  lines.emplace_back("");
  lines.emplace_back("Columns");
  for (const TopColumn& column : top_columns()) {
    lines.push_back(fmt::format("  {:<15} {}", column.title, column.meaning));
  }
  add_scrolled(frame, state, lines);
}

std::string keys_line(const TopState& state) {
  if (state.typing) return "Filter: " + state.filter + "_   Enter keeps it, Esc shows all";
  if (state.help) return "Esc close  Up Down scroll  q quit";
  if (state.opened != 0) return "Esc list  Tab panel  Up Down scroll  Space pause  h help  q quit";
  std::string line = "Enter open  < > sort  R reverse  / filter  Space pause  h help  q quit";
  if (!state.filter.empty()) line = "Filter: " + state.filter + "  " + line;
  return line;
}

}  // namespace

std::vector<std::string> render_top(const TopData& data, TopState& state, const TopScreen& screen) {
  Frame frame(screen);
  if (state.help) {
    add_help(frame, state);
  } else {
    add_head(frame, data, state);
    frame.add("");
    if (state.opened != 0) {
      add_connection(frame, data, state);
    } else {
      add_list(frame, data, state);
    }
  }
  return frame.take(keys_line(state));
}

}  // namespace fusetrace
