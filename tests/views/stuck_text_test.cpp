// SPDX-License-Identifier: Apache-2.0
#include "views/stuck/stuck_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "views/stuck/stuck_json.h"
#include "views/stuck/stuck_selection.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

constexpr uint64_t second = 1'000'000'000;

StuckThread& thread(Stuck& stuck, uint32_t tid, const std::string& comm, char state) {
  StuckThread& one = stuck.threads[tid];
  one.tid = one.pid = tid;
  one.comm = comm;
  one.state = state;
  return one;
}

OpenRequest& request(Stuck& stuck, uint32_t connection, uint32_t client, uint64_t age_ns) {
  OpenRequest& one = stuck.requests.emplace_back();
  one.connection = connection;
  one.client = client;
  one.opcode = 1;
  one.name = "passwd";
  one.nodeid = 1;
  one.unique = 4;
  one.stage = OpenStage::queued;
  one.still_open = true;
  one.age_is = AgeIs::jiffies;
  one.age_ns = age_ns;
  return one;
}

Stuck two_mounts() {
  Stuck stuck;
  for (const uint32_t number : {41u, 42u}) {
    StuckConnection& connection = stuck.connections[number];
    connection.connection.id = number;
    connection.connection.mount = number == 41 ? "/mnt/young" : "/mnt/old";
    connection.connection.server_tgid = number * 10;
    connection.connection.server_comm = "sshfs";
    connection.servers = {number * 10};
    thread(stuck, number * 10, "sshfs", 'S').blocked_in = "hrtimer_nanosleep";
  }
  thread(stuck, 7, "cat", 'D').system_call = "openat";
  thread(stuck, 8, "ls", 'S');
  request(stuck, 41, 8, 2 * second);
  OpenRequest& old = request(stuck, 42, 7, 75 * second);
  old.stage = OpenStage::serving;
  old.servers = {420};
  return stuck;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(StuckText, TheWorstMountComesFirst) {
  const std::string text = stuck_text(two_mounts(), {}, 80);
  const size_t old = text.find("/mnt/old (connection 42)");
  const size_t young = text.find("/mnt/young (connection 41)");
  ASSERT_NE(old, std::string::npos) << text;
  ASSERT_NE(young, std::string::npos) << text;
  EXPECT_LT(old, young);
  EXPECT_NE(text.find("1 m 15 s"), std::string::npos) << text;
  EXPECT_NE(text.find("LOOKUP passwd"), std::string::npos) << text;
  EXPECT_NE(text.find("echo 1 > /sys/fs/fuse/connections/42/abort"), std::string::npos) << text;
}

TEST(StuckText, FitsEightyColumns) {
  Stuck stuck = two_mounts();
  stuck.requests[1].name = std::string(200, 'n');
  stuck.threads[7].path = "/mnt/old/" + std::string(60, 'p') + "/" + std::string(60, 'q');
  stuck.threads[7].system_call = "read";
  stuck.threads[420].stack.assign(20, "a_kernel_function_of_some_length");
  stuck.tasks.push_back({8, WaitReason::inode_lock, 41, 817, 7});
  stuck.cycles = {{7, 420}};
  StuckFilter filter;
  filter.with_stacks = true;
  for (const std::string& line : lines(stuck_text(stuck, filter, 80))) {
    // A word that is longer than a line cannot be broken.
    if (line.find(std::string(60, 'p')) == std::string::npos &&
        line.find(std::string(60, 'n')) == std::string::npos) {
      EXPECT_LE(columns_of(line), 80u) << line;
    }
  }
}

TEST(StuckText, WhatMovesIsCountedAndNotListed) {
  Stuck stuck = two_mounts();
  OpenRequest& young = request(stuck, 41, 8, 4'000'000);
  young.still_open = false;
  young.name = "moving";
  stuck.ended = 12;
  const std::string text = stuck_text(stuck, {}, 80);
  EXPECT_EQ(text.find("moving"), std::string::npos) << text;
  EXPECT_NE(text.find("Younger than 100 ms: 1. Ended between the two looks: 12."),
            std::string::npos)
      << text;
}

TEST(StuckText, OlderFiltersRequestsAndTasks) {
  Stuck stuck = two_mounts();
  thread(stuck, 9, "find", 'D').asleep_ns = 30 * second;
  stuck.tasks.push_back({9, WaitReason::inode_lock, 41, 5, 0});
  StuckFilter filter;
  filter.older_ns = 60 * second;
  const std::string text = stuck_text(stuck, filter, 80);
  EXPECT_EQ(text.find("/mnt/young (connection 41)"), std::string::npos) << text;
  EXPECT_NE(text.find("/mnt/old (connection 42)"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(stuck_json(stuck, filter));
  EXPECT_EQ(json.at("requests").size(), 1u);
  EXPECT_EQ(json.at("tasks").size(), 0u);
}

TEST(StuckText, TextOfOthersReachesNoTerminalRaw) {
  Stuck stuck = two_mounts();
  const std::string evil = "\x1b[2J\xff";
  stuck.requests[0].name = evil;
  stuck.threads[7].comm = evil;
  stuck.threads[7].path = "/" + evil;
  stuck.threads[7].system_call = "read";
  stuck.threads[7].cgroup = "/" + evil;
  stuck.connections[42].connection.mount = "/" + evil;
  stuck.connections[42].connection.server_comm = evil;
  stuck.cycles = {{7}};
  const std::string text = stuck_text(stuck, {}, 80) + stuck_check(stuck, 1).line;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(text.find('\xff'), std::string::npos);
  EXPECT_NO_THROW(nlohmann::json::parse(stuck_json(stuck, {})));
}

TEST(StuckText, NothingIsStuck) {
  EXPECT_EQ(stuck_text(Stuck(), {}, 80),
            "Nothing is stuck: no request stayed open, and no task is blocked in FUSE.\n");
}

TEST(StuckText, AMountWithoutServerIsNamed) {
  Stuck stuck;
  stuck.connections[41].connection.mount = "/mnt/dead";
  stuck.connections[41].has_server = false;
  EXPECT_NE(stuck_text(stuck, {}, 80).find("/mnt/dead (connection 41): no process has its device"),
            std::string::npos);
}

TEST(StuckCheck, IsOneLineWithTheOldest) {
  const StuckCheck check = stuck_check(two_mounts(), 10 * second);
  EXPECT_TRUE(check.is_stuck);
  EXPECT_EQ(check.line,
            "STUCK: 1 request and 0 tasks older than 10.0 s; oldest: 1 m 15 s, LOOKUP passwd on "
            "/mnt/old (connection 42)");
  const StuckCheck fine = stuck_check(two_mounts(), 100 * second);
  EXPECT_FALSE(fine.is_stuck);
  EXPECT_EQ(fine.line, "OK: nothing is older than 1 m 40 s");
}

TEST(StuckCheck, AnAgeThatIsNotKnownIsNotOld) {
  Stuck stuck = two_mounts();
  for (OpenRequest& one : stuck.requests) {
    one.age_is = AgeIs::unknown;
    one.age_ns = 0;
  }
  EXPECT_FALSE(stuck_check(stuck, 1).is_stuck);
}

TEST(CycleText, IsOneSentenceWithTheWayOut) {
  Stuck stuck = two_mounts();
  stuck.requests.clear();
  request(stuck, 41, 410, 3 * second);
  EXPECT_EQ(cycle_text(stuck, {410}),
            "Deadlock: sshfs 410 waits for LOOKUP passwd on /mnt/young, which only itself could "
            "answer. Only an abort ends it: echo 1 > /sys/fs/fuse/connections/41/abort");
}

TEST(AgeText, IsInWholeUnits) {
  EXPECT_EQ(age_text(450'000'000), "450 ms");
  EXPECT_EQ(age_text(12 * second), "12.0 s");
  EXPECT_EQ(age_text(312 * second), "5 m 12 s");
  EXPECT_EQ(age_text(11040 * second), "3 h 04 m");
  EXPECT_EQ(age_text(90000 * second), "1 d 01 h");
}

}  // namespace
}  // namespace fusetrace
