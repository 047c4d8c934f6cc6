// SPDX-License-Identifier: Apache-2.0
#include "commands/connection_watch.h"

#include "capture/connections.h"

namespace fusetrace {
namespace {

// What a look would have told and may have changed since the last one.
void forget_numbers(Connection& connection) {
  connection.server_threads = -1;
  connection.waiting = -1;
  connection.max_background = -1;
  connection.congestion_threshold = -1;
  connection.queues.clear();
}

}  // namespace

Result<void> ConnectionWatch::refresh(const Scan& scan) {
  ++looks_;
  const auto devices = scan();
  if (!devices) {
    for (auto& [id, connection] : connections_) forget_numbers(connection);
    return tl::make_unexpected(devices.error());
  }
  for (auto& [id, connection] : connections_) connection.gone = true;
  for (auto& [id, connection] : find_connections(*devices)) {
    connections_.insert_or_assign(id, connection);
  }
  return {};
}

Result<void> ConnectionWatch::find(std::span<const uint32_t> ids, const Scan& scan) {
  bool unknown = false;
  for (const uint32_t id : ids) {
    unknown |= !connections_.contains(id) && !looked_for_.contains(id);
  }
  if (!unknown) return {};
  auto done = refresh(scan);
  if (done) looked_for_.insert(ids.begin(), ids.end());
  return done;
}

}  // namespace fusetrace
