// SPDX-License-Identifier: Apache-2.0
// What the threads counted, added up; and how a client is found by its thread.
#include "bench/results.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

namespace fusetrace {
namespace {

TEST(BenchResults, AddUpOverAllThreads) {
  auto memory = SharedMemory::create(2, 2, 4);
  ASSERT_TRUE(memory);
  memory->servers()[0].opcodes[FUSE_READ] = 10;
  memory->servers()[1].opcodes[FUSE_READ] = 5;
  memory->servers()[1].other_opcodes = 1;
  memory->matrix(0)[1 * 4 + 1] = 6;
  memory->matrix(1)[1 * 4 + 3] = 9;
  for (unsigned i = 0; i < 2; ++i) {
    ClientCounts& client = memory->clients()[i];
    client.operations = 7 + i;
    client.reply_same_cpu = 3;
    client.reply_other_cpu = 4 + i;
    client.start_ns = 1000000000 - i * 500000000;
    client.end_ns = 2000000000 - i * 500000000;
    client.latency.add(100 * (i + 1));
  }
  const BenchResult result = collect_results(*memory);
  EXPECT_EQ(result.requests(), 16u);
  EXPECT_EQ(result.opcodes[FUSE_READ], 15u);
  EXPECT_EQ(result.operations, 15u);
  EXPECT_DOUBLE_EQ(result.seconds, 1.5);
  EXPECT_EQ(result.same_cpu, 6u);
  EXPECT_EQ(result.other_cpu, 9u);
  EXPECT_EQ(result.reply_same_cpu, 6u);
  EXPECT_EQ(result.reply_other_cpu, 9u);
  EXPECT_EQ(result.latency.count, 2u);
  EXPECT_EQ(result.latency.max_ns, 200u);
}

TEST(BenchResults, MatrixNamesTheCpusThatWereUsedOnEitherSide) {
  auto memory = SharedMemory::create(1, 1, 4);
  ASSERT_TRUE(memory);
  memory->matrix(0)[1 * 4 + 3] = 9;
  const BenchResult result = collect_results(*memory);
  EXPECT_EQ(result.cpus, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(result.matrix, (std::vector<std::vector<uint64_t>>{{0, 9}, {0, 0}}));
}

TEST(BenchResults, AClientIsFoundByItsThreadAndNobodyElseIs) {
  auto memory = SharedMemory::create(1, 3, 1);
  ASSERT_TRUE(memory);
  // These collide in a table of 16 entries.
  memory->register_client(100, 0);
  memory->register_client(116, 1);
  memory->register_client(101, 2);
  EXPECT_EQ(memory->find_client(100), 0);
  EXPECT_EQ(memory->find_client(116), 1);
  EXPECT_EQ(memory->find_client(101), 2);
  EXPECT_EQ(memory->find_client(132), -1);
  EXPECT_EQ(memory->find_client(0), -1);
}

}  // namespace
}  // namespace fusetrace
