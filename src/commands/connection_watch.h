// SPDX-License-Identifier: Apache-2.0
// What a capture knows of its FUSE connections while they come and go.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"

namespace fusetrace {

class ConnectionWatch {
 public:
  // The open FUSE devices as they are now: Tracer::scan_devices().
  using Scan = std::function<Result<std::vector<ft_open_device>>()>;

  // Looks at all connections anew: limits, requests waiting, servers. Those that are not
  // there any more are kept and marked as gone. Errors: those of the scan. What is known
  // is then kept, nothing counts as gone, and the numbers that change are unknown.
  [[nodiscard]] Result<void> refresh(const Scan& scan);

  // Looks at all connections when one of these was not known yet; cheap when all are. The
  // mount point of a connection must be found while it is there. A connection that a look
  // did not find is not looked for again, unless the look failed.
  [[nodiscard]] Result<void> find(std::span<const uint32_t> ids, const Scan& scan);

  const std::map<uint32_t, Connection>& connections() const { return connections_; }
  // Counts the looks that changed something, or may have.
  uint64_t looks() const { return looks_; }

 private:
  std::map<uint32_t, Connection> connections_;
  std::set<uint32_t> looked_for_;
  uint64_t looks_ = 0;
};

}  // namespace fusetrace
