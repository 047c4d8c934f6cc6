// SPDX-License-Identifier: Apache-2.0
// What queuers and readers do, step by step, as programs over shared variables; for the
// search in queue_protocol.cpp only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "patches/queue_protocol.h"

namespace fusetrace::patches {

constexpr int kShards = 2;
constexpr int kReaders = 2;

// Shared variables. Per shard: its lock, requests pending, whether it is published as
// busy, the lock of its readers' wait queue. Per reader: whether it is in that queue, a
// signal pending.
enum Variable : std::uint8_t {
  kShardLock = 0,
  kPending = kShardLock + kShards,
  kBusy = kPending + kShards,
  kQueueLock = kBusy + kShards,
  kIdle = kQueueLock + kShards,
  kWaiting = kIdle + kShards,
  kSignalled = kWaiting + kReaders,
  kTaken = kSignalled + kReaders,  // per reader, its own
  kControlLock = kTaken + kReaders,
  kControlPending,
  kConnectedFlag,
  kVariables,
};

enum class Op : std::uint8_t {
  kStore,    // variable = value
  kAdd,      // variable += value, under its lock or by its only writer
  kLock,     // acquire; waits until the variable is 0
  kUnlock,   // release
  kBarrier,  // waits until every store of this thread is visible
  kIfZero,   // goes to target if the variable is 0
  kIfSet,    // goes to target if it is not
  kJump,
  kSleep,  // waits until variable (waiting) is 0 or the one after kReaders (signal) is set
  kEnd,
};

struct Instruction {
  Op op;
  std::uint8_t variable = 0;
  std::int8_t value = 0;
  std::int16_t target = 0;
};

struct Program {
  std::string name;
  std::vector<Instruction> code;

  int add(Op op, int variable = 0, int value = 0) {
    code.push_back({op, static_cast<std::uint8_t>(variable), static_cast<std::int8_t>(value), 0});
    return static_cast<int>(code.size()) - 1;
  }
  [[nodiscard]] int here() const { return static_cast<int>(code.size()); }
  void land(int jump) {
    code[static_cast<std::size_t>(jump)].target = static_cast<std::int16_t>(here());
  }
  void land(const std::vector<int>& jumps) {
    for (int jump : jumps) land(jump);
  }
  void jump_to(int target) {
    code[static_cast<std::size_t>(add(Op::kJump))].target = static_cast<std::int16_t>(target);
  }
};

// The threads of a cast, with `left_out` missing from each that it concerns.
std::vector<Program> programs(Cast cast, Rule left_out);

}  // namespace fusetrace::patches
