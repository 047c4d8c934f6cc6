// SPDX-License-Identifier: Apache-2.0
#include "commands/http_request.h"

#include <gtest/gtest.h>

#include <string>

namespace fusetrace {
namespace {

HttpHead parse(std::string_view text, HttpRequest& request) {
  return parse_http_request(text, request);
}

TEST(HttpRequest, APathAndAWholeAddressAreTheSame) {
  for (const char* target :
       {"/metrics", "http://127.0.0.1:9475/metrics", "http://[::1]:9475/metrics?x=1#y"}) {
    HttpRequest request;
    const std::string text = std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(parse(text, request), HttpHead::whole) << target;
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.path, "/metrics") << target;
  }
  HttpRequest request;
  ASSERT_EQ(parse("GET http://host HTTP/1.0\n\n", request), HttpHead::whole);
  EXPECT_EQ(request.path, "/");
}

TEST(HttpRequest, IsIncompleteByteByByte) {
  const std::string text = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t n = 0; n < text.size(); ++n) {
    HttpRequest request;
    EXPECT_EQ(parse(text.substr(0, n), request), HttpHead::incomplete) << n;
  }
}

TEST(HttpRequest, GarbageIsBad) {
  for (const char* text : {"\x16\x03\x01\n", "GET\n", "GET /metrics\n", "GET /metrics HTTP/2\n",
                           "GET metrics HTTP/1.1\n", "G=T / HTTP/1.1\n", " / HTTP/1.1\n", "\n"}) {
    HttpRequest request;
    EXPECT_EQ(parse(text, request), HttpHead::bad) << text;
  }
}

}  // namespace
}  // namespace fusetrace
