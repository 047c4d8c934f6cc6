// SPDX-License-Identifier: Apache-2.0
// The keys that are fixed for `report --json` and `stat --json`.
#include "views/report/report_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/aggregator.h"
#include "support/requests.h"

namespace fusetrace {
namespace {

using nlohmann::json;
using test::make_request;

json document() {
  CaptureInfo info;
  info.kernel = "6.18.44";
  info.topology = Topology({{.id = 0, .core = 0}, {.id = 1, .core = 1}});
  info.probes = {{"queued", "tp_btf/fuse_request_send", ""}, {"wake_flags", "", "no fentry"}};
  info.connections[39] = {.id = 39, .mount = "/mnt/\xff", .fstype = "fuse.x"};
  Aggregator aggregator(info);
  const std::vector<ft_request> requests = {make_request({.client_cpu = 0, .server_cpu = 1}),
                                            make_request({.client_cpu = 1, .server_cpu = 1})};
  aggregator.add(requests);
  return json::parse(render_report_json(aggregator.snapshot()));
}

TEST(ReportJson, HasEveryFixedKey) {
  const json d = document();
  EXPECT_EQ(d["schema"], "fusetrace.report/1");
  EXPECT_EQ(d["requests"], 2);
  EXPECT_EQ(d["incomplete"], 0);
  EXPECT_EQ(d["lost"]["ring_full"], 0);
  EXPECT_EQ(d["cpus"], 2);
  EXPECT_EQ(d["probes"]["queued"], "tp_btf/fuse_request_send");
  EXPECT_TRUE(d["probes"]["wake_flags"].is_null());
  EXPECT_EQ(d["unknown"]["wake_flags"], "no fentry");
  for (const char* key : {"woken", "busy", "poached", "unknown"}) {
    EXPECT_TRUE(d["pickup"].contains(key)) << key;
  }
  for (const char* hop : {"request", "reply"}) {
    for (const char* key :
         {"same_cpu", "same_core", "same_llc", "same_node", "cross_node", "unknown"}) {
      EXPECT_TRUE(d["hops"][hop].contains(key)) << hop << key;
    }
  }
  for (const char* side : {"server", "client"}) {
    for (const char* key : {"kept", "pulled", "moved", "unknown"}) {
      EXPECT_TRUE(d["wakeups"][side].contains(key)) << side << key;
    }
  }
  for (const char* key : {"server_wakeup", "server_waiting", "server_serving", "client_waiting"}) {
    EXPECT_TRUE(d["migrations"].contains(key)) << key;
  }
  for (const char* stage : {"queue", "wakeup", "service", "return", "total"}) {
    for (const char* key : {"count", "mean_ns", "p50_ns", "p90_ns", "p99_ns", "max_ns"}) {
      EXPECT_TRUE(d["stages"][stage].contains(key)) << stage << key;
    }
  }
  EXPECT_EQ(d["opcodes"]["GETATTR"]["requests"], 2);
  EXPECT_EQ(d["connections"]["39"]["transport"], "dev");
}

TEST(ReportJson, TheMatrixIsByClientThenServer) {
  const json d = document();
  EXPECT_EQ(d["cpu_matrix"]["cpus"], json({0, 1}));
  EXPECT_EQ(d["cpu_matrix"]["requests"], json({{0, 1}, {0, 1}}));
  EXPECT_EQ(d["hops"]["request"]["same_cpu"], 1);
}

TEST(ReportJson, ANameThatIsNoUtf8DoesNotBreakIt) {
  EXPECT_EQ(document()["connections"]["39"]["mount"], "/mnt/\xef\xbf\xbd");
}

}  // namespace
}  // namespace fusetrace
