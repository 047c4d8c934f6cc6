// SPDX-License-Identifier: Apache-2.0
// The queueing protocol loses no wakeup under any memory model; without any one of its
// rules it does, which also shows that the search can find it.
#include "patches/queue_protocol.h"

#include <gtest/gtest.h>

namespace fusetrace::patches {
namespace {

constexpr Memory kMemories[] = {Memory::kSequential, Memory::kTotalStore, Memory::kWeak};

TEST(QueueProtocol, LosesNothingWithAllRules) {
  for (Memory memory : kMemories) {
    for (Cast cast : all_casts()) {
      const Outcome outcome = search(cast, memory, Rule::kNone);
      EXPECT_TRUE(outcome.complete) << name_of(cast) << ", " << name_of(memory);
      EXPECT_FALSE(outcome.lost_wakeup) << name_of(cast) << ", " << name_of(memory);
      EXPECT_FALSE(outcome.miscounted) << name_of(cast) << ", " << name_of(memory);
      EXPECT_GT(outcome.states, 30U);
    }
  }
}

// The smallest cast that shows what a rule is for.
Cast witness_of(Rule rule) {
  switch (rule) {
    case Rule::kAllIdleQueues:
    case Rule::kAllShards:
      return Cast::kForeignQueuer;
    case Rule::kControlQueue:
      return Cast::kControl;
    case Rule::kConnected:
      return Cast::kAbort;
    case Rule::kChosenLooksAgain:
      return Cast::kSignal;
    default:
      return Cast::kOneQueuer;
  }
}

bool loses(Memory memory, Rule rule) {
  const Outcome outcome = search(witness_of(rule), memory, rule);
  EXPECT_FALSE(outcome.miscounted) << name_of(rule);
  EXPECT_TRUE(outcome.lost_wakeup ? !outcome.trace.empty() : outcome.complete) << name_of(rule);
  return outcome.lost_wakeup;
}

TEST(QueueProtocol, EveryRuleIsNeeded) {
  for (Rule rule : all_rules()) EXPECT_TRUE(loses(Memory::kWeak, rule)) << name_of(rule);
}

// Where every store is seen at once there is nothing for a barrier to do: that the search
// finds nothing there shows that it is the memory model that the other test exercises.
TEST(QueueProtocol, BarriersMatterOnlyWhereStoresWait) {
  EXPECT_FALSE(loses(Memory::kSequential, Rule::kQueuerBarrier));
  EXPECT_FALSE(loses(Memory::kSequential, Rule::kSleeperBarrier));
  EXPECT_TRUE(loses(Memory::kTotalStore, Rule::kQueuerBarrier));
  EXPECT_TRUE(loses(Memory::kTotalStore, Rule::kSleeperBarrier));
}

}  // namespace
}  // namespace fusetrace::patches
