// SPDX-License-Identifier: Apache-2.0
// Filters act in the kernel: what they leave out is in no recording.
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

TEST_F(Capture, OpcodeFilterKeepsTheseAndAllOfThem) {
  const Json truth =
      record_bench({"--op", "mixed", "--requests", "8000", "--servers", "4", "--clients", "4"},
                   {"--opcode", "LOOKUP,READ"});
  const Json everywhere = report();
  for (const auto& [opcode, count] : opcode_counts(everywhere)) {
    EXPECT_TRUE(opcode == "LOOKUP" || opcode == "READ") << count << " of " << opcode;
  }
  const auto seen = opcode_counts(report(truth.at("connection")));
  EXPECT_EQ(seen.at("LOOKUP"), truth.at("opcodes").at("LOOKUP"));
  EXPECT_EQ(seen.at("READ"), truth.at("opcodes").at("READ"));
  EXPECT_TRUE(nothing_lost(everywhere));
}

TEST_F(Capture, SampleKeepsAQuarterOfTheRequestsWhole) {
  const Json truth = record_bench({"--servers", "4", "--clients", "4", "--requests", "20000"},
                                  {"--sample", "1/4"});
  const Json seen = report(truth.at("connection"));
  EXPECT_EQ(seen.at("sample_n"), 4);
  EXPECT_TRUE(nothing_lost(seen));
  EXPECT_EQ(seen.at("incomplete"), 0);
  const double share = seen.at("opcodes").at("GETATTR").at("requests").get<double>() / 20000;
  EXPECT_NEAR(share, 0.25, 0.02);
  const Json& getattr = seen.at("opcodes").at("GETATTR");
  for (const char* stage : {"queue", "service"}) {
    EXPECT_EQ(getattr.at("stages").at(stage).at("count"), getattr.at("requests")) << stage;
  }
  // A kernel may hide the switch to a client, and with it when that resumed.
  for (const char* stage : {"return", "total"}) {
    EXPECT_GE(getattr.at("stages").at(stage).at("count").get<double>(),
              0.99 * getattr.at("requests").get<double>())
        << stage;
  }
}

// Two benches, one of them with a second client, which looks for files that
// are not there.
class TwoMounts : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    // On one CPU: with all of them busy, attaching, which waits for RCU, was seen to
    // take a minute on a virtual machine.
    const Words load = {"--think-time", "100000", "--client-cpus", "0", "--server-cpus", "0"};
    first_ = start_bench("first", load);
    second_ = start_bench("second", load);
    const std::string folder = first_.mount;
    looker_ = fork();
    if (looker_ == 0) look_for_files(folder);
  }
  void TearDown() override {
    if (looker_ > 0) {
      kill(looker_, SIGKILL);
      waitpid(looker_, nullptr, 0);
    }
    first_.process.reset();
    second_.process.reset();
    Capture::TearDown();
  }

  [[noreturn]] static void look_for_files(const std::string& folder) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0;; ++i) {
      struct stat ignored {};
      stat((folder + "/none-" + std::to_string(i)).c_str(), &ignored);
      usleep(1000);
    }
  }

  // Connections and client processes in a recording made with these options.
  struct Seen {
    std::set<uint32_t> connections;
    std::set<uint32_t> clients;
    std::set<uint32_t> servers;
  };
  Seen record(const Words& options) {
    const Result result =
        run(fusetrace(Words{"record", "-o", recording_, "-d", "300ms"} + options));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(nothing_lost(report()));
    Seen seen;
    for (const Json& request : requests()) {
      seen.connections.insert(request.at("connection").get<uint32_t>());
      if (!request.at("client_tgid").is_null()) {
        seen.clients.insert(request.at("client_tgid").get<uint32_t>());
      }
      if (!request.at("server_tgid").is_null()) {
        seen.servers.insert(request.at("server_tgid").get<uint32_t>());
      }
    }
    return seen;
  }

  uint32_t looker() const { return static_cast<uint32_t>(looker_); }

  using Numbers = std::set<uint32_t>;
  Background first_;
  Background second_;
  pid_t looker_ = -1;
};

TEST_F(TwoMounts, WithoutFilterBothAreSeen) {
  const Seen seen = record({});
  EXPECT_TRUE(seen.connections.contains(first_.connection));
  EXPECT_TRUE(seen.connections.contains(second_.connection));
}

TEST_F(TwoMounts, MountFilter) {
  const Seen seen = record({"--mount", first_.mount});
  EXPECT_EQ(seen.connections, Numbers{first_.connection});
  EXPECT_EQ(seen.clients, (Numbers{first_.client_pid, looker()}));
}

TEST_F(TwoMounts, ConnectionFilterMayBeRepeated) {
  EXPECT_EQ(record({"--connection", std::to_string(second_.connection)}).connections,
            Numbers{second_.connection});
  EXPECT_EQ(record({"--connection", std::to_string(second_.connection), "--connection",
                    std::to_string(first_.connection)})
                .connections,
            (Numbers{first_.connection, second_.connection}));
}

TEST_F(TwoMounts, PidFilterForAServer) {
  const Seen seen = record({"--pid", std::to_string(first_.server_pid)});
  EXPECT_EQ(seen.servers, Numbers{first_.server_pid});
  EXPECT_EQ(seen.clients, (Numbers{first_.client_pid, looker()}));
}

TEST_F(TwoMounts, PidFilterForAClient) {
  const Seen seen = record({"--pid", std::to_string(looker_)});
  EXPECT_EQ(seen.clients, Numbers{looker()});
  EXPECT_EQ(seen.servers, Numbers{first_.server_pid});
}

TEST_F(TwoMounts, ReportFiltersAsRecordDoes) {
  record({});
  const Result result = run(fusetrace({"report", "--json", "--mount", first_.mount, recording_}));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json seen = Json::parse(result.out);
  ASSERT_EQ(seen.at("connections").size(), 1u);
  EXPECT_TRUE(seen.at("connections").contains(std::to_string(first_.connection)));
}

}  // namespace
}  // namespace fusetrace::test
