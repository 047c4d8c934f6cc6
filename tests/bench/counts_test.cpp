// SPDX-License-Identifier: Apache-2.0
// The bench on real mounts: what it counts is what was made, and pinned
// threads are where they were pinned.
#include <linux/fuse.h>
#include <sched.h>

#include <map>

#include "bench/bench.h"
#include "private_mounts.h"

namespace fusetrace {
namespace {

using Counts = std::map<uint32_t, uint64_t>;

Counts counts(const BenchResult& result) {
  Counts out;
  for (uint32_t op = 0; op < result.opcodes.size(); ++op) {
    if (result.opcodes[op] > 0) out[op] = result.opcodes[op];
  }
  return out;
}

// The first two CPUs that this process may use; the same one twice if there is
// but one.
std::pair<uint32_t, uint32_t> two_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<uint32_t> cpus;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return {cpus.front(), cpus.back()};
}

class Bench : public PrivateMounts {
 protected:
  // Runs it, and checks what holds for every run that was not disturbed.
  static BenchResult run(const BenchOptions& options) {
    const auto result = run_bench(options);
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return {};
    }
    EXPECT_EQ(result->failed_operations, 0u);
    EXPECT_FALSE(result->interrupted);
    EXPECT_EQ(result->same_cpu + result->other_cpu, result->operations);
    EXPECT_EQ(result->reply_same_cpu + result->reply_other_cpu, result->operations);
    EXPECT_EQ(result->latency.count, result->operations);
    EXPECT_LE(result->latency.p50_ns, result->latency.p99_ns);
    EXPECT_LE(result->latency.p99_ns, result->latency.max_ns);
    EXPECT_GE(result->latency.p50_ns, options.service_time_ns);
    EXPECT_GT(result->seconds, 0);
    if (!options.duration) {
      EXPECT_EQ(result->operations, options.operations);
    }
    return *result;
  }

  static BenchOptions options(BenchOperation operation) {
    BenchOptions out;
    out.servers = 3;
    out.clients = 4;
    out.operations = 2002;  // not the same for every client
    out.operation = operation;
    return out;
  }
};

TEST_F(Bench, GetattrMakesOneGetattrEach) {
  EXPECT_EQ(counts(run(options(BenchOperation::getattr))),
            (Counts{{FUSE_INIT, 1}, {FUSE_LOOKUP, 4}, {FUSE_GETATTR, 2002}}));
}

TEST_F(Bench, LookupMakesOneLookupEach) {
  EXPECT_EQ(counts(run(options(BenchOperation::lookup))),
            (Counts{{FUSE_INIT, 1}, {FUSE_LOOKUP, 2002}}));
}

TEST_F(Bench, ReadMakesOneReadEachAndTheReleasesAreWaitedFor) {
  EXPECT_EQ(counts(run(options(BenchOperation::read))), (Counts{{FUSE_INIT, 1},
                                                                {FUSE_LOOKUP, 4},
                                                                {FUSE_OPEN, 4},
                                                                {FUSE_READ, 2002},
                                                                {FUSE_FLUSH, 4},
                                                                {FUSE_RELEASE, 4}}));
}

TEST_F(Bench, WriteMakesOneWriteEach) {
  EXPECT_EQ(counts(run(options(BenchOperation::write))), (Counts{{FUSE_INIT, 1},
                                                                 {FUSE_LOOKUP, 4},
                                                                 {FUSE_OPEN, 4},
                                                                 {FUSE_WRITE, 2002},
                                                                 {FUSE_FLUSH, 4},
                                                                 {FUSE_RELEASE, 4}}));
}

TEST_F(Bench, MixedTakesTheFourInTurn) {
  // 501, 501, 500 and 500 operations; the 501st of a client is a GETATTR.
  // Two walks to the file of each client are LOOKUPs too.
  EXPECT_EQ(counts(run(options(BenchOperation::mixed))), (Counts{{FUSE_INIT, 1},
                                                                 {FUSE_GETATTR, 502},
                                                                 {FUSE_LOOKUP, 500 + 8},
                                                                 {FUSE_OPEN, 4},
                                                                 {FUSE_READ, 500},
                                                                 {FUSE_WRITE, 500},
                                                                 {FUSE_FLUSH, 4},
                                                                 {FUSE_RELEASE, 4}}));
}

TEST_F(Bench, EveryWayToReadServesEveryOperation) {
  for (const auto reader : {BenchReader::read, BenchReader::readv, BenchReader::splice}) {
    for (const int flags : {0, 1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << "reader " << int(reader) << " flags " << flags);
      BenchOptions asked = options(BenchOperation::mixed);
      asked.reader = reader;
      asked.clone_fd = (flags & 1) != 0;
      asked.nonblock = (flags & 2) != 0;
      const BenchResult result = run(asked);
      EXPECT_EQ(result.opcodes[FUSE_READ], 500u);
      EXPECT_EQ(result.opcodes[FUSE_WRITE], 500u);
      EXPECT_EQ(result.opcodes[FUSE_RELEASE], 4u);
    }
  }
}

TEST_F(Bench, PinnedApartNothingIsOnTheSameCpu) {
  const auto [first, second] = two_cpus();
  if (first == second) GTEST_SKIP() << "needs two CPUs";
  BenchOptions asked = options(BenchOperation::getattr);
  asked.client_cpus = {first};
  asked.server_cpus = {second};
  const BenchResult result = run(asked);
  EXPECT_EQ(result.same_cpu, 0u);
  EXPECT_EQ(result.reply_same_cpu, 0u);
  EXPECT_EQ(result.other_cpu, 2002u);
  EXPECT_EQ(result.cpus, (std::vector<uint32_t>{first, second}));
  EXPECT_EQ(result.matrix, (std::vector<std::vector<uint64_t>>{{0, 2002}, {0, 0}}));
}

TEST_F(Bench, PinnedTogetherNothingIsOnAnotherCpu) {
  const auto [first, second] = two_cpus();
  BenchOptions asked = options(BenchOperation::mixed);
  asked.client_cpus = {second};
  asked.server_cpus = {second};
  const BenchResult result = run(asked);
  EXPECT_EQ(result.other_cpu, 0u);
  EXPECT_EQ(result.reply_other_cpu, 0u);
  EXPECT_EQ(result.cpus, (std::vector<uint32_t>{second}));
  EXPECT_EQ(result.matrix, (std::vector<std::vector<uint64_t>>{{2002}}));
}

TEST_F(Bench, SpreadGivesEachThreadItsOwnCpu) {
  const auto [first, second] = two_cpus();
  if (first == second) GTEST_SKIP() << "needs two CPUs";
  BenchOptions asked = options(BenchOperation::getattr);
  asked.client_cpus = {first, second};
  asked.server_cpus = {second};
  asked.spread = true;
  const BenchResult result = run(asked);
  // Clients 0 and 1 have 501 operations, 2 and 3 have 500.
  EXPECT_EQ(result.matrix, (std::vector<std::vector<uint64_t>>{{0, 1001}, {0, 1001}}));
}

TEST_F(Bench, DurationEndsTheLoad) {
  BenchOptions asked = options(BenchOperation::getattr);
  asked.duration = std::chrono::milliseconds(200);
  const BenchResult result = run(asked);
  EXPECT_GE(result.seconds, 0.19);
  EXPECT_GT(result.operations, 0u);
  EXPECT_EQ(result.opcodes[FUSE_GETATTR], result.operations);
}

TEST_F(Bench, ServiceTimeIsPartOfEveryLatencyAndThinkTimeOfNone) {
  BenchOptions asked = options(BenchOperation::getattr);
  asked.clients = 1;
  asked.servers = 1;
  asked.operations = 20;
  asked.service_time_ns = 2000000;
  EXPECT_GE(run(asked).latency.mean_ns, 2000000u);
  asked.service_time_ns = 0;
  asked.think_time_ns = 5000000;
  const BenchResult thinking = run(asked);
  EXPECT_GE(thinking.seconds, 20 * 0.005);
  EXPECT_LT(thinking.latency.p50_ns, 5000000u);
}

TEST_F(Bench, FewerOperationsThanClientsAreEnough) {
  BenchOptions asked = options(BenchOperation::read);
  asked.operations = 1;
  EXPECT_EQ(run(asked).opcodes[FUSE_READ], 1u);
}

TEST_F(Bench, AGivenMountPointStaysEvenWithABlankInItsName) {
  const std::string mount_point = directory_ + "/with a blank";
  std::filesystem::create_directory(mount_point);
  BenchOptions asked = options(BenchOperation::getattr);
  asked.mount_point = mount_point;
  run(asked);
  EXPECT_EQ(bench_mounts(), 0);
  EXPECT_TRUE(std::filesystem::remove(mount_point));
}

TEST_F(Bench, ErrorsNameWhatIsWrong) {
  const auto message = [](const BenchOptions& wrong) {
    const auto result = run_bench(wrong);
    return result ? "no error" : result.error().message + " (" + result.error().hint + ")";
  };
  BenchOptions wrong;
  wrong.mount_point = directory_ + "/nowhere";
  EXPECT_EQ(message(wrong), "cannot mount on " + directory_ +
                                "/nowhere: No such file or directory "
                                "(give a directory that is there, or none for a private one)");
  wrong.mount_point = "/proc/self/status";
  EXPECT_NE(message(wrong).find("Not a directory"), std::string::npos);
  wrong = {};
  wrong.servers = 0;
  EXPECT_EQ(message(wrong), "cannot run with 0 servers (ask for 1 to 1024)");
  wrong = {};
  wrong.clients = 1025;
  EXPECT_EQ(message(wrong), "cannot run with 1025 clients (ask for 1 to 1024)");
  wrong = {};
  wrong.client_cpus = {60000};
  EXPECT_EQ(message(wrong).find("CPU 60000 is not online"), 0u);
}

}  // namespace
}  // namespace fusetrace
