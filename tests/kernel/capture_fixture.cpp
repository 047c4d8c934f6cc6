// SPDX-License-Identifier: Apache-2.0
#include "capture_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fusetrace::test {
namespace {

const char* from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

constexpr const char* io_uring_switch = "/sys/module/fuse/parameters/enable_uring";

Json parse(const std::string& text) {
  Json out = Json::parse(text, nullptr, false);
  EXPECT_FALSE(out.is_discarded()) << "no JSON: " << text.substr(0, 300);
  return out.is_discarded() ? Json::object() : out;
}

// Mount points below the directory, innermost first.
Words mounts_below(const std::string& directory) {
  std::ifstream in("/proc/self/mountinfo");
  Words found;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string word;
    for (int i = 0; i < 5; ++i) fields >> word;
    if (word.starts_with(directory)) found.insert(found.begin(), word);
  }
  return found;
}

bool has_children() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return waitpid(-1, nullptr, WNOHANG) == 0;
}

// A child process of this one by that name; 0 while there is none.
uint32_t child_named(pid_t parent, const std::string& comm) {
  const std::string task = "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent);
  std::ifstream children(task + "/children");
  for (uint32_t pid = 0; children >> pid;) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(in, name);
    if (name == comm) return pid;
  }
  return 0;
}

}  // namespace

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Words fusetrace(const Words& arguments) {
  return Words{from_environment("FUSETRACE", FUSETRACE_PROGRAM)} + arguments;
}

std::string many_mounts() { return from_environment("MANY_MOUNTS", MANY_MOUNTS_PROGRAM); }

void Capture::SetUp() {
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) GTEST_SKIP() << "needs root and /dev/fuse";
  close(device);
  if (unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  char name[] = "/tmp/fusetrace-kernel-test.XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  directory_ = name;
  ASSERT_EQ(chmod(name, 0755), 0);
  // Benches mount in here, where TearDown() finds what they leave.
  setenv("TMPDIR", make_directory("benches").c_str(), 1);
  // Whoever outlives its parent becomes ours to wait for.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  recording_ = path("r.rec");
}

void Capture::TearDown() {
  if (directory_.empty()) return;
  EXPECT_TRUE(nothing_is_left());
  // What a failed test leaves must not fail the next one too.
  for (const std::string& mount : mounts_below(directory_)) umount2(mount.c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Capture::make_directory(const std::string& name) const {
  std::filesystem::create_directory(path(name));
  return path(name);
}

Json Capture::record_bench(const Words& bench_options, const Words& record_options,
                           const Start& start) {
  const Result result =
      run(fusetrace(Words{"record", "-o", recording_} + record_options + Words{"--"} +
                    fusetrace(Words{"bench", "--json"} + bench_options)),
          start);
  EXPECT_EQ(result.status, 0) << result.err;
  return parse(result.out);
}

Json Capture::report(const Json& connection) {
  Words arguments{"report", "--json", recording_};
  if (connection != 0) arguments = arguments + Words{"--connection", connection.dump()};
  const Result result = run(fusetrace(arguments));
  EXPECT_EQ(result.status, 0) << result.err;
  return parse(result.out);
}

std::vector<Json> Capture::requests(const Json& connection) {
  Words arguments{"export", "--format", "jsonl", recording_};
  if (connection != 0) arguments = arguments + Words{"--connection", connection.dump()};
  const Result result = run(fusetrace(arguments));
  EXPECT_EQ(result.status, 0) << result.err;
  std::istringstream lines(result.out);
  std::vector<Json> out;
  for (std::string line; std::getline(lines, line);) out.push_back(parse(line));
  return out;
}

Capture::Background Capture::start_bench(const std::string& name, const Words& options) {
  Background bench;
  bench.mount = make_directory(name);
  // Much longer than the test may take; end_bench() ends it.
  bench.process = std::make_unique<Process>(
      fusetrace(Words{"bench", "--json", "--duration", "10m"} + options + Words{bench.mount}));
  const bool ready = wait_for([&] {
    const Json list = Json::parse(run(fusetrace({"list", "--json"})).out, nullptr, false);
    if (list.is_discarded()) return false;
    for (const auto& [number, one] : list.at("connections").items()) {
      if (one.at("mount") != bench.mount || one.at("server_pid") == 0) continue;
      bench.connection = static_cast<uint32_t>(std::stoul(number));
      bench.server_pid = one.at("server_pid");
    }
    bench.client_pid = child_named(bench.process->pid(), "bench-client");
    return bench.connection != 0 && bench.client_pid != 0;
  });
  EXPECT_TRUE(ready) << "the bench does not start: " << bench.process->err();
  return bench;
}

bool Capture::switch_io_uring_on() {
  const char now = static_cast<char>(std::ifstream(io_uring_switch).get());
  if (now == 'N') {
    std::ofstream(io_uring_switch) << "1";
    io_uring_was_off_ = true;
  }
  return now == 'Y' || now == 'N';
}

void Capture::switch_io_uring_back() {
  if (io_uring_was_off_) std::ofstream(io_uring_switch) << "0";
}

Json Capture::end_bench(Background& bench) {
  bench.process->send_signal(SIGINT);
  const Result result = bench.process->finish();
  EXPECT_EQ(result.status, 0) << result.err;
  return parse(result.out);
}

testing::AssertionResult Capture::tracing(Process& record) {
  wait_for([&] { return record.err().find("Tracing") != std::string::npos || !record.running(); });
  if (record.err().find("Tracing") != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "record does not trace: " << record.err();
}

testing::AssertionResult Capture::nothing_is_left() {
  bool process = false;
  bool mounted = false;
  bool files = false;
  const auto clean = [&] {
    process = has_children();
    mounted = !mounts_below(directory_).empty();
    files = !mounted && !std::filesystem::is_empty(path("benches"));
    return !process && !mounted && !files;
  };
  if (wait_for(clean)) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "left behind:" << (process ? " a process" : "") << (mounted ? " a mount" : "")
         << (files ? " a directory" : "");
}

BpfObjects bpf_objects_of(pid_t pid) {
  BpfObjects out;
  std::error_code ignored;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fdinfo";
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    std::ifstream in(entry.path());
    for (std::string word; in >> word;) {
      for (const char* kind : {"prog", "map", "link"}) {
        uint64_t number = 0;
        if (word == std::string(kind) + "_id:" && in >> number) out.emplace(kind, number);
      }
    }
  }
  return out;
}

BpfObjects still_there(const BpfObjects& objects) {
  BpfObjects out;
  for (const char* kind : {"prog", "map", "link"}) {
    const Json list = Json::parse(run({"bpftool", "-j", kind, "show"}).out, nullptr, false);
    if (!list.is_array()) continue;
    for (const Json& one : list) {
      const std::pair<std::string, uint64_t> object{kind, one.value("id", uint64_t{0})};
      if (objects.contains(object)) out.insert(object);
    }
  }
  return out;
}

std::map<std::string, uint64_t> opcode_counts(const Json& document) {
  std::map<std::string, uint64_t> out;
  for (const auto& [name, value] : document.at("opcodes").items()) {
    out[name] = value.is_object() ? value.at("requests").get<uint64_t>() : value.get<uint64_t>();
  }
  return out;
}

testing::AssertionResult nothing_lost(const Json& report) {
  for (const auto& [name, count] : report.at("lost").items()) {
    if (count != 0) return testing::AssertionFailure() << count << " lost: " << name;
  }
  return testing::AssertionSuccess();
}

}  // namespace fusetrace::test
