// SPDX-License-Identifier: Apache-2.0
// The search over all interleavings of the programs, and over all orders in which their
// stores become visible.
#include "patches/queue_protocol.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "patches/queue_programs.h"

namespace fusetrace::patches {
namespace {

constexpr int kMaxThreads = 4;
constexpr int kMaxStores = 10;

struct Store {
  std::uint8_t variable;
  std::int8_t value;
  std::uint8_t release;
};

// Only bytes, and all of them set, so that states compare as memory.
struct State {
  std::array<std::int8_t, kVariables> memory{};
  std::array<std::uint8_t, kMaxThreads> at{};
  std::array<std::uint8_t, kMaxThreads> stores{};
  std::array<std::array<Store, kMaxStores>, kMaxThreads> buffer{};

  bool operator==(const State& other) const {
    return std::memcmp(this, &other, sizeof(State)) == 0;
  }
};

struct StateHash {
  std::size_t operator()(const State& state) const {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&state), sizeof(State)});
  }
};

class Search {
 public:
  Search(Cast cast, Memory memory, Rule left_out)
      : programs_(programs(cast, left_out)), memory_(memory), requests_(requests_of(cast)) {}

  Outcome run(std::uint64_t limit) {
    State first;
    first.memory[kConnectedFlag] = 1;
    visit(first, nullptr, -1, false);
    while (!open_.empty() && seen_.size() < limit) {
      const State* state = open_.back();
      open_.pop_back();
      if (expand(*state)) continue;
      if (wrong_end(*state)) {
        tell(state);
        outcome_.states = seen_.size();
        return outcome_;
      }
    }
    outcome_.complete = open_.empty();
    outcome_.states = seen_.size();
    return outcome_;
  }

 private:
  struct Origin {
    const State* from;
    int thread;
    bool drained;
  };

  static int requests_of(Cast cast) {
    return cast == Cast::kTwoQueuers ? 2 : cast == Cast::kControl || cast == Cast::kAbort ? 0 : 1;
  }

  void visit(const State& state, const State* from, int thread, bool drained) {
    auto [it, fresh] = seen_.emplace(state, Origin{from, thread, drained});
    if (fresh) open_.push_back(&it->first);
  }

  // What thread `t` reads: its own latest store, else memory.
  static int load(const State& s, std::size_t t, int variable) {
    for (int i = s.stores[t]; i-- > 0;) {
      const Store& store = s.buffer[t][static_cast<std::size_t>(i)];
      if (store.variable == variable) return store.value;
    }
    return s.memory[static_cast<std::size_t>(variable)];
  }

  void store(State& s, std::size_t t, int variable, int value, bool release) const {
    if (memory_ == Memory::kSequential) {
      s.memory[static_cast<std::size_t>(variable)] = static_cast<std::int8_t>(value);
      return;
    }
    s.buffer[t][s.stores[t]++] = {static_cast<std::uint8_t>(variable),
                                  static_cast<std::int8_t>(value),
                                  static_cast<std::uint8_t>(release)};
  }

  // True if thread `t` can go on; `s` is then the state after its step.
  bool step(State& s, std::size_t t) const {
    const Instruction& i = programs_[t].code[s.at[t]];
    int next = s.at[t] + 1;
    switch (i.op) {
      case Op::kEnd:
        return false;
      case Op::kStore:
      case Op::kAdd:
      case Op::kUnlock: {
        if (s.stores[t] == kMaxStores) return false;
        const int value = i.op == Op::kStore ? i.value
                          : i.op == Op::kAdd ? load(s, t, i.variable) + i.value
                                             : 0;
        store(s, t, i.variable, value, i.op == Op::kUnlock);
        break;
      }
      case Op::kLock:
        // An atomic operation goes to memory; x86 empties the store buffer with it
        if (memory_ == Memory::kTotalStore && s.stores[t] > 0) return false;
        if (buffered(s, t, i.variable) || s.memory[i.variable] != 0) return false;
        s.memory[i.variable] = 1;
        break;
      case Op::kBarrier:
        if (s.stores[t] > 0) return false;
        break;
      case Op::kIfZero:
        if (load(s, t, i.variable) == 0) next = i.target;
        break;
      case Op::kIfSet:
        if (load(s, t, i.variable) != 0) next = i.target;
        break;
      case Op::kJump:
        next = i.target;
        break;
      case Op::kSleep:
        if (load(s, t, i.variable) != 0 && load(s, t, i.variable + kReaders) == 0) return false;
        break;
    }
    s.at[t] = static_cast<std::uint8_t>(next);
    return true;
  }

  static bool buffered(const State& s, std::size_t t, int variable) {
    return std::any_of(s.buffer[t].begin(), s.buffer[t].begin() + s.stores[t],
                       [&](const Store& store) { return store.variable == variable; });
  }

  // Whether the store at `n` of thread `t` may become visible next.
  bool may_drain(const State& s, std::size_t t, std::size_t n) const {
    if (n == 0) return true;
    if (memory_ != Memory::kWeak || s.buffer[t][n].release) return false;
    return std::none_of(
        s.buffer[t].begin(), s.buffer[t].begin() + static_cast<long>(n),
        [&](const Store& earlier) { return earlier.variable == s.buffer[t][n].variable; });
  }

  static void drain(State& s, std::size_t t, std::size_t n) {
    const Store done = s.buffer[t][n];
    s.memory[done.variable] = done.value;
    std::copy(s.buffer[t].begin() + static_cast<long>(n) + 1, s.buffer[t].begin() + s.stores[t],
              s.buffer[t].begin() + static_cast<long>(n));
    s.buffer[t][--s.stores[t]] = {};
  }

  // Whether the next step of thread `t` touches nothing that others see or change: what it
  // stores goes to its buffer, what it reads is under a lock that it holds.
  [[nodiscard]] bool is_private(const State& s, std::size_t t) const {
    const Op op = programs_[t].code[s.at[t]].op;
    if (op == Op::kJump) return true;
    return memory_ != Memory::kSequential &&
           (op == Op::kStore || op == Op::kAdd || op == Op::kUnlock);
  }

  // Variables that are read under their lock only.
  static bool read_under_lock(int variable) {
    return (variable >= kPending && variable < kPending + kShards) ||
           (variable >= kTaken && variable < kTaken + kReaders);
  }

  // A step that commutes with all that other threads can do is taken first and alone: every
  // state in which nothing can go on is still reached. False if there is none.
  bool expand_private(const State& state) {
    for (std::size_t t = 0; t < programs_.size(); ++t) {
      State next = state;
      if (is_private(state, t) && step(next, t)) {
        visit(next, &state, static_cast<int>(t), false);
        return true;
      }
      for (std::size_t n = 0; n < state.stores[t]; ++n) {
        if (!read_under_lock(state.buffer[t][n].variable) || !may_drain(state, t, n)) continue;
        drain(next, t, n);
        visit(next, &state, static_cast<int>(t), true);
        return true;
      }
    }
    return false;
  }

  // Visits what follows; false if nothing does.
  bool expand(const State& state) {
    if (expand_private(state)) return true;
    bool any = false;
    for (std::size_t t = 0; t < programs_.size(); ++t) {
      State next = state;
      if (step(next, t)) {
        any = true;
        visit(next, &state, static_cast<int>(t), false);
      }
      for (std::size_t n = 0; n < state.stores[t]; ++n) {
        if (!may_drain(state, t, n)) continue;
        next = state;
        drain(next, t, n);
        any = true;
        visit(next, &state, static_cast<int>(t), true);
      }
    }
    return any;
  }

  // All is still: is there work left while a reader sleeps, or is a count wrong?
  bool wrong_end(const State& s) {
    int pending = 0;
    int taken = 0;
    for (int i = 0; i < kShards; ++i) pending += s.memory[static_cast<std::size_t>(kPending + i)];
    for (int i = 0; i < kReaders; ++i) taken += s.memory[static_cast<std::size_t>(kTaken + i)];
    const bool work = pending > 0 || s.memory[kControlPending] > 0 || s.memory[kConnectedFlag] == 0;
    bool asleep = false;
    for (std::size_t t = 0; t < programs_.size(); ++t) {
      asleep |= programs_[t].code[s.at[t]].op == Op::kSleep;
    }
    outcome_.lost_wakeup = work && asleep;
    outcome_.miscounted = pending + taken != requests_;
    return outcome_.lost_wakeup || outcome_.miscounted;
  }

  void tell(const State* state) {
    while (true) {
      const Origin& origin = seen_.at(*state);
      if (origin.from == nullptr) break;
      const auto t = static_cast<std::size_t>(origin.thread);
      outcome_.trace.push_back(programs_[t].name +
                               (origin.drained ? ": a store becomes visible"
                                               : ": step " + std::to_string(origin.from->at[t])));
      state = origin.from;
    }
    std::reverse(outcome_.trace.begin(), outcome_.trace.end());
  }

  std::vector<Program> programs_;
  Memory memory_;
  int requests_;
  std::unordered_map<State, Origin, StateHash> seen_;  // nodes stay where they are
  std::vector<const State*> open_;
  Outcome outcome_;
};

}  // namespace

Outcome search(Cast cast, Memory memory, Rule left_out, std::uint64_t limit) {
  return Search(cast, memory, left_out).run(limit);
}

}  // namespace fusetrace::patches
