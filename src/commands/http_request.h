// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP request, as far as `fusetrace serve` needs it (RFC 9112).
#pragma once

#include <cstddef>
#include <string_view>

namespace fusetrace {

struct HttpRequest {
  std::string_view method;
  std::string_view path;  // without its query: "/metrics"
};

enum class HttpHead { incomplete, bad, whole };

// Reads the head at the start of what was received. The target may be a path, or a
// whole address as proxies send it ("http://host:9475/metrics"). request points into
// received.
HttpHead parse_http_request(std::string_view received, HttpRequest& request);

}  // namespace fusetrace
