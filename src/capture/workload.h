// SPDX-License-Identifier: Apache-2.0
// The command that a capture runs and measures.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "model/error.h"
#include "system/descriptor.h"

namespace fusetrace {

class Workload {
 public:
  // Makes the process, which waits for release() before it runs the command.
  // It gets SIGTERM when this process dies, whatever kills it.
  static Result<Workload> prepare(const std::vector<std::string>& command);

  Workload(Workload&& other) noexcept;
  // Ends a command that was never released; one that runs is left alone.
  ~Workload();

  // Lets the command run. Errors: it cannot be executed, with the errno.
  Result<void> release();

  // Its exit status once it has ended: its own, or 128 + signal.
  std::optional<int> exit_status();

  void send_signal(int number) const;
  pid_t pid() const { return pid_; }

 private:
  Workload() = default;

  pid_t pid_ = -1;
  bool released_ = false;
  Descriptor go_;      // closing it lets the command run
  Descriptor failed_;  // the child writes errno here when exec fails
};

}  // namespace fusetrace
