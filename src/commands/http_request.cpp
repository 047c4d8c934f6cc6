// SPDX-License-Identifier: Apache-2.0
#include "commands/http_request.h"

#include <algorithm>

namespace fusetrace {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

}  // namespace

HttpHead parse_http_request(std::string_view received, HttpRequest& request) {
  // A line end before the request is passed over (RFC 9112, section 2.2).
  while (received.starts_with("\r\n")) received.remove_prefix(2);
  const size_t line_end = received.find('\n');
  if (line_end == received.npos) return HttpHead::incomplete;
  std::string_view line = received.substr(0, line_end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return HttpHead::bad;
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return HttpHead::bad;
  request.method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(request.method) || target.find_first_of(" \t\0") != target.npos)
    return HttpHead::bad;
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    if (scheme == target.npos) return HttpHead::bad;
    const size_t path = target.find('/', scheme + 3);
    target = path == target.npos ? "/" : target.substr(path);
  }
  request.path = target.substr(0, target.find_first_of("?#"));
  const bool ends =
      received.find("\r\n\r\n") != received.npos || received.find("\n\n") != received.npos;
  return ends ? HttpHead::whole : HttpHead::incomplete;
}

}  // namespace fusetrace
