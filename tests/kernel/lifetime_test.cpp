// SPDX-License-Identifier: Apache-2.0
// How captures begin and end: attached to what runs already, ended by Ctrl-C, by
// time, by the end of the command, or killed.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

uint64_t file_size(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

Words loaded_bench(const Words& options) {
  return fusetrace(Words{"bench", "--json", "--servers", "4", "--clients", "4"} + options);
}

TEST_F(Capture, KilledInMidRunLeavesAReadableFileAndNothingElse) {
  Process record(
      fusetrace(Words{"record", "-o", recording_, "--"} + loaded_bench({"--duration", "10m"})));
  // Written to once its header is there and again after that.
  ASSERT_TRUE(wait_for([&] { return file_size(recording_) > 100000; })) << record.err();
  const BpfObjects objects = bpf_objects_of(record.pid());
  ASSERT_GE(objects.size(), 10u);
  ASSERT_EQ(still_there(objects).size(), objects.size());

  record.send_signal(SIGKILL);
  EXPECT_EQ(record.finish().status, 128 + SIGKILL);
  EXPECT_TRUE(wait_for([&] { return still_there(objects).empty(); }));
  EXPECT_TRUE(nothing_is_left());

  const Json seen = report();
  EXPECT_EQ(seen.at("truncated"), true);
  EXPECT_GT(seen.at("requests"), 0);
  EXPECT_GT(seen.at("opcodes").at("GETATTR").at("requests"), 0);
  const Result text = run(fusetrace({"report", recording_}));
  EXPECT_EQ(text.status, 0);
  EXPECT_NE(text.out.find("TRUNCATED"), std::string::npos) << text.out;
}

// What both have counted must agree to the last request, however they were ended.
class Interrupted : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    record_ = std::make_unique<Process>(
        fusetrace(Words{"record", "-o", recording_, "--"} + loaded_bench({"--duration", "10m"})),
        Start{.on_terminal = true});
    ASSERT_TRUE(wait_for([&] { return file_size(recording_) > 100000; })) << record_->err();
  }

  void expect_agreement() {
    const Result result = record_->finish();
    EXPECT_EQ(result.status, 0) << result.err;
    const Json truth = Json::parse(result.out, nullptr, false);
    ASSERT_FALSE(truth.is_discarded()) << result.out;
    EXPECT_EQ(truth.at("interrupted"), true);
    const Json seen = report(truth.at("connection"));
    EXPECT_EQ(seen.at("truncated"), false);
    EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
    EXPECT_TRUE(nothing_lost(seen));
  }

  std::unique_ptr<Process> record_;
};

TEST_F(Interrupted, ByCtrlCItKeepsTheData) {
  record_->press_ctrl_c();
  expect_agreement();
}

TEST_F(Interrupted, ByASignalToItAloneItEndsTheCommandToo) {
  record_->send_signal(SIGINT);
  expect_agreement();
}

TEST_F(Interrupted, TwiceItGivesUpAtOnce) {
  record_->send_signal(SIGINT);
  record_->send_signal(SIGTERM);
  const Result result = record_->finish(Limit(10000));
  EXPECT_NE(result.status, -1);
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(Capture, NothingOfItIsLeftAfterAnEndByItself) {
  Background bench = start_bench("mnt");
  // In an emulated guest, attaching waits for a tenth of a second each time that it
  // interrupts a CPU which is never idle.
  ASSERT_GT(bench.client_pid, 0);
  kill(bench.client_pid, SIGSTOP);
  Process record(fusetrace({"record", "-o", recording_, "-d", "500ms", "--mount", bench.mount}));
  ASSERT_TRUE(tracing(record));
  const BpfObjects objects = bpf_objects_of(record.pid());
  EXPECT_GE(objects.size(), 10u);
  EXPECT_EQ(record.finish().status, 0);
  EXPECT_TRUE(wait_for([&] { return still_there(objects).empty(); }));
  kill(bench.client_pid, SIGCONT);
  end_bench(bench);
  EXPECT_EQ(report().at("truncated"), false);
}

// Servers that already sleep in their read when the capture begins.
class Attached : public Capture, public testing::WithParamInterface<const char*> {};

TEST_P(Attached, ToARunningServerMissesNoRequestInBetween) {
  Background bench = start_bench("mnt", {"--servers", "4", "--clients", "4", "--reader", GetParam(),
                                         "--think-time", "200000"});
  const Result result =
      run(fusetrace({"record", "-o", recording_, "-d", "700ms", "--mount", bench.mount}));
  EXPECT_EQ(result.status, 0) << result.err;
  const Json truth = end_bench(bench);
  EXPECT_EQ(truth.at("connection"), bench.connection);

  const Json seen = report();
  EXPECT_TRUE(nothing_lost(seen));
  ASSERT_EQ(seen.at("connections").size(), 1u);
  const Json& connection = seen.at("connections").at(std::to_string(bench.connection));
  EXPECT_EQ(connection.at("mount"), bench.mount);
  EXPECT_EQ(connection.at("server_pid"), bench.server_pid);
  EXPECT_EQ(connection.at("server_comm"), "bench-server");
  EXPECT_LT(seen.at("requests"), truth.at("requests"));

  // The connection numbers its requests in steps of 2 (FUSE_REQ_ID_STEP), so a
  // request that was missed would show as a gap. At the edges, those under way
  // at the start or the end are counted apart.
  std::set<uint64_t> numbers;
  for (const Json& request : requests()) {
    EXPECT_FALSE(request.at("server_tid").is_null()) << request;
    EXPECT_TRUE(numbers.insert(request.at("unique").get<uint64_t>()).second) << request;
  }
  ASSERT_GT(numbers.size(), 100u);
  const uint64_t span = (*numbers.rbegin() - *numbers.begin()) / 2 + 1;
  EXPECT_LE(span - numbers.size(), seen.at("incomplete").get<uint64_t>());
}

INSTANTIATE_TEST_SUITE_P(Kernel, Attached, testing::Values("read", "readv", "splice"),
                         [](const auto& reader) { return std::string(reader.param); });

// A cgroup of its own, so that no other load on the machine gets into the ring.
class OwnCgroup : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    std::ifstream in("/proc/self/mountinfo");
    for (std::string line; std::getline(in, line);) {
      if (line.find(" - cgroup2 ") == std::string::npos) continue;
      std::istringstream fields(line);
      std::string mount;
      for (int i = 0; i < 5; ++i) fields >> mount;
      cgroup_ = mount + "/fusetrace-test-" + std::to_string(getpid());
    }
    std::error_code error;
    if (cgroup_.empty() || !std::filesystem::create_directory(cgroup_, error)) {
      cgroup_.clear();
      GTEST_SKIP() << "needs a cgroup v2 file system that it may write to";
    }
  }
  void TearDown() override {
    Capture::TearDown();
    if (!cgroup_.empty()) {
      EXPECT_TRUE(wait_for([&] { return rmdir(cgroup_.c_str()) == 0 || errno == ENOENT; }));
    }
  }

  std::string cgroup_;
};

TEST_F(OwnCgroup, TinyRingCountsEveryRequestThatItLoses) {
  Start start;
  start.cgroup = cgroup_;
  const Json truth = record_bench({"--servers", "4", "--clients", "4", "--requests", "50000"},
                                  {"--buffer", "4K", "--cgroup", cgroup_}, start);
  const Json seen = report();
  ASSERT_EQ(seen.at("connections").size(), 1u);
  Json lost = seen.at("lost");
  EXPECT_GT(lost.at("ring_full"), 0) << "the ring was not too small: this run shows nothing";
  EXPECT_EQ(seen.at("requests").get<uint64_t>() + lost.at("ring_full").get<uint64_t>(),
            truth.at("requests").get<uint64_t>());
  lost.erase("ring_full");
  for (const auto& [reason, count] : lost.items()) EXPECT_EQ(count, 0) << reason;
  EXPECT_EQ(seen.at("incomplete"), 0);
}

TEST_F(OwnCgroup, FilterFollowsItsClientsOnly) {
  Background other = start_bench("other");
  Start start;
  start.cgroup = cgroup_;
  const Json truth =
      record_bench({"--requests", "2000", "--op", "mixed"}, {"--cgroup", cgroup_}, start);
  end_bench(other);
  const Json seen = report();
  EXPECT_EQ(seen.at("connections").size(), 1u);
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth));
}

}  // namespace
}  // namespace fusetrace::test
