// SPDX-License-Identifier: Apache-2.0
// A recording against a load that knows the truth: every request counted, and
// seen where both sides saw themselves.
#include <sched.h>

#include <numeric>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

const Words full_load{"--servers", "4", "--clients", "4", "--requests", "20000"};

// Hops of the requests that operations made, which are those that the bench
// knows the CPUs of; the few around them (INIT, OPEN, FORGET) are left out.
struct Hops {
  uint64_t same = 0;
  uint64_t other = 0;
  uint64_t unknown = 0;
};

Hops hops_of(const Json& report, const Words& opcodes) {
  Hops out;
  for (const std::string& opcode : opcodes) {
    for (const auto& [distance, count] :
         report.at("opcodes").at(opcode).at("hops").at("request").items()) {
      const auto n = count.get<uint64_t>();
      (distance == "same_cpu" ? out.same : distance == "unknown" ? out.unknown : out.other) += n;
    }
  }
  return out;
}

struct Load {
  const char* name;
  Words options;
  Words opcodes{"GETATTR"};
};

void PrintTo(const Load& load, std::ostream* out) { *out << load.name; }

class Agreement : public Capture, public testing::WithParamInterface<Load> {};

TEST_P(Agreement, EveryRequestIsCountedWhereItRan) {
  const Load& load = GetParam();
  const Json truth = record_bench(full_load + load.options);
  ASSERT_GT(truth.value("connection", 0), 0);
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
  EXPECT_EQ(seen.at("requests"), truth.at("requests"));
  EXPECT_TRUE(nothing_lost(seen));
  EXPECT_EQ(seen.at("incomplete"), 0);

  const Hops hops = hops_of(seen, load.opcodes);
  EXPECT_EQ(hops.unknown, 0u);
  const double same = truth.at("same_cpu");
  const double other = truth.at("other_cpu");
  ASSERT_GT(same + other, 0);
  ASSERT_GT(hops.same + hops.other, 0u);
  EXPECT_NEAR(static_cast<double>(hops.same) / static_cast<double>(hops.same + hops.other),
              same / (same + other), 0.01);
}

INSTANTIATE_TEST_SUITE_P(
    Kernel, Agreement,
    testing::Values(Load{"getattr", {}}, Load{"lookup", {"--op", "lookup"}, {"LOOKUP"}},
                    Load{"read", {"--op", "read"}, {"READ"}},
                    Load{"write", {"--op", "write"}, {"WRITE"}},
                    Load{"mixed", {"--op", "mixed"}, {"GETATTR", "LOOKUP", "READ", "WRITE"}},
                    Load{"readv", {"--reader", "readv"}}, Load{"splice", {"--reader", "splice"}},
                    Load{"splice_write", {"--reader", "splice", "--op", "write"}, {"WRITE"}},
                    Load{"nonblock", {"--nonblock"}},
                    Load{"nonblock_readv", {"--nonblock", "--reader", "readv"}},
                    Load{"nonblock_splice", {"--nonblock", "--reader", "splice"}},
                    Load{"clone_fd", {"--clone-fd"}},
                    Load{"clone_fd_splice_mixed",
                         {"--clone-fd", "--reader", "splice", "--op", "mixed"},
                         {"GETATTR", "LOOKUP", "READ", "WRITE"}}),
    [](const auto& load) { return std::string(load.param.name); });

class OverIoUring : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (!IsSkipped() && !switch_io_uring_on()) {
      GTEST_SKIP() << "this kernel has no FUSE over io_uring";
    }
  }
  void TearDown() override {
    switch_io_uring_back();
    Capture::TearDown();
  }
};

TEST_F(OverIoUring, EveryRequestIsCountedWhereItRan) {
  const Json truth = record_bench(full_load + Words{"--op", "mixed", "--transport", "io_uring"});
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
  EXPECT_TRUE(nothing_lost(seen));
  EXPECT_EQ(seen.at("incomplete"), 0);
  // INIT alone came over the device.
  EXPECT_EQ(seen.at("transports").at("dev"), 1);
  EXPECT_EQ(seen.at("transports").at("io_uring"), seen.at("requests").get<uint64_t>() - 1);
  const Hops hops = hops_of(seen, {"GETATTR", "LOOKUP", "READ", "WRITE"});
  EXPECT_EQ(hops.unknown, 0u);
  const double same = truth.at("same_cpu");
  EXPECT_NEAR(static_cast<double>(hops.same) / static_cast<double>(hops.same + hops.other),
              same / (same + truth.at("other_cpu").get<double>()), 0.01);
}

TEST_F(OverIoUring, PinnedLoadsAreExact) {
  for (const bool same : {true, false}) {
    const Json truth = record_bench(full_load + Words{"--transport", "io_uring", "--client-cpus",
                                                      "0", "--server-cpus", same ? "0" : "1"});
    const Json seen = report(truth.at("connection"));
    EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
    EXPECT_TRUE(nothing_lost(seen));
    const Hops hops = hops_of(seen, {"GETATTR"});
    EXPECT_EQ(same ? hops.same : hops.other, 20000u);
    EXPECT_EQ(same ? hops.other : hops.same, 0u);
  }
}

class Pinned : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus_.push_back(std::to_string(cpu));
    }
  }

  Words cpus_;
};

TEST_F(Pinned, ToOneCpuEveryHopStaysOnIt) {
  const Json truth =
      record_bench(full_load + Words{"--client-cpus", cpus_[0], "--server-cpus", cpus_[0]});
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
  EXPECT_TRUE(nothing_lost(seen));
  const Hops hops = hops_of(seen, {"GETATTR"});
  EXPECT_EQ(hops.same, 20000u);
  EXPECT_EQ(hops.other + hops.unknown, 0u);
  EXPECT_EQ(seen.at("opcodes").at("GETATTR").at("hops").at("reply").at("same_cpu"), 20000);
  for (const auto& [phase, count] : seen.at("opcodes").at("GETATTR").at("migrations").items()) {
    EXPECT_EQ(count, 0) << phase;
  }
}

TEST_F(Pinned, ToTwoCpusNoHopStaysOnOne) {
  if (cpus_.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const Json truth =
      record_bench(full_load + Words{"--client-cpus", cpus_[0], "--server-cpus", cpus_[1]});
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
  EXPECT_TRUE(nothing_lost(seen));
  const Hops hops = hops_of(seen, {"GETATTR"});
  EXPECT_EQ(hops.other, 20000u);
  EXPECT_EQ(hops.same + hops.unknown, 0u);
  EXPECT_EQ(seen.at("opcodes").at("GETATTR").at("hops").at("reply").at("same_cpu"), 0);
}

TEST_F(Capture, StagesAddUpToTheTotalToTheNanosecond) {
  const Json truth =
      record_bench({"--servers", "4", "--clients", "4", "--requests", "4000", "--op", "mixed"});
  uint64_t complete = 0;
  uint64_t with_wakeup = 0;
  for (const Json& request : requests(truth.at("connection"))) {
    const Json& queue = request.at("queue_ns");
    const Json& service = request.at("service_ns");
    const Json& back = request.at("return_ns");
    if (queue.is_null() || service.is_null() || back.is_null()) continue;
    ASSERT_FALSE(request.at("total_ns").is_null()) << request;
    ASSERT_EQ(queue.get<uint64_t>() + service.get<uint64_t>() + back.get<uint64_t>(),
              request.at("total_ns").get<uint64_t>())
        << request;
    ++complete;
    if (!request.at("wakeup_ns").is_null()) {
      ASSERT_LE(request.at("wakeup_ns").get<uint64_t>(), queue.get<uint64_t>()) << request;
      ++with_wakeup;
    }
  }
  // All but what has no client that waits.
  EXPECT_GE(complete, 4000u);
  EXPECT_GT(with_wakeup, 0u);
}

}  // namespace
}  // namespace fusetrace::test
