// SPDX-License-Identifier: Apache-2.0
// The HTTP server of `fusetrace serve`. It answers /metrics, /-/healthy, and / with a page
// that explains the two. One thread waits for all connections at once, so that somebody who
// sends slowly, or nothing, holds a few bytes of memory and nobody else.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "model/error.h"

namespace fusetrace {

// Checks an address such as "127.0.0.1:9475" or "[::1]:9475"; ":9475" means all addresses.
// Errors: the text has no port, or the port is out of range.
Result<std::string> check_listen_address(const std::string& text);

class MetricsServer {
 public:
  // A request's head is at most so long, and takes at most so long to arrive; an answer
  // takes at most so long to be read.
  static constexpr size_t max_request_bytes = 8192;
  static constexpr int request_ms = 2000;
  static constexpr int answer_ms = 10000;
  // Connections at a time, in all and from one address. For one more, the oldest from that
  // address that has not sent its request yet is closed; where all have, the new one.
  static constexpr size_t max_connections = 256;
  static constexpr size_t max_connections_of_peer = 64;

  // Serves from now on, in a thread of its own, which calls metrics. Errors: the
  // address cannot be listened on.
  static Result<std::unique_ptr<MetricsServer>> start(const std::string& address,
                                                      std::function<std::string()> metrics);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  class Loop;
  explicit MetricsServer(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace fusetrace
