// SPDX-License-Identifier: Apache-2.0
// The ground for tests of the whole program on the running kernel: mounts that
// no other process sees, a temporary directory, and nothing left at the end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "process.h"

namespace fusetrace::test {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

Words operator+(Words left, const Words& right);

// The program under test with these arguments; in a guest, where what was built has
// another place, the one that FUSETRACE names.
Words fusetrace(const Words& arguments);
// The program that makes many mounts (tests/benchmarks), or what MANY_MOUNTS names.
std::string many_mounts();

class Capture : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // In the test's directory.
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string make_directory(const std::string& name) const;

  // Records a bench, expecting both to succeed; returns what the bench tells.
  Json record_bench(const Words& bench_options, const Words& record_options = {},
                    const Start& start = {});
  // `report --json` of the recording, of one connection unless that is 0.
  Json report(const Json& connection = 0);
  // Every request of the recording, in the order of the file.
  std::vector<Json> requests(const Json& connection = 0);

  // A bench that runs until it is told to end, mounted on path(name), once it is
  // serving. Its connection and the like are as `fusetrace list` has them.
  struct Background {
    std::unique_ptr<Process> process;
    std::string mount;
    uint32_t connection = 0;
    uint32_t server_pid = 0;
    uint32_t client_pid = 0;
  };
  Background start_bench(const std::string& name, const Words& options = {});
  // Ends it; returns what it tells.
  static Json end_bench(Background& bench);

  // Has the kernel allow FUSE over io_uring, and back to what it was. False where it has none.
  bool switch_io_uring_on();
  void switch_io_uring_back();

  // Waits until `record` says that it is tracing.
  static testing::AssertionResult tracing(Process& record);
  // Waits, with a limit, until no process of ours, mount or directory of a bench is there.
  testing::AssertionResult nothing_is_left();

  std::string recording_;

 private:
  std::string directory_;
  bool io_uring_was_off_ = false;
};

// What the kernel holds for a process: kind (prog, map, link) and number.
using BpfObjects = std::set<std::pair<std::string, uint64_t>>;
BpfObjects bpf_objects_of(pid_t pid);
// Those of them that the kernel still has, as bpftool tells.
BpfObjects still_there(const BpfObjects& objects);

// Requests by opcode, those of a bench's or a report's document.
std::map<std::string, uint64_t> opcode_counts(const Json& document);
// Asserts that there are none, each named.
testing::AssertionResult nothing_lost(const Json& report);

}  // namespace fusetrace::test
