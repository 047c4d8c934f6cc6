// SPDX-License-Identifier: Apache-2.0
// A capture of running totals and what is known of its connections: what
// `stat`, `top` and `serve` look at.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "capture/features.h"
#include "capture/tracer.h"
#include "commands/capture_options.h"
#include "model/error.h"
#include "model/snapshot.h"

namespace fusetrace {

class LiveCapture {
 public:
  // Loads, attaches and starts to count; the command only names the capture.
  // Errors: those of Tracer::start().
  static Result<LiveCapture> start(const Features& features, TracerOptions options,
                                   const CaptureOptions& asked,
                                   const std::vector<std::string>& command);

  // Finds out about connections that were not known yet: cheap when there is
  // none. Their mount point must be found while it is there.
  void look();
  // Looks at all connections anew: limits, requests waiting, servers.
  void refresh();
  // Ends the counting; what is still open is counted as incomplete.
  void stop();

  // The counts since the start.
  Snapshot snapshot() const;
  // The threads of servers as start(), look() or refresh() last found them.
  const std::vector<ft_server_thread>& server_threads() const { return tracer_.server_threads(); }
  // Seconds that the programs ran while the kernel kept count: count_run_time().
  double run_seconds() const { return tracer_.run_seconds(); }

 private:
  LiveCapture(Tracer tracer, CaptureInfo info);

  Tracer tracer_;
  CaptureInfo info_;
  std::set<uint32_t> asked_;
};

}  // namespace fusetrace
