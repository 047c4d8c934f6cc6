// SPDX-License-Identifier: Apache-2.0
// What cannot be done is said in one line, with the right exit status.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

class Errors : public Capture {
 protected:
  // Runs it and expects this status, nothing on stdout, and one line that begins
  // with the program's name and says this.
  void expect_error(const Words& arguments, int status, const std::string& says,
                    const Start& start = {}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Result result = run(fusetrace(arguments), start);
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("fusetrace: ")) << result.err;
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
  }
  // Wrong usage has the line of the argument parser, which points to --help.
  void expect_usage(const Words& arguments, const std::string& says) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Result result = run(fusetrace(arguments));
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
  }
  std::string write_file(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::string good_recording() {
    record_bench({"--requests", "3000"});
    std::ifstream in(recording_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(Errors, WithoutPrivilege) {
  Start nobody;
  nobody.as_nobody = true;
  if (run(fusetrace({"--version"}), nobody).status != 0) {
    GTEST_SKIP() << "an unprivileged user cannot reach the program";
  }
  ASSERT_EQ(chmod(path("benches").c_str(), 0777), 0);
  const std::string output = path("benches") + "/r.rec";
  expect_error({"record", "-o", output, "--", "true"}, 1, "CAP_BPF and CAP_PERFMON", nobody);
  EXPECT_FALSE(std::filesystem::exists(output));
  const Result bench = run(fusetrace({"bench", "--requests", "10"}), nobody);
  EXPECT_EQ(bench.status, 1);
  EXPECT_NE(bench.err.find("root"), std::string::npos) << bench.err;
  for (const char* command : {"record", "report", "export", "bench", "list", "doctor"}) {
    EXPECT_EQ(run(fusetrace({command, "--help"}), nobody).status, 0) << command;
  }
}

TEST_F(Errors, WhatIsAskedForDoesNotExist) {
  const std::string plain = make_directory("plain");
  const std::string mount = "no FUSE file system is mounted at " + plain;
  expect_error({"record", "-o", recording_, "--mount", plain, "--", "true"}, 1, mount);
  expect_error({"record", "-o", recording_, "--mount", path("none"), "--", "true"}, 1, "none");
  expect_error({"record", "-o", recording_, "--pid", "4194304", "--", "true"}, 1,
               "there is no process 4194304");
  expect_error({"record", "-o", recording_, "--opcode", "FROB", "--", "true"}, 1,
               "there is no FUSE opcode FROB");
  expect_error({"record", "-o", recording_, "--cgroup", path("none"), "--", "true"}, 1, "none");
  EXPECT_FALSE(std::filesystem::exists(recording_));
}

TEST_F(Errors, OutputThatCannotBeWritten) {
  expect_error({"record", "-o", path("none/r.rec"), "--", "true"}, 1, "none/r.rec");
  expect_error({"record", "-o", make_directory("folder"), "--", "true"}, 1, "folder");
  const Result full = run(fusetrace(
      {"record", "-o", "/dev/full", "--", FUSETRACE_PROGRAM, "bench", "--requests", "20000"}));
  EXPECT_EQ(full.status, 1) << full.err;
  EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << full.err;
}

TEST_F(Errors, CommandThatCannotRun) {
  expect_error({"record", "-o", recording_, "--", path("no-such-program")}, 1,
               "no-such-program: No such file or directory");
  expect_error({"record", "-o", recording_, "--", write_file("text", "no program")}, 1,
               "text: Permission denied");
}

TEST_F(Errors, ACommandThatCannotRunLeavesTheLastRecordingAlone) {
  const std::string good = good_recording();
  for (const std::string command : {"no-such-program", "./none/program", "/"}) {
    EXPECT_EQ(run(fusetrace({"record", "-o", recording_, "--", command})).status, 1);
    std::ifstream in(recording_, std::ios::binary);
    const std::string now{std::istreambuf_iterator<char>(in), {}};
    EXPECT_TRUE(now == good) << command;
    EXPECT_FALSE(std::filesystem::exists(recording_ + ".old"));
  }
}

TEST_F(Errors, FiltersThatMatchNothingSaySo) {
  expect_error({"record", "-o", recording_, "--connection", "999999", "--", "true"}, 1,
               "there is no FUSE connection 999999");
  EXPECT_FALSE(std::filesystem::exists(recording_));
  good_recording();
  const Result nothing = run(fusetrace({"report", recording_, "--opcode", "POLL"}));
  EXPECT_NE(nothing.out.find("recorded requests passes --opcode POLL."), std::string::npos)
      << nothing.out;
  const Result some = run(fusetrace({"report", recording_, "--opcode", "GETATTR"}));
  EXPECT_NE(some.out.find("only        --opcode GETATTR ("), std::string::npos) << some.out;
  const Result two = run(fusetrace({"report", "-p", "4194303,4194304", recording_}));
  EXPECT_EQ(two.status, 0) << two.err;
  EXPECT_NE(two.out.find("--pid 4194303 --pid 4194304"), std::string::npos) << two.out;
}

TEST_F(Errors, OptionsOfAllCommandsStandOnBothSides) {
  const Words anywhere[] = {{"--log-level", "err", "report", "/none"},
                            {"report", "/none", "--log-level", "err"},
                            {"report", "--color", "never", "/none"}};
  for (const Words& words : anywhere) expect_error(words, 1, "/none");
  EXPECT_EQ(run(fusetrace({"-V"})).out, run(fusetrace({"--version"})).out);
  EXPECT_EQ(run(fusetrace({"help", "report"})).out, run(fusetrace({"report", "--help"})).out);
  EXPECT_EQ(run(fusetrace({"help"})).out, run(fusetrace({"--help"})).out);
  expect_usage({"help", "frob"}, "there is no command 'frob'");
  EXPECT_EQ(run(fusetrace({"--help"})).out.find("->"), std::string::npos);
}

TEST_F(Errors, WhatTheParserSaysIsPlain) {
  expect_usage({"--log-level", "loud", "list"},
               "'loud' is not a log level; there are trace, debug");
  expect_usage({"report", "--by", "frob"}, "'frob' is not a table of the report");
  expect_usage({"record", "--connection", "x"}, "'x' is not a number that --connection can take");
  expect_usage({"record", "--mount"}, "--mount needs a value");
}

TEST_F(Errors, StatusOfTheCommandIsCarried) {
  for (const int status : {0, 1, 2, 7, 200}) {
    const Result result = run(fusetrace(
        {"record", "-o", recording_, "--", "sh", "-c", "exit " + std::to_string(status)}));
    EXPECT_EQ(result.status, status) << result.err;
  }
  const Result killed =
      run(fusetrace({"record", "-o", recording_, "--", "sh", "-c", "kill -KILL $$"}));
  EXPECT_EQ(killed.status, 128 + 9);
}

TEST_F(Errors, WrongUsage) {
  expect_usage({}, "a command is needed");
  expect_usage({"--frob"}, "--frob");
  expect_usage({"frobnicate"}, "frobnicate");
  expect_usage({"record", "--frob"}, "--frob");
  expect_usage({"record", "-o", recording_, "-d", "soon"}, "soon");
  expect_usage({"record", "-o", recording_, "--sample", "half", "--", "true"}, "half");
  expect_usage({"record", "-o", recording_, "--buffer", "much", "--", "true"}, "much");
  expect_usage({"export", recording_, "--format", "png"}, "png");
  expect_usage({"bench", "--op", "frob"}, "frob");
  expect_usage({"report", recording_, "--by", "frob"}, "frob");
  EXPECT_FALSE(std::filesystem::exists(recording_));
}

TEST_F(Errors, FilesThatAreNoWholeRecording) {
  const std::string good = good_recording();
  std::string future = good;
  future[8] = 9;  // the major version (docs/recording-format.md)
  std::string damaged = good;
  damaged[30] ^= 1;  // in the header's JSON
  const std::vector<std::pair<std::string, std::string>> files{
      {path("missing"), "No such file or directory"},
      {write_file("empty", ""), "is empty"},
      {write_file("foreign", std::string(5000, 'x')), "is not a fusetrace recording"},
      {write_file("future", future), "has version 9.0"},
      {write_file("damaged", damaged), "damaged"}};
  for (const auto& [file, says] : files) {
    expect_error({"report", file}, 1, says);
    expect_error({"report", "--json", file}, 1, says);
    expect_error({"export", "--format", "csv", file}, 1, says);
  }
}

TEST_F(Errors, DamageFurtherInIsToldAndWhatIsBeforeItRead) {
  std::string bytes = good_recording();
  const Json whole = report();
  bytes[bytes.size() / 2] ^= 1;
  write_file("r.rec", bytes);
  const Json seen = report();
  EXPECT_EQ(seen.at("truncated"), true);
  EXPECT_LT(seen.at("requests"), whole.at("requests"));
  const Result text = run(fusetrace({"report", recording_}));
  EXPECT_EQ(text.status, 0);
  EXPECT_NE(text.out.find("damaged"), std::string::npos) << text.out;
}

TEST_F(Errors, BenchOnAMountPointThatDoesNotDo) {
  expect_error({"bench", "--requests", "10", path("none")}, 1, "No such file or directory");
  expect_error({"bench", "--requests", "10", write_file("file", "")}, 1, "Not a directory");
}

}  // namespace
}  // namespace fusetrace::test
