// SPDX-License-Identifier: Apache-2.0
// Signals as something to wait for.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <initializer_list>

#include "system/descriptor.h"

namespace fusetrace {

// Blocks these signals in this thread, and in threads that it starts from now on, so that
// they are waited for and do not end the process. When it goes, they are as they were.
class Signals {
 public:
  explicit Signals(std::initializer_list<int> wanted);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Becomes readable with a signal.
  int fd() const { return fd_.get(); }

  // Waits for a signal, for so long at most. ssi_signo is 0 when there was none. Returns
  // early when the eventfd(2) is written to, if there is one, and resets it.
  signalfd_siginfo wait(std::chrono::nanoseconds limit, int eventfd = -1) const;

 private:
  sigset_t before_{};
  struct sigaction child_before_ {};
  Descriptor fd_;
};

}  // namespace fusetrace
