// SPDX-License-Identifier: Apache-2.0
// A running capture: the BPF programs loaded and attached by the probe plan,
// and the rings through which their records come.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/features.h"
#include "capture/probe_plan.h"
#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"
#include "model/snapshot.h"
#include "system/descriptor.h"

namespace fusetrace {

struct TracerOptions {
  // Filters, applied in the kernel; empty: everything. At most 16 of each kind
  // but opcodes, which must be below 128.
  std::vector<uint32_t> connections;
  std::vector<uint32_t> pids;  // tgid of client or server
  std::vector<std::string> cgroups;
  std::vector<uint32_t> opcodes;
  uint32_t sample_n = 1;  // keep one request in so many, chosen by hash
  // Bytes of each CPU's ring; rounded up to a power of two of at least a page.
  uint64_t ring_bytes = 4ull << 20;
  uint32_t slots = 32768;  // requests in flight that can be followed; a power of two
  ProbePreference preference = ProbePreference::best;
  // Keep running totals in the kernel in place of a record for each request.
  bool totals = false;
  // Told what libbpf and the verifier say; empty: kept quiet.
  std::function<void(const char*)> log;
};

class Tracer {
 public:
  // Loads, attaches, finds the servers that are already there, and starts.
  // Errors name the program or map, with the errno.
  [[nodiscard]] static Result<Tracer> start(const Features& features, const TracerOptions& options);

  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  ~Tracer();

  // Appends what has come since the last call, oldest first by end time.
  void drain(std::vector<ft_request>& requests, std::vector<ft_task>& tasks);

  // No request that is queued from now on is followed. Then drains the rest,
  // with the requests whose reply was seen but not their client's return, and
  // counts those still open as unanswered. Errors: the requests in flight cannot be
  // looked at; what was drained is there all the same.
  [[nodiscard]] Result<void> stop(std::vector<ft_request>& requests, std::vector<ft_task>& tasks);

  // Without totals in the options a Tracer streams; with them drain() gets
  // nothing, and these are the cells and connections since the start.
  void read_totals(Snapshot& out) const;
  // Connections that have totals.
  std::vector<uint32_t> connections() const;
  // Tells the kernel side which CPUs share what; for CPUs that came later too.
  void set_topology(const Topology& topology);

  Losses losses() const;
  const ProbePlan& plan() const;

  // Open FUSE devices as found now, by walking all open files in the kernel.
  [[nodiscard]] Result<std::vector<ft_open_device>> scan_devices();
  // Threads of server processes as the last scan found them.
  const std::vector<ft_server_thread>& server_threads() const;

  // Seconds that the programs ran while somebody had the kernel count them:
  // count_run_time(), or the sysctl kernel.bpf_stats_enabled.
  double run_seconds() const;

 private:
  struct State;
  explicit Tracer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Has the kernel count the run time of all BPF programs until it is closed,
// which makes each run slower by two looks at the clock. Invalid without
// CAP_SYS_ADMIN.
Descriptor count_run_time();

}  // namespace fusetrace
