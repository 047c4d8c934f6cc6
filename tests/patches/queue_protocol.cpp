// SPDX-License-Identifier: Apache-2.0
// The programs of a cast given to the search of tests/interleavings, and what is wrong with
// an end.
#include "patches/queue_protocol.h"

#include <memory>
#include <utility>

#include "interleavings/program.h"
#include "patches/queue_programs.h"

namespace fusetrace::patches {
namespace {

using interleavings::Access;
using interleavings::Location;

// A list of instructions; a node is the number of the next one.
class InstructionList final : public interleavings::Program {
 public:
  explicit InstructionList(patches::Program program)
      : interleavings::Program(program.name), code_(std::move(program.code)) {}

  Access at(int node) override {
    const Instruction& i = code_[static_cast<std::size_t>(node)];
    Access access{.op = op_of(i.op), .location = i.variable};
    switch (i.op) {
      case Op::kStore:
        access.value = static_cast<std::uint64_t>(i.value);
        break;
      case Op::kAdd:
        access.value = static_cast<std::uint64_t>(i.value);
        break;
      case Op::kUnlock:
        access.release = true;
        break;
      case Op::kSleep:
        access.second = static_cast<std::uint8_t>(i.variable + kReaders);
        break;
      default:
        break;
    }
    return access;
  }

  int after(int node, std::uint64_t result) override {
    const Instruction& i = code_[static_cast<std::size_t>(node)];
    const bool jumps = i.op == Op::kJump || (i.op == Op::kIfZero && result == 0) ||
                       (i.op == Op::kIfSet && result != 0);
    return jumps ? i.target : node + 1;
  }

 private:
  static interleavings::Op op_of(Op op) {
    switch (op) {
      case Op::kStore:
      case Op::kUnlock:
        return interleavings::Op::kStore;
      case Op::kAdd:
        return interleavings::Op::kAdd;
      case Op::kLock:
        return interleavings::Op::kLock;
      case Op::kBarrier:
        return interleavings::Op::kBarrier;
      case Op::kIfZero:
      case Op::kIfSet:
        return interleavings::Op::kLoad;
      case Op::kJump:
        return interleavings::Op::kNothing;
      case Op::kSleep:
        return interleavings::Op::kWait;
      case Op::kEnd:
        break;
    }
    return interleavings::Op::kEnd;
  }

  std::vector<Instruction> code_;
};

int requests_of(Cast cast) {
  return cast == Cast::kTwoQueuers ? 2 : cast == Cast::kControl || cast == Cast::kAbort ? 0 : 1;
}

std::vector<Location> locations() {
  std::vector<Location> all(kVariables);
  for (int i = 0; i < kVariables; ++i) {
    Location& location = all[static_cast<std::size_t>(i)];
    location.name = "variable " + std::to_string(i);
    location.locked =
        (i >= kPending && i < kPending + kShards) || (i >= kTaken && i < kTaken + kReaders);
  }
  all[kConnectedFlag].initial = 1;
  return all;
}

constexpr const char* kLost = "lost wakeup";
constexpr const char* kMiscounted = "miscounted";

// All is still: is there work left while a reader sleeps, or is a count wrong?
std::string fault_of(const interleavings::End& end, std::size_t threads, int requests) {
  std::uint64_t pending = 0;
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < kShards; ++i) pending += end.memory(kPending + i);
  for (std::size_t i = 0; i < kReaders; ++i) taken += end.memory(kTaken + i);
  const bool work =
      pending > 0 || end.memory(kControlPending) > 0 || end.memory(kConnectedFlag) == 0;
  if (pending + taken != static_cast<std::uint64_t>(requests)) return kMiscounted;
  for (std::size_t t = 0; t < threads; ++t) {
    // Nobody ends but by taking something; whoever has not ended sleeps
    if (work && !end.is_done(t)) return kLost;
  }
  return "";
}

}  // namespace

Outcome search(Cast cast, Memory memory, Rule left_out, std::uint64_t limit, bool early_loads) {
  std::vector<std::unique_ptr<InstructionList>> lists;
  interleavings::Setup setup;
  setup.locations = locations();
  for (Program& program : programs(cast, left_out)) {
    lists.push_back(std::make_unique<InstructionList>(std::move(program)));
    setup.programs.push_back(lists.back().get());
  }
  setup.memory = memory;
  setup.early_loads = early_loads;
  // Without it the figures of patches/v7.3/part2/MODELS.md are those of every access
  setup.find_private = early_loads;
  setup.limit = limit;
  setup.fault = [&](const interleavings::End& end) {
    return fault_of(end, lists.size(), requests_of(cast));
  };
  interleavings::Outcome found = interleavings::search(setup);
  return {.states = found.states,
          .lost_wakeup = found.fault == kLost,
          .miscounted = found.fault == kMiscounted,
          .complete = found.complete,
          .trace = std::move(found.trace)};
}

}  // namespace fusetrace::patches
