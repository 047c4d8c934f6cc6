// SPDX-License-Identifier: Apache-2.0
// The HTTP side of `fusetrace serve`: /metrics, a page that says what this is,
// and /-/healthy.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/error.h"

struct mg_connection;
struct mg_context;

namespace fusetrace {

// "127.0.0.1:9475", "[::1]:9475", ":9475" for all addresses. Errors: no port in
// it, or one out of range.
Result<std::string> check_listen_address(const std::string& text);

class MetricsServer {
 public:
  // Serves from now on, in threads of its own. metrics is called by one of them
  // at a time. Errors: the address cannot be listened on.
  static Result<std::unique_ptr<MetricsServer>> start(const std::string& address,
                                                      std::function<std::string()> metrics);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  MetricsServer() = default;
  static int on_metrics(mg_connection* connection, void* self);
  static int on_healthy(mg_connection* connection, void* self);
  static int on_page(mg_connection* connection, void* self);

  struct Cache;
  std::unique_ptr<Cache> cache_;
  mg_context* context_ = nullptr;
};

}  // namespace fusetrace
