// SPDX-License-Identifier: Apache-2.0
// The protocol of bpf/slot.h, its own functions executed: whatever happens at once, every
// record is of one request, is handed over once, and the slot becomes free. And each ordering
// and check is needed: without it something of that goes wrong.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "interleavings/slot_casts.h"
#include "interleavings/slot_orderings.h"

namespace fusetrace::interleavings {
namespace {

constexpr Memory kMemories[] = {Memory::kSequential, Memory::kTotalStore, Memory::kWeak};

std::string name_for_gtest(std::string text) {
  for (char& c : text) {
    if (c == ' ' || c == '\'') c = '_';
  }
  return text;
}

class SlotProtocol : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SlotProtocol, NothingGoesWrong) {
  const SlotCast& cast = slot_casts()[GetParam()];
  for (const unsigned fields : cast.followed) {
    for (const Memory memory : kMemories) {
      const Outcome outcome = search(cast, fields, memory, "");
      std::string trace;
      for (const std::string& line : outcome.trace) trace += "  " + line + "\n";
      EXPECT_EQ(outcome.fault, "") << name_of(memory) << ", fields " << fields << "\n" << trace;
      EXPECT_TRUE(outcome.complete || !outcome.fault.empty()) << name_of(memory);
      EXPECT_GT(outcome.ends, 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Casts, SlotProtocol, ::testing::Range<std::size_t>(0, slot_casts().size()),
                         [](const auto& param) {
                           return name_for_gtest(slot_casts()[param.param].name);
                         });

class SlotOrdering : public ::testing::TestWithParam<std::size_t> {};

const std::string& document() {
  static const std::string text = [] {
    std::ifstream file(FUSETRACE_SOURCE_DIR "/docs/protocol.md");
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }();
  return text;
}

// Also that docs/protocol.md has what was found (scripts/protocol-table writes it).
TEST_P(SlotOrdering, IsNeeded) {
  const Ordering& ordering = orderings()[GetParam()];
  bool fails = false;
  for (const Memory memory : kMemories) {
    fails |= !failure_without(ordering, memory).empty();
  }
  EXPECT_TRUE(fails) << ordering.keeps;
  EXPECT_NE(document().find(table_row(ordering)), std::string::npos)
      << "docs/protocol.md is not up to date: scripts/protocol-table writes\n"
      << table_row(ordering);
}

INSTANTIATE_TEST_SUITE_P(Rules, SlotOrdering, ::testing::Range<std::size_t>(0, orderings().size()),
                         [](const auto& param) {
                           return std::string(orderings()[param.param].rule);
                         });

TEST(SlotOrderings, AreAllInTheTable) {
  for (const SlotCast& cast : slot_casts()) search(cast, cast.followed[0], Memory::kSequential, "");
  std::set<std::string> in_table;
  for (const Ordering& ordering : orderings()) in_table.insert(ordering.rule);
  EXPECT_EQ(in_table, CallTree::rules_met());
}

}  // namespace
}  // namespace fusetrace::interleavings
