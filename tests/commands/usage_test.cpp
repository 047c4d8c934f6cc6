// SPDX-License-Identifier: Apache-2.0
// The program's exit statuses and messages, as far as they need no root: wrong usage is 2,
// what cannot be done is 1, and both say in one line what is wrong and where to read on.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernel/process.h"

namespace fusetrace::test {
namespace {

using Words = std::vector<std::string>;

Result fusetrace(const Words& arguments) {
  Words command = {FUSETRACE_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

// One line on stderr that begins with the program's name and says this; nothing on stdout.
void expect_complaint(const Words& arguments, int status, const std::string& says) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  const Result result = fusetrace(arguments);
  EXPECT_EQ(result.status, status) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(result.err.starts_with("fusetrace: ")) << result.err;
  EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
}

const Words commands = {"record", "report", "diff", "export", "stat",
                        "top",    "serve",  "list", "doctor", "bench"};

TEST(Usage, EveryCommandHasHelpWithItsOptions) {
  const Result all = fusetrace({"--help"});
  EXPECT_EQ(all.status, 0);
  for (const std::string& command : commands) {
    EXPECT_NE(all.out.find("\n  " + command + " "), std::string::npos) << command;
    const Result one = fusetrace({command, "--help"});
    EXPECT_EQ(one.status, 0) << command;
    EXPECT_NE(one.out.find("--help"), std::string::npos) << command;
    EXPECT_EQ(one.err, "") << command;
  }
}

TEST(Usage, TheVersionIsOneLine) {
  const Result version = fusetrace({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("fusetrace ")) << version.out;
  EXPECT_EQ(std::count(version.out.begin(), version.out.end(), '\n'), 1);
}

TEST(Usage, WrongUsageIsStatus2AndNamesTheHelpOfTheCommand) {
  expect_complaint({}, 2, "a command is needed (fusetrace --help");
  expect_complaint({"frobnicate"}, 2, "there is no command 'frobnicate' (fusetrace --help");
  expect_complaint({"--log-level", "debug", "frobnicate"}, 2, "'frobnicate'");
  expect_complaint({"--color", "mauve", "list"}, 2, "mauve");
  expect_complaint({"--log-level", "loud", "list"}, 2, "loud");
  for (const std::string& command : commands) {
    expect_complaint({command, "--frob"}, 2, "fusetrace " + command + " --help");
  }
}

TEST(Usage, ValuesThatAreWrittenWrongAreStatus2AndQuoted) {
  expect_complaint({"record", "-d", "soon", "--", "true"}, 2, "'soon'");
  expect_complaint({"record", "--sample", "half", "--", "true"}, 2, "'half'");
  expect_complaint({"record", "--buffer", "much", "--", "true"}, 2, "'much'");
  expect_complaint({"record", "--probes", "some", "--", "true"}, 2, "some");
  expect_complaint({"stat", "-I", "often"}, 2, "'often'");
  expect_complaint({"stat", "-I", "1ms"}, 2, "an interval of 1ms is too short (10ms or more)");
  expect_complaint({"stat", "-d", "0"}, 2, "'0'");
  expect_complaint({"stat", "--by", "frob"}, 2, "frob");
  expect_complaint({"top", "-i", "50ms"}, 2, "an interval of 50ms is too short (100ms or more)");
  expect_complaint({"top", "-b", "-d", "soon"}, 2, "'soon'");
  expect_complaint({"serve", "--listen", "here"}, 2, "'here'");
  expect_complaint({"serve", "--listen", "127.0.0.1:99999"}, 2, "99999");
  expect_complaint({"serve", "--max-connections", "0"}, 2, "--max-connections");
  expect_complaint({"bench", "--op", "frob"}, 2, "'frob'");
  expect_complaint({"bench", "--servers", "0"}, 2, "--servers 0");
  expect_complaint({"bench", "--client-cpus", "1-"}, 2, "'1-'");
  expect_complaint({"bench", "--spread"}, 2, "--spread");
  expect_complaint({"bench", "-d", "soon"}, 2, "'soon'");
  expect_complaint({"report", A_RECORDING, "--by", "frob"}, 2, "frob");
  expect_complaint({"export", A_RECORDING, "--format", "png"}, 2, "png");
}

TEST(Usage, WhatCannotBeReadIsStatus1) {
  const std::string missing = "/no-such-folder/r.rec";
  for (const Words& words : {Words{"report", missing}, Words{"report", "--json", missing},
                             Words{"export", "--format", "csv", missing},
                             Words{"diff", "--base", missing, "--new", A_RECORDING},
                             Words{"diff", "--base", A_RECORDING, "--new", missing}}) {
    expect_complaint(words, 1, missing + ": No such file or directory");
  }
  expect_complaint({"report", "/proc/self/cmdline"}, 1, "/proc/self/cmdline");
  expect_complaint({"report", A_RECORDING, "--mount", "/no-such-mount"}, 1, "/no-such-mount");
  expect_complaint({"report", A_RECORDING, "--opcode", "FROB"}, 1, "FROB");
  expect_complaint({"stat", "--mount", "/no-such-mount"}, 1,
                   "no FUSE file system is mounted at /no-such-mount");
  expect_complaint({"record", "--pid", "4194304", "--", "true"}, 1, "there is no process 4194304");
}

TEST(Usage, ARecordingIsReportedInEachForm) {
  for (const Words& words : {Words{"report", A_RECORDING}, Words{"report", "--json", A_RECORDING},
                             Words{"export", "--format", "csv", A_RECORDING}}) {
    SCOPED_TRACE(testing::PrintToString(words));
    const Result result = fusetrace(words);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "");
    EXPECT_NE(result.out, "");
    EXPECT_EQ(result.out.find('\033'), std::string::npos) << "no colour without a terminal";
  }
}

}  // namespace
}  // namespace fusetrace::test
