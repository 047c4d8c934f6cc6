// SPDX-License-Identifier: Apache-2.0
#include "commands/metrics_server.h"

#include <civetweb.h>
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <mutex>

#include "commands/version.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;

// However often somebody asks, the totals are read and written out no more often
// than this.
constexpr std::chrono::milliseconds least_age{200};

int answer(mg_connection* connection, int status, const char* reason, const char* type,
           const std::string& body) {
  const mg_request_info* request = mg_get_request_info(connection);
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n",
            status, reason, type, body.size());
  if (std::strcmp(request->request_method, "HEAD") != 0) {
    mg_write(connection, body.data(), body.size());
  }
  return status;
}

// Only to look: everything else is refused.
bool is_look(mg_connection* connection) {
  const char* method = mg_get_request_info(connection)->request_method;
  if (std::strcmp(method, "GET") == 0 || std::strcmp(method, "HEAD") == 0) return true;
  answer(connection, 405, "Method Not Allowed", "text/plain; charset=utf-8",
         "Only GET and HEAD are answered.\n");
  return false;
}

}  // namespace

// The text that was made last.
struct MetricsServer::Cache {
  std::function<std::string()> metrics;
  std::mutex mutex;
  std::shared_ptr<const std::string> text;
  Clock::time_point made;
  std::string error;

  std::shared_ptr<const std::string> get() {
    const std::lock_guard lock(mutex);
    if (!text || Clock::now() - made > least_age) {
      text = std::make_shared<const std::string>(metrics());
      made = Clock::now();
    }
    return text;
  }
};

Result<std::string> check_listen_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(port) == 0 || std::stoul(port) > 65535) {
    return fail("'" + text + "' is no address to listen on", "write ADDRESS:PORT: 127.0.0.1:9475");
  }
  // The library takes a port alone for all addresses.
  return colon == 0 ? port : text;
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const std::string& address,
                                                            std::function<std::string()> metrics) {
  auto checked = check_listen_address(address);
  if (!checked) return tl::make_unexpected(checked.error());
  std::unique_ptr<MetricsServer> server(new MetricsServer);
  server->cache_ = std::make_unique<Cache>();
  server->cache_->metrics = std::move(metrics);
  mg_init_library(0);
  // Few threads, small requests, short waits: somebody who sends garbage, or
  // nothing, holds one thread for two seconds.
  const char* options[] = {"listening_ports",
                           checked->c_str(),
                           "num_threads",
                           "8",
                           "request_timeout_ms",
                           "2000",
                           "max_request_size",
                           "8192",
                           "enable_keep_alive",
                           "no",
                           "connection_queue",
                           "64",
                           nullptr};
  mg_callbacks callbacks{};
  callbacks.log_message = [](const mg_connection* connection, const char* message) {
    auto* context = mg_get_context(connection);
    if (auto* cache = static_cast<Cache*>(mg_get_user_data(context))) cache->error = message;
    return 1;
  };
  errno = 0;
  server->context_ = mg_start(&callbacks, server->cache_.get(), options);
  if (server->context_ == nullptr) {
    return fail(fmt::format("cannot listen on {}: {}", address,
                            errno != 0 ? strerror(errno) : "the address does not do"),
                "--listen ADDRESS:PORT names another one");
  }
  mg_set_request_handler(server->context_, "/metrics$", on_metrics, server.get());
  mg_set_request_handler(server->context_, "/-/healthy$", on_healthy, server.get());
  mg_set_request_handler(server->context_, "/", on_page, server.get());
  return server;
}

MetricsServer::~MetricsServer() {
  if (context_ != nullptr) mg_stop(context_);
  mg_exit_library();
}

int MetricsServer::on_metrics(mg_connection* connection, void* self) {
  if (!is_look(connection)) return 405;
  const auto text = static_cast<MetricsServer*>(self)->cache_->get();
  return answer(connection, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", *text);
}

int MetricsServer::on_healthy(mg_connection* connection, void*) {
  if (!is_look(connection)) return 405;
  return answer(connection, 200, "OK", "text/plain; charset=utf-8", "fusetrace is healthy.\n");
}

int MetricsServer::on_page(mg_connection* connection, void*) {
  if (!is_look(connection)) return 405;
  if (std::strcmp(mg_get_request_info(connection)->local_uri, "/") != 0) {
    return answer(connection, 404, "Not Found", "text/plain; charset=utf-8",
                  "Nothing is here; /metrics is.\n");
  }
  return answer(
      connection, 200, "OK", "text/html; charset=utf-8",
      "<!doctype html><html lang=en><title>fusetrace</title><h1>fusetrace " FUSETRACE_VERSION
      "</h1><p>FUSE requests of this machine: <a href=/metrics>metrics</a> for "
      "Prometheus.</html>\n");
}

}  // namespace fusetrace
