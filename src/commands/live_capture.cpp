// SPDX-License-Identifier: Apache-2.0
#include "commands/live_capture.h"

#include "model/count_request.h"
#include "system/clock.h"

namespace fusetrace {

Result<LiveCapture> LiveCapture::start(const PreparedCapture& prepared, const CaptureOptions& asked,
                                       const std::vector<std::string>& command) {
  TracerOptions options = prepared.tracer;
  options.totals = true;
  auto tracer = Tracer::start(prepared.features, options);
  if (!tracer) return tl::make_unexpected(tracer.error());
  CaptureInfo info = describe_capture(command, asked, *tracer, 1);
  LiveCapture capture(std::move(*tracer), std::move(info));
  if (auto done = capture.refresh(); !done) return tl::make_unexpected(done.error());
  return capture;
}

Result<void> LiveCapture::find_new_connections() {
  return connections_.find(tracer_.connections(), [this] { return tracer_.scan_devices(); });
}

Result<void> LiveCapture::refresh() {
  return connections_.refresh([this] { return tracer_.scan_devices(); });
}

Result<void> LiveCapture::stop() {
  std::vector<ft_task> no_tasks;
  auto done = tracer_.stop(unreturned_, no_tasks);
  info_.end_ns = capture_clock_ns();
  return done;
}

Snapshot LiveCapture::snapshot() const {
  Snapshot out;
  out.info = info_;
  out.info.connections = connections_.connections();
  out.losses = tracer_.losses();
  // Counts that belong together may be read a moment apart. Where there are many, one more or
  // less is not seen; a frame of a quiet file system would show a hop without its latency.
  constexpr int tries = 3;
  constexpr uint64_t few = 16;
  for (int i = 0; i < tries; ++i) {
    tracer_.read_totals(out);
    const uint64_t apart = out.hops_without_latency();
    if (apart == 0 || apart > few) break;
  }
  for (const ft_request& r : unreturned_) {
    const RequestFacts facts = facts_of(r, info_.topology);
    count_request(out.cells[{r.connection, r.opcode}], r, facts);
    out.losses.lost[FT_LOSS_CLOCK_BACKWARDS] += facts.stages.backwards;
  }
  const uint64_t end = info_.end_ns != 0 ? info_.end_ns : capture_clock_ns();
  out.seconds = static_cast<double>(end - info_.start_ns) / 1e9;
  return out;
}

}  // namespace fusetrace
