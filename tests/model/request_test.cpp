// SPDX-License-Identifier: Apache-2.0
// What follows from a single record: stages, hops, placements.
#include "model/request.h"

#include <gtest/gtest.h>

#include "support/requests.h"

namespace fusetrace {
namespace {

using test::make_request;

TEST(Stages, AddUpToTheTotalToTheNanosecond) {
  const ft_request r = make_request({.queue_ns = 3001, .service_ns = 5003, .return_ns = 4007});
  const Stages stages = stages_of(r);
  EXPECT_EQ(*stages[Stage::queue] + *stages[Stage::service] + *stages[Stage::back],
            *stages[Stage::total]);
  EXPECT_EQ(*stages[Stage::total], 3001u + 5003u + 4007u);
}

TEST(Stages, WhatWasNotSeenIsUnknownAndNever0) {
  ft_request r = make_request();
  r.picked_up_ns = 0;
  const Stages stages = stages_of(r);
  EXPECT_FALSE(stages.known(Stage::queue));
  EXPECT_FALSE(stages.known(Stage::service));
  EXPECT_TRUE(stages.known(Stage::back));
  EXPECT_TRUE(stages.known(Stage::total));
  EXPECT_FALSE(stages.backwards);
}

TEST(Stages, AStageOfNoLengthIsKnown) {
  ft_request r = make_request();
  r.resumed_ns = r.replied_ns;
  EXPECT_EQ(stages_of(r)[Stage::back], 0u);
}

TEST(Stages, WakeupIsMeasuredOnlyForTheThreadThatTookIt) {
  EXPECT_TRUE(stages_of(make_request({.pickup = FT_PICKUP_WOKEN})).known(Stage::wakeup));
  EXPECT_FALSE(stages_of(make_request({.pickup = FT_PICKUP_POACHED})).known(Stage::wakeup));
  EXPECT_FALSE(stages_of(make_request({.pickup = FT_PICKUP_BUSY})).known(Stage::wakeup));
}

TEST(Stages, AsyncEndsWithTheReply) {
  const ft_request r = make_request({.kind = FT_KIND_ASYNC});
  const Stages stages = stages_of(r);
  EXPECT_FALSE(stages.known(Stage::back));
  EXPECT_EQ(*stages[Stage::total], r.replied_ns - r.queued_ns);
}

TEST(Stages, NoreplyEndsWithThePickup) {
  const Stages stages = stages_of(make_request({.kind = FT_KIND_NOREPLY}));
  EXPECT_TRUE(stages.known(Stage::queue));
  EXPECT_FALSE(stages.known(Stage::service));
  EXPECT_FALSE(stages.known(Stage::total));
}

TEST(Stages, AClockThatGoesBackwardsLeavesTheStageUnknown) {
  ft_request r = make_request();
  r.picked_up_ns = r.queued_ns - 1;
  const Stages stages = stages_of(r);
  EXPECT_TRUE(stages.backwards);
  EXPECT_FALSE(stages.known(Stage::queue));
  EXPECT_TRUE(stages.known(Stage::total));
}

TEST(Stages, AWakeupThatIsNotWithinTheQueueStageIsAClockGoneBackwards) {
  ft_request late = make_request();
  late.server_running_ns = late.picked_up_ns + 1;
  EXPECT_TRUE(stages_of(late).backwards);
  EXPECT_FALSE(stages_of(late).known(Stage::wakeup));
  EXPECT_TRUE(stages_of(late).known(Stage::queue));
  ft_request early = make_request();
  early.server_waking_ns = early.queued_ns - 1;
  EXPECT_TRUE(stages_of(early).backwards);
  EXPECT_FALSE(stages_of(early).known(Stage::wakeup));
}

TEST(Migrations, APlacementThatWasNotSeenIsNone) {
  ft_request r = make_request({.server_cpu = 1, .server_prev_cpu = 1, .server_target_cpu = 0});
  EXPECT_EQ(migrations_of(r, Migration::server_wakeup), 1u);
  r.server_target_cpu = FT_CPU_UNKNOWN;
  EXPECT_EQ(migrations_of(r, Migration::server_wakeup), 0u);
  r.server_prev_cpu = FT_CPU_UNKNOWN;
  r.server_target_cpu = 0;
  EXPECT_EQ(migrations_of(r, Migration::server_wakeup), 0u);
}

TEST(Placement, IsByWhereItSleptAndWhoWokeIt) {
  EXPECT_EQ(placement(3, 3, 3), Placement::kept);
  EXPECT_EQ(placement(3, 3, 0), Placement::kept);
  EXPECT_EQ(placement(3, 0, 0), Placement::pulled);
  EXPECT_EQ(placement(3, 5, 0), Placement::moved);
  EXPECT_EQ(placement(FT_CPU_UNKNOWN, 5, 0), Placement::unknown);
  EXPECT_EQ(placement(3, FT_CPU_UNKNOWN, 0), Placement::unknown);
  EXPECT_EQ(placement(3, 5, FT_CPU_UNKNOWN), Placement::unknown);
}

TEST(Hop, OnlyAWaitingClientHasAWayBack) {
  EXPECT_TRUE(has_reply_hop(make_request({.kind = FT_KIND_SYNC})));
  EXPECT_FALSE(has_reply_hop(make_request({.kind = FT_KIND_ASYNC})));
  EXPECT_FALSE(has_reply_hop(make_request({.kind = FT_KIND_NOREPLY})));
}

TEST(Topology, TheNearestThatTwoCpusShareIsTheirDistance) {
  const Topology topology({{.id = 0, .core = 0, .llc = 0, .node = 0},
                           {.id = 4, .core = 0, .llc = 0, .node = 0},
                           {.id = 1, .core = 1, .llc = 0, .node = 0},
                           {.id = 2, .core = 2, .llc = 2, .node = 0},
                           {.id = 3, .core = 3, .llc = 3, .node = 1}});
  EXPECT_EQ(topology.distance(0, 0), Distance::same_cpu);
  EXPECT_EQ(topology.distance(0, 4), Distance::same_core);
  EXPECT_EQ(topology.distance(4, 1), Distance::same_llc);
  EXPECT_EQ(topology.distance(1, 2), Distance::same_node);
  EXPECT_EQ(topology.distance(3, 2), Distance::cross_node);
  EXPECT_EQ(topology.distance(0, 77), Distance::unknown);  // came after the capture's start
  EXPECT_EQ(topology.distance(77, 77), Distance::same_cpu);
}

}  // namespace
}  // namespace fusetrace
