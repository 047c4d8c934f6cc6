// SPDX-License-Identifier: Apache-2.0
// Signals are waited for, an event ends the wait, and everything is as it was afterwards.
#include "system/signals.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace fusetrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Signals, ASignalEndsTheWaitAndNotTheProcess) {
  const Signals signals({SIGTERM});
  kill(getpid(), SIGTERM);
  EXPECT_EQ(signals.wait(seconds(10)).ssi_signo, static_cast<uint32_t>(SIGTERM));
  EXPECT_EQ(signals.wait(milliseconds(0)).ssi_signo, 0u);
}

TEST(Signals, AnEventEndsTheWaitAndIsTakenBack) {
  const Signals signals({SIGTERM});
  const Descriptor event(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  EXPECT_EQ(signals.wait(seconds(10), event.get()).ssi_signo, 0u);
  eventfd_t count = 0;
  EXPECT_NE(eventfd_read(event.get(), &count), 0);
}

TEST(Signals, AChildIsWaitedForWhereSigchldWasIgnored) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  {
    const Signals signals({SIGCHLD});
    const pid_t child = fork();
    if (child == 0) _exit(7);
    ASSERT_GT(child, 0);
    EXPECT_EQ(signals.wait(seconds(10)).ssi_signo, static_cast<uint32_t>(SIGCHLD));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }
  EXPECT_EQ(std::signal(SIGCHLD, before), SIG_IGN);
}

TEST(Signals, TheMaskIsAsItWasAfterwards) {
  { const Signals signals({SIGUSR1, SIGTERM}); }
  sigset_t now;
  sigprocmask(SIG_BLOCK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGUSR1), 0);
  EXPECT_EQ(sigismember(&now, SIGTERM), 0);
}

}  // namespace
}  // namespace fusetrace
