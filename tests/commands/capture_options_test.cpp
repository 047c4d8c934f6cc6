// SPDX-License-Identifier: Apache-2.0
// What record, stat, top and serve make of their options before they touch a kernel.
#include "commands/capture_options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "commands/prepare_capture.h"

namespace fusetrace {
namespace {

// Reads a command line as a command that captures does; throws what CLI11 throws.
CaptureOptions parse(std::vector<std::string> words, std::vector<std::string>* command = nullptr) {
  CLI::App app;
  CaptureOptions options;
  std::vector<std::string> rest;
  add_capture_options(app, options);
  app.add_option("command", command == nullptr ? rest : *command);
  std::reverse(words.begin(), words.end());
  app.parse(words);
  return options;
}

// The message of options that cannot be resolved.
Error resolve_error(const CaptureOptions& options) {
  const auto resolved = resolve_capture_options(options);
  return resolved ? Error{"nothing is wrong", ""} : resolved.error();
}

TEST(CaptureOptions, AFilterMayBeRepeatedAndLeavesTheCommandAlone) {
  std::vector<std::string> command;
  const auto options = parse(
      {"--connection", "41", "--connection", "42", "--opcode", "GETATTR,READ", "--", "ls", "-l"},
      &command);
  EXPECT_EQ(options.connections, (std::vector<uint32_t>{41, 42}));
  EXPECT_EQ(options.opcodes, (std::vector<std::string>{"GETATTR", "READ"}));
  EXPECT_EQ(command, (std::vector<std::string>{"ls", "-l"}));
}

TEST(CaptureOptions, NumbersAndNamesThatAreNoneAreRefusedByTheParser) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--connection", "x"},
                                                {"--connection", "-1"},
                                                {"--pid", "4294967296"},
                                                {"--probes", "frob"},
                                                {"--buffer", "much"},
                                                {"--buffer", "0"}}) {
    EXPECT_THROW(parse(words), CLI::ParseError) << testing::PrintToString(words);
  }
}

TEST(CaptureOptions, BecomeWhatTheTracerTakes) {
  CaptureOptions options;
  options.connections = {41};
  options.pids = {static_cast<uint32_t>(getpid())};
  options.opcodes = {"getattr", "READ"};
  options.buffer = "512K";
  options.probes = "kprobe";
  const auto tracer = resolve_capture_options(options);
  ASSERT_TRUE(tracer) << tracer.error().message;
  EXPECT_EQ(tracer->connections, options.connections);
  EXPECT_EQ(tracer->pids, options.pids);
  EXPECT_EQ(tracer->opcodes, (std::vector<uint32_t>{3, 15}));  // linux/fuse.h
  EXPECT_EQ(tracer->ring_bytes, 512u << 10);
  EXPECT_EQ(tracer->preference, ProbePreference::kprobe);
}

TEST(CaptureOptions, WhatDoesNotExistIsNamedWithTheWayOut) {
  CaptureOptions mount;
  mount.mounts = {"/no-such-mount-point"};
  EXPECT_EQ(resolve_error(mount).message, "no FUSE file system is mounted at /no-such-mount-point");
  EXPECT_NE(resolve_error(mount).hint, "");
  CaptureOptions pid;
  pid.pids = {4194304};  // above the greatest number that a pid can have
  EXPECT_EQ(resolve_error(pid).message, "there is no process 4194304");
  EXPECT_NE(resolve_error(pid).hint, "");
  CaptureOptions opcode;
  opcode.opcodes = {"FROB"};
  EXPECT_EQ(resolve_error(opcode).message, "there is no FUSE opcode FROB");
  EXPECT_NE(resolve_error(opcode).hint, "");
}

TEST(CaptureOptions, FiltersAreDescribedAsTheyWereGiven) {
  CaptureOptions options;
  options.connections = {41};
  options.mounts = {"/mnt"};
  options.pids = {7};
  options.cgroups = {"/sys/fs/cgroup/x"};
  options.opcodes = {"READ"};
  EXPECT_EQ(describe_filters(options),
            (std::vector<std::string>{"--connection 41", "--mount /mnt", "--pid 7",
                                      "--cgroup /sys/fs/cgroup/x", "--opcode READ"}));
}

TEST(CaptureOptions, SizesAreReadWithTheirUnit) {
  EXPECT_EQ(parse_bytes("1"), 1u);
  EXPECT_EQ(parse_bytes("512K"), 512u << 10);
  EXPECT_EQ(parse_bytes("4M"), 4u << 20);
  EXPECT_EQ(parse_bytes("4MiB"), 4u << 20);
  EXPECT_EQ(parse_bytes("2G"), 2ull << 30);
  for (const char* text : {"", "0", "K", "-1", "1T", "1.5M", "1 M", "99999999999999999999",
                           "18446744073709551615", "9007199254740992K"}) {
    const auto bytes = parse_bytes(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_NE(bytes.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(PrepareCapture, AWrongDurationIsWrongUsageAndOtherErrorsAreNot) {
  CaptureOptions soon;
  soon.duration = "soon";
  soon.mounts = {"/no-such-mount-point"};  // what is written wrong is said first
  const auto wrong = prepare_capture(soon);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().status, wrong_usage);
  EXPECT_NE(wrong.error().error.message.find("'soon'"), std::string::npos);

  CaptureOptions mount;
  mount.mounts = {"/no-such-mount-point"};
  const auto missing = prepare_capture(mount);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, 1);
}

TEST(PrepareCapture, AnIntervalHasALeast) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_interval("100ms", milliseconds(100)), milliseconds(100));
  const auto fast = parse_interval("99ms", milliseconds(100));
  ASSERT_FALSE(fast);
  EXPECT_EQ(fast.error().message, "an interval of 99ms is too short");
  EXPECT_EQ(fast.error().hint, "100ms or more");
  EXPECT_FALSE(parse_interval("soon", milliseconds(100)));
}

}  // namespace
}  // namespace fusetrace
