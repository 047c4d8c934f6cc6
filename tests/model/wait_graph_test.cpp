// SPDX-License-Identifier: Apache-2.0
#include "model/wait_graph.h"

#include <gtest/gtest.h>

namespace fusetrace {
namespace {

using Cycles = std::vector<std::vector<uint32_t>>;

constexpr uint64_t second = 1'000'000'000;

struct Scene {
  Stuck stuck;

  void server(uint32_t connection, uint32_t tid, WaitReason waits_for = WaitReason::nothing,
              const std::string& blocked_in = {}) {
    StuckThread& thread = stuck.threads[tid];
    thread.tid = tid;
    thread.waits_for = waits_for;
    thread.blocked_in = blocked_in;
    thread.serves.push_back(connection);
    stuck.connections[connection].servers.push_back(tid);
  }

  OpenRequest& request(uint32_t connection, uint32_t client, OpenStage stage) {
    StuckThread& thread = stuck.threads[client];
    thread.tid = client;
    thread.waits_for = WaitReason::request;
    OpenRequest& one = stuck.requests.emplace_back();
    one.connection = connection;
    one.client = client;
    one.stage = stage;
    one.age_is = AgeIs::jiffies;
    one.age_ns = 10 * second;
    return one;
  }

  void lock_wait(uint32_t connection, uint32_t tid, uint32_t holder) {
    stuck.threads[tid].tid = tid;
    stuck.threads[tid].waits_for = WaitReason::inode_lock;
    stuck.tasks.push_back({tid, WaitReason::inode_lock, connection, 1, holder});
  }

  Cycles cycles() {
    find_servers(stuck);
    return find_cycles(stuck);
  }
};

TEST(WaitGraph, NothingOpenIsNoCycle) { EXPECT_EQ(Scene().cycles(), Cycles()); }

TEST(WaitGraph, AClientThatWaitsForABusyServerIsNoCycle) {
  Scene scene;
  scene.server(1, 10, WaitReason::nothing, "hrtimer_nanosleep");
  scene.request(1, 20, OpenStage::serving);
  EXPECT_EQ(scene.cycles(), Cycles());
  EXPECT_EQ(scene.stuck.requests[0].servers, std::vector<uint32_t>{10});
}

TEST(WaitGraph, AServerOfOneThreadThatAsksItselfIsACycleOfOne) {
  Scene scene;
  scene.server(1, 10);
  scene.request(1, 20, OpenStage::serving);
  scene.request(1, 10, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), (Cycles{{10}}));
}

TEST(WaitGraph, AnIdleThreadOfTheServerCanHelp) {
  Scene scene;
  scene.server(1, 10);
  scene.server(1, 11, WaitReason::device);
  scene.request(1, 10, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), Cycles());
}

TEST(WaitGraph, AThreadThatIsBlockedElsewhereMayHelp) {
  Scene scene;
  scene.server(1, 10);
  scene.server(1, 11, WaitReason::nothing, "futex_wait_queue");
  scene.request(1, 10, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), Cycles());
}

TEST(WaitGraph, TwoServersThatAskEachOtherAreACycleOfTwo) {
  Scene scene;
  scene.server(1, 10);
  scene.server(2, 20);
  scene.request(2, 10, OpenStage::queued);
  scene.request(1, 20, OpenStage::queued);
  scene.request(1, 30, OpenStage::serving);
  EXPECT_EQ(scene.cycles(), (Cycles{{10, 20}}));
}

TEST(WaitGraph, AllThreadsOfAServerThatAskItAreOneSet) {
  Scene scene;
  for (uint32_t tid = 10; tid < 14; ++tid) scene.server(1, tid);
  for (uint32_t tid = 10; tid < 14; ++tid) scene.request(1, tid, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), (Cycles{{10}}));
}

TEST(WaitGraph, AChainThatEndsAtAStoppedServerIsNoCycle) {
  Scene scene;
  scene.server(1, 10);
  scene.server(2, 20, WaitReason::nothing, "do_signal_stop");
  scene.request(2, 10, OpenStage::queued);
  scene.request(1, 30, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), Cycles());
}

TEST(WaitGraph, ALockHeldByAClientClosesACycle) {
  Scene scene;
  scene.server(1, 10);
  scene.request(1, 20, OpenStage::serving);  // holds the directory's lock
  scene.lock_wait(1, 10, 20);
  EXPECT_EQ(scene.cycles(), (Cycles{{10, 20}}));
}

TEST(WaitGraph, AWaiterBehindACycleIsNotInIt) {
  Scene scene;
  scene.server(1, 10);
  scene.request(1, 10, OpenStage::queued);
  scene.lock_wait(1, 5, 6);
  scene.request(1, 6, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), (Cycles{{10}}));
}

TEST(WaitGraph, AConnectionWithoutServersIsNoCycle) {
  Scene scene;
  scene.request(1, 10, OpenStage::queued);
  EXPECT_EQ(scene.cycles(), Cycles());
}

TEST(FindServers, WhoSleptLongerThanTheRequestIsOldDidNotTakeIt) {
  Scene scene;
  scene.server(1, 10, WaitReason::nothing, "futex_wait_queue");
  scene.server(1, 11, WaitReason::nothing, "hrtimer_nanosleep");
  scene.server(1, 12, WaitReason::device);
  scene.stuck.threads[10].asleep_ns = 3600 * second;
  scene.stuck.threads[11].asleep_ns = 9 * second;
  scene.request(1, 20, OpenStage::serving);
  scene.cycles();
  EXPECT_EQ(scene.stuck.requests[0].servers, std::vector<uint32_t>{11});
}

TEST(FindServers, ARequestThatNobodyTookHasNone) {
  Scene scene;
  scene.server(1, 10);
  scene.request(1, 20, OpenStage::queued);
  scene.cycles();
  EXPECT_TRUE(scene.stuck.requests[0].servers.empty());
}

TEST(FindServers, WithoutAnAgeEveryThreadThatIsNotIdleCanHaveIt) {
  Scene scene;
  scene.server(1, 10, WaitReason::nothing, "futex_wait_queue");
  scene.server(1, 11, WaitReason::nothing, "hrtimer_nanosleep");
  scene.server(1, 12, WaitReason::nothing, "ep_poll");
  scene.stuck.threads[10].asleep_ns = 3600 * second;
  OpenRequest& request = scene.request(1, 20, OpenStage::serving);
  request.age_is = AgeIs::unknown;
  request.age_ns = 0;
  scene.cycles();
  EXPECT_EQ(scene.stuck.requests[0].servers, (std::vector<uint32_t>{10, 11}));
}

}  // namespace
}  // namespace fusetrace
