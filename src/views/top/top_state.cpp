// SPDX-License-Identifier: Apache-2.0
#include "views/top/top_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "views/text/units.h"

namespace fusetrace {
namespace {

template <Stage stage>
const Histogram& latency(const TopRow& row) {
  return row.total.stages[static_cast<size_t>(stage)];
}

// A quantile in percent of a stage, as text and as number.
template <Stage stage, int percent>
double quantile_value(const TopRow& row) {
  const Histogram& h = latency<stage>(row);
  return h.count() == 0 ? 0 : static_cast<double>(h.quantile(percent / 100.0));
}
template <Stage stage, int percent>
std::string quantile_cell(const TopRow& row) {
  const Histogram& h = latency<stage>(row);
  return h.count() == 0 ? "-" : duration_text(h.quantile(percent / 100.0));
}

uint64_t same_llc(const TopRow& row) {
  const HopCounts& hops = row.total.hops[0];
  return hops[0] + hops[1] + hops[2];
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? -1 : static_cast<double>(part) / static_cast<double>(whole);
}

double per_request(uint64_t n, const TopRow& row) { return share(n, row.total.requests); }

template <int64_t Connection::*member>
double limit_value(const TopRow& row) {
  return row.connection == nullptr ? -1 : static_cast<double>(row.connection->*member);
}
template <int64_t Connection::*member>
std::string limit_cell(const TopRow& row) {
  const double value = limit_value<member>(row);
  return value < 0 ? "-" : fmt::format("{:.0f}", value);
}

bool matches(const TopRow& row, const std::string& filter) {
  if (filter.empty()) return true;
  if (std::to_string(row.id) == filter) return true;
  if (row.connection == nullptr) return false;
  const Connection& c = *row.connection;
  for (const std::string* text : {&c.mount, &c.fstype, &c.server_comm, &c.source}) {
    if (text->find(filter) != std::string::npos) return true;
  }
  return false;
}

void open_panel(TopState& state, size_t panel, const TopData& data) {
  state.panel = static_cast<TopPanel>(panel % top_panels(data));
  state.scroll = 0;
}

// Moves the selection in the list by so many rows.
void move_selection(TopState& state, const TopData& data, int64_t by) {
  const auto rows = top_rows(data, state);
  if (rows.empty()) return;
  int64_t at = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].id == state.selected) at = static_cast<int64_t>(i);
  }
  at = std::clamp<int64_t>(at + by, 0, static_cast<int64_t>(rows.size()) - 1);
  state.selected = rows[static_cast<size_t>(at)].id;
}

// Up and down: in a text they scroll, in the list they select.
void move(TopState& state, const TopData& data, int64_t by) {
  if (state.help || state.opened != 0) {
    const int64_t line = static_cast<int64_t>(state.scroll) + by;
    state.scroll = static_cast<size_t>(std::max<int64_t>(line, 0));
  } else {
    move_selection(state, data, by);
  }
}

void type_filter(TopState& state, TopKey key, char32_t character) {
  switch (key) {
    case TopKey::enter:
      state.typing = false;
      return;
    case TopKey::escape:
      state.typing = false;
      state.filter.clear();
      return;
    case TopKey::backspace:
      // A whole character of UTF-8.
      while (!state.filter.empty() && (state.filter.back() & 0xc0) == 0x80) state.filter.pop_back();
      if (!state.filter.empty()) state.filter.pop_back();
      return;
    case TopKey::other:
      break;
    default:
      return;
  }
  if (character < 0x20 || character == 0x7f) return;
  if (character < 0x80) {
    state.filter += static_cast<char>(character);
  } else if (character < 0x800) {
    state.filter += static_cast<char>(0xc0 | character >> 6);
    state.filter += static_cast<char>(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    state.filter += static_cast<char>(0xe0 | character >> 12);
    state.filter += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    state.filter += static_cast<char>(0x80 | (character & 0x3f));
  }
}

void close_one(TopState& state) {
  state.scroll = 0;
  if (state.help) {
    state.help = false;
  } else if (state.opened != 0) {
    state.opened = 0;
  } else {
    state.filter.clear();
  }
}

void press_character(TopState& state, char32_t character, const TopData& data, bool& look) {
  constexpr int64_t far = 1 << 30;
  const size_t columns = top_columns().size();
  switch (character) {
    case 'q':
      state.quit = true;
      return;
    case 'h':
    case '?':
      state.help = !state.help;
      state.scroll = 0;
      return;
    case 'k':
      return move(state, data, -1);
    case 'j':
      return move(state, data, 1);
    case 'g':
      return move(state, data, -far);
    case 'G':
      return move(state, data, far);
    case ' ':
      state.paused = !state.paused;
      look = !state.paused;
      return;
    case '<':
      state.sort = (state.sort + columns - 1) % columns;
      return;
    case '>':
      state.sort = (state.sort + 1) % columns;
      return;
    case 'R':
      state.reversed = !state.reversed;
      return;
    case 'c':
      state.since_start = !state.since_start;
      look = true;
      return;
    case '+':
      state.interval_s = std::min(state.interval_s * 2, top_most_interval_s);
      return;
    case '-':
      state.interval_s = std::max(state.interval_s / 2, top_least_interval_s);
      return;
    case '/':
      if (!state.help && state.opened == 0) state.typing = true;
      return;
    default:
      if (state.opened != 0 && character >= '1' && character < '1' + top_panels(data)) {
        open_panel(state, character - '1', data);
      }
  }
}

}  // namespace

const std::vector<TopColumn>& top_columns() {
  static const std::vector<TopColumn> columns = {
      {"REQ/S", 8, "requests that ended, per second",
       [](const TopRow& r) { return fmt::format("{:.0f}", r.rate); },
       [](const TopRow& r) { return r.rate; }},
      {"SAMECPU", 7, "of those whose CPUs are known: server on the client's CPU",
       [](const TopRow& r) {
         return percent_text(r.total.hops[0][0], r.total.hop_known(Hop::request));
       },
       [](const TopRow& r) { return share(r.total.hops[0][0], r.total.hop_known(Hop::request)); }},
      {"SAMELLC", 7, "the same for the last-level cache",
       [](const TopRow& r) { return percent_text(same_llc(r), r.total.hop_known(Hop::request)); },
       [](const TopRow& r) { return share(same_llc(r), r.total.hop_known(Hop::request)); }},
      {"MIG/REQ", 7, "migrations of client and server per request",
       [](const TopRow& r) {
         return r.total.requests == 0
                    ? std::string("-")
                    : fmt::format("{:.3f}", per_request(r.total.migrations_total(), r));
       },
       [](const TopRow& r) { return per_request(r.total.migrations_total(), r); }},
      {"P50", 7, "total latency, median", quantile_cell<Stage::total, 50>,
       quantile_value<Stage::total, 50>},
      {"P99", 7, "total latency, 99th percentile", quantile_cell<Stage::total, 99>,
       quantile_value<Stage::total, 99>},
      {"WAIT", 4, "requests queued or being served now", limit_cell<&Connection::waiting>,
       limit_value<&Connection::waiting>},
      {"THREADS", 9, "of the server: all, r running, s serving asleep",
       [](const TopRow& r) {
         std::string text = std::to_string(r.threads);
         if (r.running != 0) text += fmt::format(" {}r", r.running);
         if (r.serving != 0) text += fmt::format(" {}s", r.serving);
         return text;
       },
       [](const TopRow& r) { return static_cast<double>(r.running + r.serving); }},
      {"MAXBG", 5, "limit of background requests", limit_cell<&Connection::max_background>,
       limit_value<&Connection::max_background>},
      {"CONG", 5, "background requests from which on it is congested",
       limit_cell<&Connection::congestion_threshold>,
       limit_value<&Connection::congestion_threshold>},
      {"QUEUE50", 7, "queued until picked up, median", quantile_cell<Stage::queue, 50>,
       quantile_value<Stage::queue, 50>},
      {"QUEUE99", 7, "the same, 99th percentile", quantile_cell<Stage::queue, 99>,
       quantile_value<Stage::queue, 99>},
      {"WAKE50", 7, "server's wakeup until it runs, median", quantile_cell<Stage::wakeup, 50>,
       quantile_value<Stage::wakeup, 50>},
      {"WAKE99", 7, "the same, 99th percentile", quantile_cell<Stage::wakeup, 99>,
       quantile_value<Stage::wakeup, 99>},
      {"SERV50", 7, "picked up until replied, median", quantile_cell<Stage::service, 50>,
       quantile_value<Stage::service, 50>},
      {"SERV99", 7, "the same, 99th percentile", quantile_cell<Stage::service, 99>,
       quantile_value<Stage::service, 99>},
      {"RET50", 7, "replied until the client runs, median", quantile_cell<Stage::back, 50>,
       quantile_value<Stage::back, 50>},
      {"RET99", 7, "the same, 99th percentile", quantile_cell<Stage::back, 99>,
       quantile_value<Stage::back, 99>},
      {"ERRORS", 7, "share of replies that are errors",
       [](const TopRow& r) { return percent_text(r.total.errors, r.total.requests); },
       [](const TopRow& r) { return per_request(r.total.errors, r); }},
  };
  return columns;
}

size_t top_panels(const TopData& data) {
  for (const auto& [id, connection] : data.shown.info.connections) {
    if (!connection.queues.empty()) return top_panel_count;
  }
  return static_cast<size_t>(TopPanel::queues);
}

std::vector<TopRow> top_rows(const TopData& data, const TopState& state) {
  std::map<uint32_t, TopRow> rows;
  for (const auto& [id, connection] : data.shown.info.connections) {
    // The others would be shown with zeros, as if nobody used them.
    if (!data.followed.empty() && !data.followed.contains(id)) continue;
    if (!connection.gone) rows[id].connection = &connection;
  }
  for (const auto& [key, cell] : data.shown.cells) {
    TopRow& row = rows[key.first];
    row.total.merge(cell);
    const auto known = data.shown.info.connections.find(key.first);
    if (known != data.shown.info.connections.end()) row.connection = &known->second;
  }
  std::map<uint32_t, std::array<uint32_t, 3>> servers;  // all, running, serving
  for (const TopThread& thread : data.threads) {
    auto& [all, running, serving] = servers[thread.now.tgid];
    ++all;
    running += thread.now.state == FT_THREAD_RUNNING;
    serving += thread.now.state == FT_THREAD_SERVING;
  }
  std::vector<TopRow> out;
  for (auto& [id, row] : rows) {
    row.id = id;
    row.rate =
        data.shown.seconds > 0 ? static_cast<double>(row.total.requests) / data.shown.seconds : 0;
    const auto server =
        row.connection == nullptr ? servers.end() : servers.find(row.connection->server_tgid);
    if (server == servers.end()) continue;
    row.threads = server->second[0];
    row.running = server->second[1];
    row.serving = server->second[2];
  }
  for (auto& [id, row] : rows) {
    if (matches(row, state.filter)) out.push_back(std::move(row));
  }
  const TopColumn& column = top_columns()[state.sort];
  std::stable_sort(out.begin(), out.end(), [&](const TopRow& a, const TopRow& b) {
    return state.reversed ? column.value(a) < column.value(b) : column.value(a) > column.value(b);
  });
  return out;
}

bool press(TopState& state, TopKey key, char32_t character, const TopData& data) {
  bool look = false;
  if (state.typing) {
    type_filter(state, key, character);
    return look;
  }
  const bool list = !state.help && state.opened == 0;
  const auto page = static_cast<int64_t>(std::max<size_t>(state.page, 1));
  constexpr int64_t far = 1 << 30;
  switch (key) {
    case TopKey::up:
      move(state, data, -1);
      break;
    case TopKey::down:
      move(state, data, 1);
      break;
    case TopKey::page_up:
      move(state, data, -page);
      break;
    case TopKey::page_down:
      move(state, data, page);
      break;
    case TopKey::home:
      move(state, data, -far);
      break;
    case TopKey::end:
      move(state, data, far);
      break;
    case TopKey::left:
      if (list && state.first_column > 0) --state.first_column;
      if (!list && !state.help)
        open_panel(state, static_cast<size_t>(state.panel) + top_panels(data) - 1, data);
      break;
    case TopKey::right:
      if (list && state.first_column + 1 < top_columns().size()) ++state.first_column;
      if (!list && !state.help) open_panel(state, static_cast<size_t>(state.panel) + 1, data);
      break;
    case TopKey::tab:
      if (state.opened != 0) open_panel(state, static_cast<size_t>(state.panel) + 1, data);
      break;
    case TopKey::back_tab:
      if (state.opened != 0) {
        open_panel(state, static_cast<size_t>(state.panel) + top_panels(data) - 1, data);
      }
      break;
    case TopKey::enter:
      if (list) {
        move_selection(state, data, 0);
        state.opened = state.selected;
        state.scroll = 0;
      }
      break;
    case TopKey::escape:
    case TopKey::backspace:
      close_one(state);
      break;
    case TopKey::help:
      state.help = !state.help;
      state.scroll = 0;
      break;
    case TopKey::other:
      press_character(state, character, data, look);
      break;
  }
  return look;
}

const std::vector<TopKeyHelp>& top_key_help() {
  static const std::vector<TopKeyHelp> keys = {
      {"Up Down k j", "select a connection; in a panel or here: scroll"},
      {"PgUp PgDn", "the same by pages"},
      {"Home End g G", "the first, the last"},
      {"Enter", "open the selected connection"},
      {"Esc Backspace", "close it, or this help; in the list: show all again"},
      {"Left Right", "show other columns; in a connection: the panel before, after"},
      {"Tab 1 to 6",
       "in a connection: stages, opcodes, threads, CPUs, placement, and queues where there are "
       "several"},
      {"< >", "sort by the column before, after"},
      {"R", "sort the other way round"},
      {"/", "show only what has this in mount point, type or server"},
      {"Space", "pause, go on"},
      {"c", "counts since the start, or of the last interval"},
      {"+ -", "longer, shorter interval"},
      {"h ? F1", "this help"},
      {"q Ctrl-C", "quit"},
  };
  return keys;
}

}  // namespace fusetrace
