// SPDX-License-Identifier: Apache-2.0
// Captures in the middle of which something goes wrong for the traced: nothing is
// lost without being counted, nothing hangs, others are counted on, nothing is left.
#include <sys/mount.h>

#include <csignal>
#include <fstream>
#include <set>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

constexpr uint64_t id_step = 2;  // FUSE_REQ_ID_STEP: how a connection numbers its requests

class Disturbed : public Capture, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    const bool io_uring = std::string(GetParam()) == "io_uring";
    if (io_uring && !switch_io_uring_on()) {
      GTEST_SKIP() << "this kernel has no FUSE over io_uring";
    }
    record_ = std::make_unique<Process>(fusetrace({"record", "-o", recording_, "-d", "10m"}));
    ASSERT_TRUE(tracing(*record_));
    objects_ = bpf_objects_of(record_->pid());
    ASSERT_GE(objects_.size(), 10u);
    // Requests wait most of the time, some for a server and some for its answer.
    bench_ = start_bench("mnt", transport() + Words{"--servers", "2", "--clients", "4",
                                                    "--service-time", "1000000"});
  }
  void TearDown() override {
    bench_.process.reset();
    record_.reset();
    switch_io_uring_back();
    Capture::TearDown();
  }

  Words transport() const {
    return std::string(GetParam()) == "io_uring" ? Words{"--transport", "io_uring"} : Words{};
  }

  // After the disturbance: the bench ends by itself, however.
  void expect_the_rest_in_order() {
    EXPECT_NE(bench_.process->finish().status, -1);
    // Another one is counted to the last request.
    const Result another = run(
        fusetrace(Words{"bench", "--json", "--requests", "2000", "--op", "mixed"} + transport()));
    ASSERT_EQ(another.status, 0) << another.err;
    const Json truth = Json::parse(another.out);

    record_->send_signal(SIGINT);
    const Result ended = record_->finish();
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_TRUE(wait_for([&] { return still_there(objects_).empty(); }));

    const Json seen = report(bench_.connection);
    EXPECT_TRUE(nothing_lost(seen));
    EXPECT_EQ(seen.at("truncated"), false);
    expect_every_number(seen);
    // The number of a connection that has gone may be given again.
    if (truth.at("connection") != bench_.connection) {
      EXPECT_EQ(opcode_counts(report(truth.at("connection"))), opcode_counts(truth));
    }
  }

  // Each request once, and none missing but as many as are told to be incomplete.
  void expect_every_number(const Json& seen) {
    std::set<uint64_t> numbers;
    uint64_t missing = 0;
    const std::vector<Json> all = requests(bench_.connection);
    ASSERT_GT(all.size(), 100u);
    for (const Json& request : all) {
      // With a second connection of the same number, which starts over, at INIT.
      if (request.at("opcode") == "INIT") {
        missing += missing_in(numbers);
        numbers.clear();
      }
      // Numbered as what it interrupts, with the last bit set.
      if (request.at("opcode") == "INTERRUPT") continue;
      EXPECT_TRUE(numbers.insert(request.at("unique").get<uint64_t>()).second) << request;
    }
    missing += missing_in(numbers);
    EXPECT_LE(missing, seen.at("incomplete").get<uint64_t>());
  }

  static uint64_t missing_in(const std::set<uint64_t>& numbers) {
    if (numbers.empty()) return 0;
    return (*numbers.rbegin() - *numbers.begin()) / id_step + 1 - numbers.size();
  }

  std::unique_ptr<Process> record_;
  BpfObjects objects_;
  Background bench_;
};

TEST_P(Disturbed, ClientsKilledWhileTheyWait) {
  kill(static_cast<pid_t>(bench_.client_pid), SIGKILL);
  expect_the_rest_in_order();
}

TEST_P(Disturbed, ServerKilledWhileItServes) {
  kill(static_cast<pid_t>(bench_.server_pid), SIGKILL);
  expect_the_rest_in_order();
}

TEST_P(Disturbed, ConnectionAborted) {
  const std::string control = "/sys/fs/fuse/connections";
  mount("none", control.c_str(), "fusectl", 0, nullptr);  // ours alone, or there already
  std::ofstream file(control + "/" + std::to_string(bench_.connection) + "/abort");
  file << "1" << std::flush;
  ASSERT_TRUE(file.good());
  expect_the_rest_in_order();
}

TEST_P(Disturbed, UnmountedByForce) {
  // The bench is in a mount namespace with us.
  EXPECT_EQ(umount2(bench_.mount.c_str(), MNT_FORCE | MNT_DETACH), 0) << errno;
  expect_the_rest_in_order();
}

INSTANTIATE_TEST_SUITE_P(Kernel, Disturbed, testing::Values("device", "io_uring"),
                         [](const auto& transport) { return std::string(transport.param); });

// Threads have other numbers there than the kernel's own.
TEST_F(Capture, InAPidNamespaceEveryRequestIsCountedWhereItRan) {
  const Result result = run(fusetrace(
      Words{"record", "-o", recording_, "--", "unshare", "--pid", "--fork", "--mount-proc"} +
      fusetrace({"bench", "--json", "--servers", "4", "--clients", "4", "--requests", "8000",
                 "--client-cpus", "0", "--server-cpus", "0"})));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json truth = Json::parse(result.out);
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
  EXPECT_TRUE(nothing_lost(seen));
  const Json& hops = seen.at("opcodes").at("GETATTR").at("hops");
  EXPECT_EQ(hops.at("request").at("same_cpu"), 8000);
  EXPECT_EQ(hops.at("reply").at("same_cpu"), 8000);
}

TEST_F(Capture, TwoHundredMountsAtOnce) {
  Process record(fusetrace({"record", "-o", recording_, "-d", "10m"}));
  ASSERT_TRUE(tracing(record));
  const BpfObjects objects = bpf_objects_of(record.pid());
  {
    Process mounts({many_mounts(), "200", "4", "2", make_directory("many")},
                   Start{.on_terminal = true});
    ASSERT_TRUE(wait_for([&] { return mounts.out().find("ready") != std::string::npos; }))
        << mounts.err();
    // A client and its server each: the rest of the CPUs' time is the capture's.
    usleep(500000);
    mounts.press_ctrl_c();
    EXPECT_NE(mounts.finish().status, -1);
  }
  record.send_signal(SIGINT);
  const Result ended = record.finish();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(wait_for([&] { return still_there(objects).empty(); }));
  const Json seen = report();
  EXPECT_TRUE(nothing_lost(seen));
  EXPECT_EQ(seen.at("opcodes").at("INIT").at("requests"), 200);
  size_t with_requests = 0;
  for (const auto& [number, connection] : seen.at("connections").items()) {
    with_requests += connection.at("requests") > 0;
  }
  EXPECT_EQ(with_requests, 200u);
}

}  // namespace
}  // namespace fusetrace::test
