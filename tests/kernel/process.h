// SPDX-License-Identifier: Apache-2.0
// Runs programs for the tests: what they print is kept, and none outlives its
// owner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fusetrace::test {

using Limit = std::chrono::milliseconds;

// Waits until the condition holds; false when it still does not at the limit, which is
// there for what would never end: emulated guests are slow.
bool wait_for(const std::function<bool()>& condition, Limit limit = Limit(60000));

struct Result {
  int status = -1;  // exit status, 128 + signal, -1 when it did not end in time
  std::string out;
  std::string err;
};

struct Start {
  bool as_nobody = false;    // user and group 65534, no capabilities
  bool on_terminal = false;  // for its input and its signals; output is kept as ever
  std::string cgroup = {};   // a cgroup v2 directory to run in
};

// A process in a group of its own, as a shell makes them. It dies with the test,
// and the destructor kills whatever is left of the group.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const Start& start = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  bool running();
  void send_signal(int number) const;
  void press_ctrl_c() const;  // on its terminal
  // What it wrote so far.
  std::string out() const;
  std::string err() const;
  // Waits for its end.
  Result finish(Limit limit = Limit(60000));

 private:
  pid_t pid_ = -1;
  int out_ = -1;  // memory files
  int err_ = -1;
  int terminal_ = -1;
  std::optional<int> status_;
};

Result run(const std::vector<std::string>& command, const Start& start = {});

}  // namespace fusetrace::test
