// SPDX-License-Identifier: Apache-2.0
// What is known about a capture besides its requests: the machine, the probes
// in use, the connections. Stored in a recording's header, shown by every view.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fusetrace.h"
#include "model/topology.h"

namespace fusetrace {

// One point of a request's life and how this capture sees it.
struct Probe {
  std::string point;   // "queued", "picked_up", "replied", "sched_waking", ...
  std::string hook;    // "tp_btf/fuse_request_send"; empty: not seen
  std::string reason;  // why this hook and no better one, or why unknown
};

// A shard of a connection's input queue, as the kernel tells of it in fusectl. Counts
// since the mount.
struct InputQueue {
  std::string cpus;  // whose clients queue on it: "0-3,8"
  uint64_t pending = 0;
  uint64_t oldest_us = 0;  // age of the oldest that is pending, in µs
  uint64_t queued = 0;
  uint64_t taken = 0;
  uint64_t stolen = 0;  // of taken, by readers on the CPUs of other shards
};

// A FUSE connection as the capture found it. Unknown numbers are -1.
struct Connection {
  uint32_t id = 0;
  std::string mount;   // mount point in the mount namespace it was found in; empty: not found
  std::string fstype;  // "fuse.bindfs", "fuseblk", "virtiofs", "cuse"
  std::string source;  // first column of mountinfo's second half
  std::string server_comm;
  uint32_t server_tgid = 0;
  int64_t server_threads = -1;
  std::string transport;  // "dev", "io_uring", "virtiofs", "cuse"; empty: unknown
  int64_t waiting = -1;
  int64_t max_background = -1;
  int64_t congestion_threshold = -1;
  std::vector<InputQueue> queues;  // by shard; empty: not told; never stored
  bool gone = false;               // it was there earlier in this capture; never stored
};

struct CaptureInfo {
  std::string kernel;   // uname -r
  std::string machine;  // uname -m
  std::string hostname;
  std::string fusetrace_version;
  std::vector<std::string> command_line;  // of the workload; empty: none
  std::vector<std::string> filters;       // as given: "--opcode GETATTR"
  Topology topology;
  std::vector<Probe> probes;
  std::map<uint32_t, Connection> connections;
  // CLOCK_MONOTONIC of start and end, and CLOCK_REALTIME - CLOCK_MONOTONIC at
  // the start, in ns. end_ns is 0 while a capture runs or when it was cut off.
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  int64_t realtime_offset_ns = 0;
  // CLOCK_BOOTTIME - CLOCK_MONOTONIC at the start: the time spent suspended.
  int64_t boottime_offset_ns = 0;
  // One request in sample_n was kept, chosen by hash; 1: all.
  uint32_t sample_n = 1;
  // Of the view, not of the capture, and never stored: the filters through which a recording
  // is looked at, as given, and how many of its requests they leave out.
  std::vector<std::string> view_filters;
  uint64_t left_out = 0;
};

// Running counts of what was lost and what is incomplete, since the start.
struct Losses {
  uint64_t lost[FT_LOSSES] = {};
  uint64_t incomplete[FT_INCOMPLETES] = {};

  uint64_t total_lost() const {
    uint64_t sum = 0;
    for (uint64_t n : lost) sum += n;
    return sum;
  }
  uint64_t total_incomplete() const {
    uint64_t sum = 0;
    for (uint64_t n : incomplete) sum += n;
    return sum;
  }
};

// JSON keys and metric labels of the counters above, in their order.
inline constexpr const char* loss_names[FT_LOSSES] = {
    "ring_full",         "table_full",      "task_full",   "recursion",     "unmatched_pickup",
    "unreadable_header", "clock_backwards", "totals_full", "unknown_record"};
inline constexpr const char* incomplete_names[FT_INCOMPLETES] = {"before_start", "unanswered",
                                                                 "abandoned"};

}  // namespace fusetrace
