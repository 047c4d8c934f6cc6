// SPDX-License-Identifier: Apache-2.0
#include "commands/live_capture.h"

#include "capture/connections.h"
#include "commands/capture_loop.h"

namespace fusetrace {

Result<LiveCapture> LiveCapture::start(const Features& features, TracerOptions options,
                                       const CaptureOptions& asked,
                                       const std::vector<std::string>& command) {
  options.totals = true;
  auto tracer = Tracer::start(features, options);
  if (!tracer) return tl::make_unexpected(tracer.error());
  CaptureInfo info = describe_capture(command, asked, *tracer, 1);
  return LiveCapture(std::move(*tracer), std::move(info));
}

LiveCapture::LiveCapture(Tracer tracer, CaptureInfo info)
    : tracer_(std::move(tracer)), info_(std::move(info)) {
  refresh();
}

void LiveCapture::look() {
  for (const uint32_t id : tracer_.connections()) {
    if (info_.connections.count(id) == 0 && asked_.insert(id).second) {
      refresh();
      return;
    }
  }
}

void LiveCapture::refresh() {
  auto devices = tracer_.scan_devices();
  for (auto& [id, connection] : info_.connections) connection.gone = true;
  for (auto& [id, connection] :
       find_connections(devices ? *devices : std::vector<ft_open_device>{})) {
    info_.connections.insert_or_assign(id, connection);
  }
}

void LiveCapture::stop() {
  std::vector<ft_request> none;
  std::vector<ft_task> no_tasks;
  tracer_.stop(none, no_tasks);
  info_.end_ns = capture_clock_ns();
}

Snapshot LiveCapture::snapshot() const {
  Snapshot out;
  out.info = info_;
  out.losses = tracer_.losses();
  tracer_.read_totals(out);
  const uint64_t end = info_.end_ns != 0 ? info_.end_ns : capture_clock_ns();
  out.seconds = static_cast<double>(end - info_.start_ns) / 1e9;
  return out;
}

}  // namespace fusetrace
