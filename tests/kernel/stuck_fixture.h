// SPDX-License-Identifier: Apache-2.0
// File systems that hang on purpose, for the tests of `fusetrace stuck`. Whatever a
// test does, its mounts are aborted at its end, so that nothing stays behind.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture_fixture.h"

namespace fusetrace::test {

// The program stuck_server; in a guest, what STUCK_SERVER names.
std::string server_program();

class StuckMounts : public Capture {
 protected:
  void SetUp() override;
  void TearDown() override;

  struct Server {
    std::unique_ptr<Process> process;
    std::string mount;
    uint32_t connection = 0;
  };
  // A stuck_server on path(name), once it has answered INIT.
  Server& start_server(const std::string& name, const Words& options = {});
  // A program that is expected to hang.
  Process& start_client(const Words& command);

  // Looks with `fusetrace stuck --json` until the document is as it should be; the last
  // document, with a failure when it never was.
  Json look_until(const std::function<bool(const Json&)>& as_expected, const Words& options = {});
  // The requests of one connection in a document.
  static std::vector<Json> requests_of(const Json& look, const Server& server);
  // The first of them by a client; null where it has none.
  static Json request_by(const Json& look, pid_t client);
  // A task without a request; null where it is none.
  static Json task(const Json& look, pid_t tid);

  // Witnesses that are not ours.
  static uint64_t waiting(const Server& server);           // fusectl
  static std::string kernel_stack(pid_t tid);              // /proc/PID/stack
  static std::multiset<std::string> held(Server& server);  // "UNIQUE OPCODE NODE", its own list

 private:
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Process>> clients_;
};

}  // namespace fusetrace::test
