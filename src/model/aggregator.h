// SPDX-License-Identifier: Apache-2.0
// Turns requests into a Snapshot, in memory that does not grow with their
// number: only with connections, opcodes, threads, CPUs and time, each up to a bound
// (model/limits.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/snapshot.h"
#include "model/told_apart.h"

namespace fusetrace {

class Aggregator {
 public:
  // Topology and start of the capture are taken from info.
  explicit Aggregator(const CaptureInfo& info);
  ~Aggregator();
  Aggregator(const Aggregator&) = delete;
  Aggregator& operator=(const Aggregator&) = delete;

  void add(std::span<const ft_request> requests);
  void add_tasks(std::span<const ft_task> tasks);

  // What is known at the end: replaces what the constructor was given.
  void set_info(const CaptureInfo& info);
  void set_losses(const Losses& losses) { losses_ = losses; }
  void set_truncation(std::string why) { truncation_ = std::move(why); }

  // The sum of all that was added. Losses include what was noticed here
  // (clock_backwards).
  Snapshot snapshot() const;

  // How long an interval is at first: a 64th of a second, so that doubling
  // comes by the whole second.
  static constexpr uint64_t first_interval_ns = 1'000'000'000 / 64;
  // More intervals than this make the interval twice as long.
  static constexpr size_t max_intervals = 2048;
  // Threads told apart on each side; those that come later are counted together by
  // their name.
  static constexpr size_t max_threads = 16384;

 private:
  struct PerConnection;

  void add_one(const ft_request& r);
  PerConnection& connection(uint32_t id);
  // One side's threads.
  struct Threads {
    std::unordered_map<uint32_t, ThreadTotals> by_tid;
    std::unordered_map<std::string, ThreadTotals> by_name;  // beyond max_threads
    std::array<std::pair<uint32_t, ThreadTotals*>, 256> recent = {};
  };
  ThreadTotals& thread(Threads& all, uint32_t tid);
  Interval& interval_of(uint64_t ns);
  void halve_intervals();

  void count_pair(CpuMatrix& matrix, uint32_t from, uint32_t to);

  Topology topology_;
  ToldApart told_apart_;
  size_t matrix_rows_left_ = limits::matrix_rows;
  size_t shards_ = 0;
  CaptureInfo info_;
  Losses losses_;
  std::string truncation_;
  uint64_t clock_backwards_ = 0;
  uint64_t last_ns_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<PerConnection>> connections_;
  PerConnection* last_connection_ = nullptr;
  Threads clients_;
  Threads servers_;
  std::unordered_map<uint32_t, ft_task> tasks_;
  std::vector<Interval> intervals_;
  uint64_t interval_ns_ = first_interval_ns;
  uint64_t origin_ns_ = 0;
};

}  // namespace fusetrace
