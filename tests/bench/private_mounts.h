// SPDX-License-Identifier: Apache-2.0
// The ground for tests with real mounts: a mount namespace that no other
// process sees (or asks for attributes in), and a temporary directory that must
// be empty at the end.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "bench/run_threads.h"

namespace fusetrace {

class PrivateMounts : public testing::Test {
 protected:
  void SetUp() override {
    const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) GTEST_SKIP() << "needs root and /dev/fuse";
    close(device);
    if (unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    char name[] = "/tmp/fusetrace-test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    setenv("TMPDIR", name, 1);
    // Whoever outlives its coordinator becomes ours to wait for.
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  }

  void TearDown() override {
    if (directory_.empty()) return;
    EXPECT_TRUE(nothing_is_left());
    // What a failed test leaves must not fail the next one too.
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      umount2(entry.path().c_str(), MNT_DETACH);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Waits, with a limit, until no process, mount or directory of a bench is there.
  static testing::AssertionResult nothing_is_left(unsigned limit_ms = 10000) {
    const uint64_t end = monotonic_ns() + limit_ms * 1000000ull;
    for (;;) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      const bool process = waitpid(-1, nullptr, WNOHANG) == 0;
      const bool mounted = bench_mounts() > 0;
      const bool files = !mounted && !std::filesystem::is_empty(directory_);
      if (!process && !mounted && !files) return testing::AssertionSuccess();
      if (monotonic_ns() > end) {
        return testing::AssertionFailure()
               << "left behind:" << (process ? " a process" : "") << (mounted ? " a mount" : "")
               << (files ? " a directory" : "");
      }
      usleep(2000);
    }
  }

  static int bench_mounts() {
    std::ifstream mounts("/proc/self/mountinfo");
    int found = 0;
    for (std::string line; std::getline(mounts, line);) {
      found += line.find(" - fuse.fusetrace-bench ") != std::string::npos ? 1 : 0;
    }
    return found;
  }

  static inline std::string directory_;
};

}  // namespace fusetrace
