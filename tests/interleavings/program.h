// SPDX-License-Identifier: Apache-2.0
// What a thread does, as the search sees it: one access to shared memory after another, each
// chosen by what the accesses before it returned.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace fusetrace::interleavings {

enum class Op : std::uint8_t {
  kEnd,       // the thread is done
  kNothing,   // a step that touches no shared memory
  kLoad,      // plain load; returns the value
  kStore,     // plain store of `value`
  kAdd,       // plain load, then store of the sum with `value`; under a lock or by the only writer
  kLooseAdd,  // atomic addition that returns nothing, and orders nothing
  kExchange,  // atomic; returns the old value; with the order of Memory's "returning atomics"
  kFetchAdd,  // the same
  kFetchOr,
  kFetchAnd,
  kCompareExchange,       // the same; if it fails it is no more than a load of the value it returns
  kLooseCompareExchange,  // atomic, and orders nothing; no hardware has it
  kLock,                  // waits until the location is 0, sets it to 1; later loads come after it
  kBarrier,               // full barrier
  kWait,                  // waits until `location` is 0 or `second` is not
};

struct Access {
  Op op = Op::kEnd;
  std::uint8_t location = 0;  // index into Setup::locations
  std::uint8_t second = 0;    // kWait
  bool release = false;       // a store that becomes visible after everything before it
  bool exclusive = false;     // by the protocol nobody else accesses the location now
  // The address was computed from the latest loads of these locations: a bit for each of those
  // that carry a dependency, in their order
  std::uint8_t depends = 0;
  std::int8_t number = -1;  // of a copying load: its number among them
  std::uint64_t value = 0;
  std::uint64_t expected = 0;  // kCompareExchange
};

// A program is a graph of nodes, numbered from 0, the first. It may be built while it is
// searched: asking for the same thing twice gives the same answer.
class Program {
 public:
  explicit Program(std::string name) : name_(std::move(name)) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  // What the thread does at `node`.
  virtual Access at(int node) = 0;
  // The node after the access at `node` returned `result` (0 where it returns nothing).
  virtual int after(int node, std::uint64_t result) = 0;
  // For a trace: where in the program `node` is.
  [[nodiscard]] virtual std::string describe(int node) { return "step " + std::to_string(node); }

 private:
  std::string name_;
};

}  // namespace fusetrace::interleavings
