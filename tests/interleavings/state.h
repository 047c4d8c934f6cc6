// SPDX-License-Identifier: Apache-2.0
// A state of the search, and the set of those that were visited; for search.cpp only.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interleavings/program.h"

namespace fusetrace::interleavings {

constexpr std::size_t kMaxThreads = 4;
constexpr std::size_t kMaxLocations = 24;
constexpr std::size_t kMaxHistory = 10;
constexpr std::size_t kMaxPending = 16;
constexpr std::size_t kMaxResults = 14;
constexpr std::size_t kMaxCarrying = 3;

// For every location a place in its history: older values are not to be read.
using View = std::array<std::uint8_t, kMaxLocations>;

// A store that is not visible yet.
struct Pending {
  std::uint8_t location = 0;
  std::uint8_t value = 0;
  bool release = false;
  bool adds = false;  // value is to be added
};

struct ThreadState {
  std::uint32_t node = 0;  // below 2^24
  std::uint8_t stores = 0;
  std::uint8_t results = 0;       // of copying loads, executed or not
  std::uint16_t unread = 0;       // a bit for each of them that is not executed yet
  std::uint8_t dependencies = 0;  // a bit for each location whose view counts
  std::array<Pending, kMaxPending> pending{};
  std::array<std::uint8_t, kMaxResults> result{};  // a value, or the location to be read
  View seen{};
  // What was visible when the value came that it read last of a location that carries one
  std::array<View, kMaxCarrying> dependency{};
};

// Values are numbers of the search's table of values.
struct State {
  std::array<std::uint8_t, kMaxLocations> length{};  // of the history, at least 1
  std::array<std::array<std::uint8_t, kMaxHistory>, kMaxLocations> history{};
  // What was visible when each value of a location that carries a dependency came
  std::array<std::array<View, kMaxHistory>, kMaxCarrying> visible{};
  std::array<ThreadState, kMaxThreads> threads{};
};

// How states are told apart and kept: only what can still matter is written.
class Encoding {
 public:
  Encoding(std::size_t locations, std::size_t threads, std::vector<std::uint8_t> carrying)
      : locations_(locations), threads_(threads), carrying_(std::move(carrying)) {}

  void write(const State& state, std::string& out) const;
  void read(std::string_view in, State& state) const;

 private:
  void write_view(const State& state, const View& view, std::string& out) const;

  std::size_t locations_;
  std::size_t threads_;
  std::vector<std::uint8_t> carrying_;  // locations that carry dependencies
};

// Distinct strings of bytes, numbered as they come.
class StateSet {
 public:
  // Its number, and whether it is new.
  std::pair<std::uint32_t, bool> insert(std::string_view bytes);
  [[nodiscard]] std::string_view operator[](std::uint32_t number) const;
  [[nodiscard]] std::size_t size() const { return starts_.size(); }

 private:
  void grow();

  static constexpr std::size_t kChunk = 1 << 22;
  std::vector<std::string> chunks_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> starts_;  // chunk << 32 | offset, length
  std::vector<std::uint32_t> table_;                             // number + 1, 0: free
};

}  // namespace fusetrace::interleavings
