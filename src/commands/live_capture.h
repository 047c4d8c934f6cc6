// SPDX-License-Identifier: Apache-2.0
// A capture of running totals and what is known of its connections: what
// `stat`, `top` and `serve` look at.
#pragma once

#include <string>
#include <vector>

#include "capture/tracer.h"
#include "commands/capture_options.h"
#include "commands/connection_watch.h"
#include "commands/prepare_capture.h"
#include "model/error.h"
#include "model/snapshot.h"

namespace fusetrace {

class LiveCapture {
 public:
  // Loads, attaches, starts to count and looks at the connections; the command only names
  // the capture. Errors: those of Tracer::start() and of the look.
  [[nodiscard]] static Result<LiveCapture> start(const PreparedCapture& prepared,
                                                 const CaptureOptions& asked,
                                                 const std::vector<std::string>& command = {});

  // Finds out about connections that were not known yet. As ConnectionWatch::find().
  [[nodiscard]] Result<void> find_new_connections();
  // Looks at all connections and servers anew. As ConnectionWatch::refresh().
  [[nodiscard]] Result<void> refresh();
  // Ends the counting; what is still open is counted as incomplete. Errors: it cannot be
  // told what is still open.
  [[nodiscard]] Result<void> stop();

  // The counts since the start.
  Snapshot snapshot() const;
  // The threads of servers as the last look that succeeded found them.
  const std::vector<ft_server_thread>& server_threads() const { return tracer_.server_threads(); }
  // Seconds that the programs ran while the kernel kept count: count_run_time().
  double run_seconds() const { return tracer_.run_seconds(); }

 private:
  LiveCapture(Tracer tracer, CaptureInfo info)
      : tracer_(std::move(tracer)), info_(std::move(info)) {}

  Tracer tracer_;
  CaptureInfo info_;  // but for the connections
  ConnectionWatch connections_;
  // Replied to before the end, but their client's return was not seen: the running totals do
  // not have them.
  std::vector<ft_request> unreturned_;
};

}  // namespace fusetrace
