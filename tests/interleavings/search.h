// SPDX-License-Identifier: Apache-2.0
// An exhaustive search of what a few threads can do to shared memory: every interleaving,
// and every order in which a memory model lets their stores become visible and their loads
// be executed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "interleavings/program.h"

namespace fusetrace::interleavings {

// What the hardware may do with the accesses of a thread before others see them.
//
// kSequential: nothing. Each access takes effect at once.
//
// kTotalStore: x86. Stores wait in a buffer, first in first out; every atomic operation
// empties it first.
//
// kWeak: arm64, and no more order than that.
// - Stores wait, and leave the buffer in any order; those to one location in theirs.
// - A load may be executed early: it may return any value that the location had since the
//   last barrier of this thread, but never one older than the thread has read or written
//   there, nor one older than what was visible when the value was stored from which the
//   load's address was computed (an address dependency).
// - A store is never visible before an earlier load of its thread is executed, except
//   before a copying load (Location::copied), of which nothing but a record depends: that
//   one may be executed as late as the next barrier. So a branch orders later stores and no
//   later loads.
// - Atomic operations that return a value, and a compare-and-exchange that succeeds, are
//   full barriers; other atomic operations and a compare-and-exchange that fails order
//   nothing. That is what BPF promises (Documentation/bpf/standardization/instruction-set.rst
//   and Documentation/memory-barriers.txt, "value-returning atomics"), and what
//   arch/arm64/net/bpf_jit_comp.c emits: emit_lse_atomic() takes stadd and the like for
//   operations that return nothing, ldaddal, swpal and casal for those that do;
//   emit_ll_sc_atomic() ldxr/stxr for the former, ldxr/stlxr and "dmb ish" for the latter,
//   the barrier being jumped over where a compare-and-exchange fails.
// - All stores become visible to all other threads at once (multi-copy atomicity, Arm ARM
//   B2.3), and no load returns a value that depends on itself.
// Load-acquire and store-release are BPF instructions since 6.15 only, so no plain access
// has an order beyond these. `Access::release` is for kernel code (spin_unlock()).
enum class Memory { kSequential, kTotalStore, kWeak };
std::string_view name_of(Memory memory);

// A place in shared memory that is read and written as a whole.
struct Location {
  std::string name;
  std::uint64_t initial = 0;
  // No thread ever branches on it, nor stores what it read there: the search decides what a
  // load returned as late as it can, and keeps it as a result of the thread.
  bool copied = false;
  // Addresses are computed from its value (Access::depends).
  bool carries_dependency = false;
  // Only read by a thread that holds the lock which those who write it hold too.
  bool locked = false;
};

// A state in which nothing can go on.
class End {
 public:
  virtual ~End() = default;
  [[nodiscard]] virtual std::uint64_t memory(std::size_t location) const = 0;
  [[nodiscard]] virtual int node(std::size_t thread) const = 0;
  [[nodiscard]] virtual bool is_done(std::size_t thread) const = 0;
  // What copying load `number` of the thread returned.
  [[nodiscard]] virtual std::uint64_t result(std::size_t thread, std::size_t number) const = 0;
};

struct Setup {
  std::vector<Location> locations;
  std::vector<Program*> programs;  // one a thread
  Memory memory = Memory::kSequential;
  // What is wrong with an end, in a few words; empty: nothing.
  std::function<std::string(const End&)> fault;
  // Under kWeak: whether loads may be executed early. Without it there are far fewer states, and
  // what is found is still possible.
  bool early_loads = true;
  // Take a thread's accesses to locations that no other thread touches as steps of its own.
  // Which these are is found out by searching; a search that was wrong about it starts anew.
  bool find_private = true;
  std::uint64_t limit = 20'000'000;  // of distinct states
};

struct Outcome {
  std::uint64_t states = 0;        // distinct states that were visited
  std::uint64_t ends = 0;          // of which nothing could go on
  bool complete = false;           // every reachable state was visited; false if `limit` ended it
  std::string fault;               // what Setup::fault said of the first end with a fault, or
                                   // "race on …" (sequentially, Access::exclusive)
  std::vector<std::string> trace;  // steps that lead to it
};

// Visits every state until an end has a fault, up to `limit`. Throws std::length_error where
// the threads need more than the search has room for, and std::logic_error where a program
// breaks the rules above.
Outcome search(const Setup& setup);

}  // namespace fusetrace::interleavings
