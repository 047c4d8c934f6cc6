// SPDX-License-Identifier: Apache-2.0
// However a bench ends, no process, mount or directory of it is left, and its
// coordinator says what happened.
#include <poll.h>

#include <csignal>
#include <map>
#include <optional>

#include "bench/bench.h"
#include "private_mounts.h"

namespace fusetrace {
namespace {

// A bench whose coordinator is a child of the test, in a process group of its
// own; it writes how it ended to a pipe.
class RunningBench {
 public:
  explicit RunningBench(const BenchOptions& options) {
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      setpgid(0, 0);
      const auto result = run_bench(options);
      const std::string text = !result               ? "error: " + result.error().message
                               : result->interrupted ? "interrupted"
                                                     : "done";
      _exit(write(pipe_[1], text.data(), text.size()) < 0 ? 1 : 0);
    }
    setpgid(pid_, pid_);
    close(pipe_[1]);
  }
  ~RunningBench() {
    if (!reaped_) kill(pid_, SIGKILL);
    close(pipe_[0]);
  }
  RunningBench(const RunningBench&) = delete;
  RunningBench& operator=(const RunningBench&) = delete;

  pid_t pid() const { return pid_; }

  // The server or client process by name, once it is there.
  pid_t child(const std::string& name) const {
    for (int tries = 0; tries < 5000; ++tries, usleep(1000)) {
      const std::string base = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_);
      std::ifstream children(base + "/children");
      for (pid_t child = 0; children >> child;) {
        std::string comm;
        std::ifstream("/proc/" + std::to_string(child) + "/comm") >> comm;
        if (comm == name) return child;
      }
    }
    ADD_FAILURE() << "no process " << name;
    return -1;
  }

  // Until the clients have certainly begun.
  void wait_for_load() const {
    const pid_t client = child("bench-client");
    for (int tries = 0; tries < 5000; ++tries, usleep(1000)) {
      if (cpu_ticks(client) > 2) return;
    }
    ADD_FAILURE() << "there is no load";
  }

  // What the coordinator said; nullopt if it was killed, or at the limit.
  std::optional<std::string> how_it_ended(int limit_ms = 20000) {
    pollfd ready{pipe_[0], POLLIN, 0};
    // Anything it leaves behind holds the pipe open, so read but once.
    if (poll(&ready, 1, limit_ms) != 1) return std::nullopt;
    char text[512];
    const ssize_t bytes = read(pipe_[0], text, sizeof text);
    waitpid(pid_, nullptr, 0);
    reaped_ = true;
    if (bytes <= 0) return std::nullopt;
    return std::string(text, static_cast<size_t>(bytes));
  }

 private:
  // utime + stime, the 14th and 15th field of proc(5)'s stat.
  static unsigned long cpu_ticks(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string field;
    unsigned long ticks = 0;
    for (int i = 1; i <= 15 && in >> field; ++i) {
      if (i >= 14) ticks += std::strtoul(field.c_str(), nullptr, 10);
    }
    return ticks;
  }

  int pipe_[2];
  pid_t pid_;
  bool reaped_ = false;
};

class BenchCleanUp : public PrivateMounts {
 protected:
  static BenchOptions endless(BenchOperation operation = BenchOperation::mixed) {
    BenchOptions out;
    out.servers = 2;
    out.clients = 3;
    out.duration = std::chrono::hours(1);
    out.operation = operation;
    return out;
  }
};

TEST_F(BenchCleanUp, SignalsToTheCoordinatorEndTheLoadAndKeepTheResult) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    RunningBench bench(endless());
    bench.wait_for_load();
    kill(bench.pid(), signal);
    EXPECT_EQ(bench.how_it_ended(), "interrupted");
    EXPECT_TRUE(nothing_is_left());
  }
}

TEST_F(BenchCleanUp, CtrlCToTheWholeGroupEndsTheLoadAndKeepsTheResult) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(-bench.pid(), SIGINT);
  EXPECT_EQ(bench.how_it_ended(), "interrupted");
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AKilledServerIsAnErrorThatSaysSo) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.child("bench-server"), SIGKILL);
  EXPECT_EQ(bench.how_it_ended(), "error: the bench's server was killed by signal 9 (Killed)");
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AKilledClientIsAnErrorThatSaysSo) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.child("bench-client"), SIGKILL);
  EXPECT_EQ(bench.how_it_ended(),
            "error: the bench's client process was killed by signal 9 (Killed)");
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AKilledCoordinatorIsCleanedUpAfter) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.pid(), SIGKILL);
  EXPECT_EQ(bench.how_it_ended(), std::nullopt);
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AKilledProcessGroupIsCleanedUpAfter) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(-bench.pid(), SIGKILL);
  EXPECT_EQ(bench.how_it_ended(), std::nullopt);
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, ACoordinatorKilledWithItsServerIsCleanedUpAfter) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.child("bench-server"), SIGKILL);
  kill(bench.pid(), SIGKILL);
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, ACoordinatorKilledAtAnyMomentOfItsStartIsCleanedUpAfter) {
  for (int delay_us = 0; delay_us < 12000; delay_us += 150) {
    RunningBench bench(endless());
    usleep(static_cast<useconds_t>(delay_us));
    kill(bench.pid(), SIGKILL);
    ASSERT_TRUE(nothing_is_left()) << "killed after " << delay_us << " us";
  }
}

// A run of this many operations takes a few milliseconds from fork to end, and
// the delays go on to where it has ended by itself.
TEST_F(BenchCleanUp, KilledAtAnyMomentOfAShortRunItIsCleanedUpAfter) {
  for (const bool whole_group : {false, true}) {
    bool ended_by_itself = false;
    for (int delay_us = 0; delay_us < 200000 && !ended_by_itself; delay_us += 150) {
      BenchOptions asked;
      asked.servers = 2;
      asked.clients = 2;
      asked.operations = 40;
      asked.operation = BenchOperation::mixed;
      RunningBench bench(asked);
      usleep(static_cast<useconds_t>(delay_us));
      kill(whole_group ? -bench.pid() : bench.pid(), SIGKILL);
      ended_by_itself = bench.how_it_ended() == "done";
      ASSERT_TRUE(nothing_is_left())
          << (whole_group ? "group" : "coordinator") << " killed after " << delay_us << " us";
    }
    EXPECT_TRUE(ended_by_itself);
  }
}

TEST_F(BenchCleanUp, AServerKilledAtAnyMomentIsCleanedUpAfter) {
  for (int delay_us = 0; delay_us < 6000; delay_us += 150) {
    RunningBench bench(endless());
    const pid_t server = bench.child("bench-server");
    usleep(static_cast<useconds_t>(delay_us));
    kill(server, SIGKILL);
    const auto ended = bench.how_it_ended();
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->substr(0, 6), "error:") << *ended;
    ASSERT_TRUE(nothing_is_left()) << "killed after " << delay_us << " us";
  }
}

TEST_F(BenchCleanUp, ASecondCtrlCGivesUpOnAServerThatDoesNotAnswer) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.child("bench-server"), SIGSTOP);
  kill(bench.pid(), SIGINT);
  usleep(100000);  // two that come at once count as one
  kill(bench.pid(), SIGINT);
  EXPECT_EQ(bench.how_it_ended(3000), "error: interrupted");
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AServerThatDoesNotAnswerIsGivenUpAtTheLimit) {
  RunningBench bench(endless());
  bench.wait_for_load();
  kill(bench.child("bench-server"), SIGSTOP);
  kill(bench.pid(), SIGTERM);
  EXPECT_EQ(bench.how_it_ended(), "error: the clients did not stop: the server does not answer");
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BenchCleanUp, AGivenMountPointIsUnmountedAndKeptWhenTheCoordinatorIsKilled) {
  BenchOptions asked = endless();
  asked.mount_point = directory_ + "/with a blank";
  std::filesystem::create_directory(asked.mount_point);
  RunningBench bench(asked);
  bench.wait_for_load();
  EXPECT_EQ(bench_mounts(), 1);
  kill(bench.pid(), SIGKILL);
  for (int tries = 0; tries < 5000 && bench_mounts() > 0; ++tries) usleep(1000);
  EXPECT_EQ(bench_mounts(), 0);
  EXPECT_TRUE(std::filesystem::remove(asked.mount_point));
}

TEST_F(BenchCleanUp, AMountThatSomeoneLooksIntoIsDetached) {
  BenchOptions asked = endless(BenchOperation::getattr);
  asked.duration = std::chrono::milliseconds(300);
  asked.mount_point = directory_ + "/m";
  std::filesystem::create_directory(asked.mount_point);
  RunningBench bench(asked);
  bench.wait_for_load();
  const int inside = open(asked.mount_point.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(inside, 0);
  EXPECT_EQ(bench.how_it_ended(), "done");
  EXPECT_EQ(bench_mounts(), 0);
  close(inside);
  EXPECT_TRUE(std::filesystem::remove(asked.mount_point));
}

}  // namespace
}  // namespace fusetrace
