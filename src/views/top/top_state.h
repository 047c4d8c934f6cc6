// SPDX-License-Identifier: Apache-2.0
// What `fusetrace top` shows and how keys change it, without a terminal.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "fusetrace.h"
#include "model/snapshot.h"

namespace fusetrace {

// A thread of a server as top shows it.
struct TopThread {
  ft_server_thread now;
  uint64_t requests = 0;  // it took in threads_s, or since the start
};

// Everything that a frame is made of.
struct TopData {
  Snapshot shown;  // what came in the last interval, or since the start
  std::vector<TopThread> threads;
  double threads_s = 0;     // between the two last looks at the servers
  double looked_ago_s = 0;  // since the last one
  std::string clock;        // time of day: "23:15:02"
  double interval_s = 0;    // between frames
  double own_cpu = 0;       // CPUs that fusetrace itself used: 0.01 is 1 % of one
  double bpf_cpu = -1;      // CPUs that its programs used; below 0: not known
  Losses since_start;
  std::set<uint32_t> followed;  // connections that the capture is about; empty: all
};

// A connection as one line of the list.
struct TopRow {
  uint32_t id = 0;
  const Connection* connection = nullptr;  // nullptr: nothing is known but its number
  Cell total;
  double rate = 0;  // requests/s
  uint32_t threads = 0;
  uint32_t running = 0;
  uint32_t serving = 0;
};

struct TopColumn {
  const char* title;
  int width;
  const char* meaning;
  std::string (*text)(const TopRow&);
  // What it sorts by; the largest comes first.
  double (*value)(const TopRow&);
};

// The columns between the number of a connection and its mount point.
const std::vector<TopColumn>& top_columns();

enum class TopPanel : uint8_t { stages, opcodes, threads, cpus, placement, queues };
inline constexpr size_t top_panel_count = 6;
inline constexpr std::array<const char*, top_panel_count> top_panel_names = {
    "Stages", "Opcodes", "Threads", "CPUs", "Placement", "Queues"};

// The panels that there are: that of the queues only where the kernel has several of them.
size_t top_panels(const TopData& data);

enum class TopKey : uint8_t {
  other,
  up,
  down,
  left,
  right,
  page_up,
  page_down,
  home,
  end,
  enter,
  escape,
  backspace,
  tab,
  back_tab,
  help,
};

struct TopState {
  bool quit = false;
  bool paused = false;
  bool help = false;
  bool since_start = false;  // counts since the start, not of the last interval
  bool typing = false;       // a filter
  std::string filter;        // of mount point, type, server or number; empty: all
  size_t sort = 0;           // index into top_columns()
  bool reversed = false;
  size_t first_column = 0;  // the first that is shown of top_columns()
  uint32_t selected = 0;    // connection; 0: the first
  uint32_t opened = 0;      // connection that is drilled into; 0: none
  TopPanel panel = TopPanel::stages;
  size_t scroll = 0;  // first line of the panel, or of the help
  size_t page = 10;   // rows that the last frame had room for
  double interval_s = 2;
};

inline constexpr double top_least_interval_s = 0.1;
inline constexpr double top_most_interval_s = 60;

// The connections as listed: filtered and sorted; those that are gone only while
// they have something to show.
std::vector<TopRow> top_rows(const TopData& data, const TopState& state);

// A key was pressed: a special one, or a character (TopKey::other). Says
// whether the capture should be looked at right away.
bool press(TopState& state, TopKey key, char32_t character, const TopData& data);

// What the keys do, a line each, for help and documentation.
struct TopKeyHelp {
  const char* keys;
  const char* what;
};
const std::vector<TopKeyHelp>& top_key_help();

}  // namespace fusetrace
