// SPDX-License-Identifier: Apache-2.0
// Frames and keys of top, without a terminal.
#include <gtest/gtest.h>

#include <algorithm>

#include "model/aggregator.h"
#include "support/requests.h"
#include "views/text/units.h"
#include "views/top/top_frame.h"

namespace fusetrace {
namespace {

ft_server_thread thread(uint32_t tid, uint32_t tgid, ft_thread_state state) {
  ft_server_thread out{};
  out.tid = tid;
  out.tgid = tgid;
  out.cpu = 1;
  out.state = static_cast<ft_u8>(state);
  std::snprintf(out.comm, sizeof(out.comm), "server");
  return out;
}

// Two connections: 39 with 100 requests on one CPU, 40 with 300 on two.
TopData two_connections() {
  CaptureInfo info;
  info.kernel = "6.18.44";
  info.topology = Topology({{.id = 0, .core = 0, .llc = 0, .node = 0, .online = true},
                            {.id = 1, .core = 1, .llc = 0, .node = 0, .online = true}});
  info.connections[39] = {.id = 39,
                          .mount = "/mnt/quick",
                          .fstype = "fuse.quick",
                          .server_comm = "quick",
                          .server_tgid = 2000,
                          .waiting = 3,
                          .max_background = 12,
                          .congestion_threshold = 9};
  info.connections[40] = {.id = 40,
                          .mount = "/mnt/far",
                          .fstype = "fuse.far",
                          .server_comm = "far",
                          .server_tgid = 3000};
  Aggregator aggregator(info);
  std::vector<ft_request> requests;
  for (uint32_t i = 0; i < 400; ++i) {
    const bool quick = i < 100;
    requests.push_back(test::make_request({.connection = quick ? 39u : 40u,
                                           .unique = 2 * i + 2,
                                           .server_cpu = static_cast<uint16_t>(quick ? 0 : 1),
                                           .service_ns = quick ? 2'000u : 40'000u}));
  }
  aggregator.add(requests);
  TopData data;
  data.shown = aggregator.snapshot();
  data.shown.seconds = 2;
  data.interval_s = data.threads_s = 2;
  data.clock = "12:00:00";
  data.own_cpu = 0.004;
  data.threads = {{thread(2001, 2000, FT_THREAD_RUNNING), 90},
                  {thread(2002, 2000, FT_THREAD_IDLE), 10},
                  {thread(3001, 3000, FT_THREAD_SERVING), 300}};
  return data;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

std::string frame(const TopData& data, TopState& state, int width = 80, int height = 24) {
  TopScreen screen;
  screen.width = width;
  screen.height = height;
  return text_of(render_top(data, state, screen));
}

void type(TopState& state, const TopData& data, const std::string& characters) {
  for (const char c : characters) press(state, TopKey::other, static_cast<unsigned char>(c), data);
}

TEST(Top, ListsConnectionsBySpeed) {
  TopState state;
  const TopData data = two_connections();
  const auto rows = top_rows(data, state);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id, 40u);
  EXPECT_DOUBLE_EQ(rows[0].rate, 150);
  EXPECT_EQ(rows[0].serving, 1u);
  EXPECT_EQ(rows[1].id, 39u);
  EXPECT_EQ(rows[1].threads, 2u);
  EXPECT_EQ(rows[1].running, 1u);
  const std::string text = frame(data, state);
  EXPECT_NE(text.find("/mnt/quick"), std::string::npos) << text;
  EXPECT_NE(text.find("100.0 %"), std::string::npos) << text;
}

TEST(Top, TellsTheAgeOfServersNotLookedAtForThisFrame) {
  TopState state;
  TopData data = two_connections();
  EXPECT_EQ(frame(data, state).find(", servers"), std::string::npos);
  data.looked_ago_s = 5.9;
  EXPECT_NE(frame(data, state).find("servers 6 s ago"), std::string::npos);
  // Their rates are those of the time between looks, not between frames.
  data.threads_s = 6;
  state.opened = 40;
  state.panel = TopPanel::threads;
  EXPECT_NE(frame(data, state, 120).find("300          50"), std::string::npos)
      << frame(data, state, 120);
}

TEST(Top, FitsEverySizeOfTerminal) {
  const TopData data = two_connections();
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{80, 24}, {60, 15}, {20, 3}, {1, 1}, {300, 100}}) {
    for (const uint32_t opened : {0u, 39u}) {
      for (const bool help : {false, true}) {
        TopState state;
        state.opened = opened;
        state.help = help;
        TopScreen screen;
        screen.width = width;
        screen.height = height;
        const auto lines = render_top(data, state, screen);
        EXPECT_LE(lines.size(), static_cast<size_t>(height));
        if (opened != 0 || help) continue;  // tables are cut by the screen
        for (const std::string& line : lines) {
          EXPECT_LE(columns_of(line), static_cast<size_t>(width)) << line;
        }
      }
    }
  }
}

TEST(Top, SortsByEveryColumnAndTheOtherWayRound) {
  const TopData data = two_connections();
  TopState state;
  for (size_t i = 0; i < top_columns().size(); ++i) {
    EXPECT_EQ(state.sort, i);
    const auto rows = top_rows(data, state);
    EXPECT_GE(top_columns()[i].value(rows[0]), top_columns()[i].value(rows[1]));
    type(state, data, "R");
    const auto reversed = top_rows(data, state);
    EXPECT_LE(top_columns()[i].value(reversed[0]), top_columns()[i].value(reversed[1]));
    type(state, data, "R>");
  }
  EXPECT_EQ(state.sort, 0u) << "after the last column comes the first";
  type(state, data, "<");
  EXPECT_EQ(state.sort, top_columns().size() - 1);
}

TEST(Top, FiltersWhatIsTyped) {
  const TopData data = two_connections();
  TopState state;
  type(state, data, "/quiq");
  EXPECT_TRUE(state.typing);
  EXPECT_TRUE(top_rows(data, state).empty());
  press(state, TopKey::backspace, 0, data);
  press(state, TopKey::enter, 0, data);
  EXPECT_FALSE(state.typing);
  ASSERT_EQ(top_rows(data, state).size(), 1u);
  EXPECT_EQ(top_rows(data, state)[0].id, 39u);
  EXPECT_FALSE(state.quit) << "the q belonged to the filter";
  press(state, TopKey::escape, 0, data);
  EXPECT_EQ(top_rows(data, state).size(), 2u);
}

TEST(Top, OpensAConnectionAndItsPanels) {
  const TopData data = two_connections();
  TopState state;
  press(state, TopKey::down, 0, data);
  press(state, TopKey::enter, 0, data);
  EXPECT_EQ(state.opened, 39u);
  EXPECT_NE(frame(data, state).find("same_cpu       100"), std::string::npos) << frame(data, state);
  EXPECT_EQ(frame(data, state).find("same_llc"), std::string::npos) << "that is of connection 40";
  type(state, data, "2");
  EXPECT_NE(frame(data, state).find("GETATTR"), std::string::npos);
  press(state, TopKey::tab, 0, data);
  EXPECT_NE(frame(data, state).find("2001  server  running"), std::string::npos)
      << frame(data, state);
  EXPECT_EQ(frame(data, state).find("3001"), std::string::npos);
  type(state, data, "4");
  EXPECT_NE(frame(data, state).find("client down, server across"), std::string::npos);
  press(state, TopKey::right, 0, data);
  EXPECT_NE(frame(data, state).find("woken"), std::string::npos);
  EXPECT_EQ(frame(data, state).find("6 Queues"), std::string::npos) << "this kernel has one queue";
  press(state, TopKey::right, 0, data);
  EXPECT_EQ(state.panel, TopPanel::stages) << "after the last panel comes the first";
  press(state, TopKey::escape, 0, data);
  EXPECT_EQ(state.opened, 0u);
}

TEST(Top, ShowsTheInputQueuesThatTheKernelTellsOf) {
  TopData data = two_connections();
  data.shown.info.connections.at(39).queues = {{"0-3", 0, 0, 100, 100, 0},
                                               {"4-7", 2, 1500, 62, 60, 15}};
  TopState state;
  press(state, TopKey::down, 0, data);
  press(state, TopKey::enter, 0, data);
  type(state, data, "6");
  const std::string text = frame(data, state);
  EXPECT_NE(text.find("0  0-3         0        -     100    100   0.0 %"), std::string::npos)
      << text;
  EXPECT_NE(text.find("1  4-7         2  1.50 ms      62     60  25.0 %"), std::string::npos)
      << text;
}

TEST(Top, ScrollsNoFurtherThanThereIsText) {
  const TopData data = two_connections();
  TopState state;
  type(state, data, "hG");
  const std::string text = frame(data, state, 80, 10);
  EXPECT_NE(text.find(top_columns().back().title), std::string::npos) << text;
  const size_t at = state.scroll;
  type(state, data, "j");
  EXPECT_EQ(frame(data, state, 80, 10), text);
  EXPECT_EQ(state.scroll, at);
  type(state, data, "gh");
  EXPECT_FALSE(state.help);
}

TEST(Top, KeepsTheIntervalWithinBounds) {
  const TopData data = two_connections();
  TopState state;
  type(state, data, std::string(20, '-'));
  EXPECT_DOUBLE_EQ(state.interval_s, top_least_interval_s);
  type(state, data, std::string(20, '+'));
  EXPECT_DOUBLE_EQ(state.interval_s, top_most_interval_s);
}

TEST(Top, ShowsLossesAndPauses) {
  TopData data = two_connections();
  data.since_start.lost[FT_LOSS_TOTALS_FULL] = 7;
  TopState state;
  type(state, data, " ");
  const std::string text = frame(data, state);
  EXPECT_NE(text.find("lost 7 (totals_full 7)"), std::string::npos) << text;
  EXPECT_NE(text.find("PAUSED"), std::string::npos) << text;
  EXPECT_TRUE(press(state, TopKey::other, ' ', data)) << "going on looks at once";
}

TEST(Top, AConnectionThatIsGoneIsShownOnlyWithItsRequests) {
  TopData data = two_connections();
  data.shown.info.connections[39].gone = true;
  TopState state;
  EXPECT_NE(frame(data, state).find("(gone)"), std::string::npos);
  std::erase_if(data.shown.cells, [](const auto& cell) { return cell.first.first == 39; });
  EXPECT_EQ(top_rows(data, state).size(), 1u);
}

TEST(Top, PlainFramesShowEveryConnectionAndNoKeys) {
  const TopData data = two_connections();
  TopState state;
  TopScreen screen;
  screen.height = 0;
  screen.width = 100;
  const std::string text = text_of(render_top(data, state, screen));
  EXPECT_NE(text.find("/mnt/far"), std::string::npos);
  EXPECT_EQ(text.find("q quit"), std::string::npos);
  EXPECT_EQ(text.find('\033'), std::string::npos);
}

TEST(Top, PlainFramesNameTypeAndServerAndCutNoPath) {
  TopData data = two_connections();
  const std::string start = "/var/lib/kubelet/pods/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0/volumes/";
  data.shown.info.connections[39].mount = start + "first";
  data.shown.info.connections[40].mount = start + "second";
  TopState state;
  TopScreen screen;
  screen.height = 0;
  screen.width = 80;
  const std::string text = text_of(render_top(data, state, screen));
  EXPECT_NE(text.find("fuse.quick       quick           " + start + "first\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("fuse.far         far             " + start + "second\n"), std::string::npos)
      << text;
  // On a terminal the line is cut, and the end of the path stays.
  const std::string cut = frame(data, state, 80);
  EXPECT_NE(cut.find("first\n"), std::string::npos) << cut;
  EXPECT_NE(cut.find("second\n"), std::string::npos) << cut;
}

TEST(Top, ConnectionsThatAreNotFollowedHaveNoRow) {
  TopData data = two_connections();
  std::erase_if(data.shown.cells, [](const auto& cell) { return cell.first.first == 39; });
  data.followed = {40};
  TopState state;
  EXPECT_EQ(frame(data, state).find("/mnt/quick"), std::string::npos);
  EXPECT_NE(frame(data, state).find("1 connection, "), std::string::npos) << frame(data, state);
}

TEST(Top, TheFirstFrameHasNoStretchOfTimeToShow) {
  TopData data = two_connections();
  data.shown.seconds = 0.01;
  TopState state;
  EXPECT_EQ(frame(data, state).find("last 0.0 s"), std::string::npos) << frame(data, state);
  EXPECT_NE(frame(data, state).find("first figures in 2.0 s"), std::string::npos);
}

}  // namespace
}  // namespace fusetrace
