// SPDX-License-Identifier: Apache-2.0
#include "system/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

namespace fusetrace {

Signals::Signals(std::initializer_list<int> wanted) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : wanted) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, &before_);
  // Whoever started us may have SIGCHLD ignored. The kernel would then reap our children
  // itself, and nobody would learn how they ended (wait(2)).
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &by_default, &child_before_);
  fd_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() {
  sigaction(SIGCHLD, &child_before_, nullptr);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

signalfd_siginfo Signals::wait(std::chrono::nanoseconds limit, int eventfd) const {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec timeout{static_cast<time_t>(whole.count()),
                         static_cast<long>((limit - whole).count())};
  std::array<pollfd, 2> ready{{{fd_.get(), POLLIN, 0}, {eventfd, POLLIN, 0}}};
  if (ppoll(ready.data(), ready.size(), &timeout, nullptr) <= 0) return {};
  eventfd_t ignored = 0;
  if (ready[1].revents != 0) eventfd_read(eventfd, &ignored);
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return {};
  return info;
}

}  // namespace fusetrace
