// SPDX-License-Identifier: Apache-2.0
// CSV and JSON lines: each value as it is in the request, unknown ones as such,
// names that need quoting, and a documentation that names every column.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/requests.h"
#include "support/workload.h"
#include "views/export/export.h"
#include "views/export/export_columns.h"

namespace fusetrace::test {
namespace {

using nlohmann::json;

struct Capture {
  CaptureInfo info = Workload().info();
  std::unordered_map<uint32_t, ft_task> tasks = {{1001, make_task(1001, 1000, "client")},
                                                 {2001, make_task(2001, 2000, "server")}};
  Losses losses;
};

std::string export_as(RequestExport& view, const Capture& capture,
                      const std::vector<ft_request>& requests) {
  const ExportContext context{capture.info, capture.tasks, capture.losses};
  std::string out;
  view.begin(context, out);
  view.add(requests, context, out);
  EXPECT_FALSE(view.end(context, out));
  return out;
}

json jsonl_of(const ft_request& request, const Capture& capture = {}) {
  return json::parse(export_as(*make_jsonl_export(), capture, {request}));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(ExportLines, ValuesOfARequest) {
  const json row =
      jsonl_of(make_request({.connection = 40,
                             .unique = 77,
                             .opcode = FUSE_READ,
                             .nodeid = 1ull << 63,
                             .error = -5,
                             .pickup = FT_PICKUP_WOKEN,
                             .client_cpu = 0,
                             .server_cpu = 5,
                             .flags = FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_TARGET_IDLE |
                                      FT_F_CLIENT_WAKE_FLAGS_KNOWN | FT_F_CLIENT_WAKE_SYNC,
                             .queued_ns = 5'000'000,
                             .queue_ns = 300,
                             .wakeup_ns = 200,
                             .service_ns = 50,
                             .return_ns = 7}));
  EXPECT_EQ(row["connection"], 40);
  EXPECT_EQ(row["mount"], "/mnt/test1");
  EXPECT_EQ(row["fstype"], "fuse.passthrough");
  EXPECT_EQ(row["transport"], "dev");
  EXPECT_EQ(row["opcode"], "READ");
  EXPECT_EQ(row["kind"], "sync");
  EXPECT_EQ(row["nodeid"], 1ull << 63);
  EXPECT_EQ(row["error"], -5);
  EXPECT_EQ(row["queued_ns"], 5'000'000);
  EXPECT_EQ(row["queued_unix_ns"], 1'750'000'000'005'000'000);
  EXPECT_EQ(row["queue_ns"], 300);
  EXPECT_EQ(row["wakeup_ns"], 200);
  EXPECT_EQ(row["service_ns"], 50);
  EXPECT_EQ(row["return_ns"], 7);
  EXPECT_EQ(row["total_ns"], 357);
  EXPECT_EQ(row["pickup"], "woken");
  EXPECT_EQ(row["request_hop"], "same_node");
  EXPECT_EQ(row["reply_hop"], "same_node");
  EXPECT_EQ(row["client_comm"], "client");
  EXPECT_EQ(row["client_tgid"], 1000);
  EXPECT_EQ(row["server_comm"], "server");
  EXPECT_EQ(row["replier_tgid"], 2000);
  EXPECT_EQ(row["server_placement"], "kept");
  EXPECT_EQ(row["server_target_idle"], true);
  EXPECT_EQ(row["server_wake_sync"], nullptr);
  EXPECT_EQ(row["client_wake_sync"], true);
  EXPECT_EQ(row["client_wake_current_cpu"], false);
  EXPECT_EQ(row["client_never_slept"], false);
  EXPECT_EQ(row["shard"], nullptr);
}

TEST(ExportLines, WhatWasNotSeenIsNullAndNotZero) {
  ft_request request{};
  request.kind = FT_KIND_ASYNC;
  for (ft_u16* cpu = &request.client_cpu; cpu <= &request.client_waker_cpu; cpu++)
    *cpu = FT_CPU_UNKNOWN;
  const json row = jsonl_of(request);
  for (const char* key : {"queued_unix_ns",
                          "queued_ns",
                          "server_waking_ns",
                          "server_running_ns",
                          "picked_up_ns",
                          "replied_ns",
                          "client_waking_ns",
                          "resumed_ns",
                          "queue_ns",
                          "wakeup_ns",
                          "service_ns",
                          "return_ns",
                          "total_ns",
                          "reply_hop",
                          "client_tid",
                          "client_tgid",
                          "client_comm",
                          "server_tid",
                          "replier_tid",
                          "woken_tid",
                          "client_cpu",
                          "server_cpu",
                          "reply_cpu",
                          "resume_cpu",
                          "server_placement",
                          "server_prev_cpu",
                          "client_placement",
                          "client_waker_cpu",
                          "server_target_idle",
                          "mount",
                          "stolen"})
    EXPECT_TRUE(row.at(key).is_null()) << key;
  EXPECT_EQ(row["request_hop"], "unknown");
  EXPECT_EQ(row["pickup"], "unknown");
}

TEST(ExportLines, NumbersWithoutANameStayNumbers) {
  ft_request request = make_request();
  request.kind = 200;
  request.transport = 201;
  request.pickup = 202;
  request.opcode = 999;
  const json row = jsonl_of(request);
  EXPECT_EQ(row["kind"], 200);
  EXPECT_EQ(row["transport"], 201);
  EXPECT_EQ(row["pickup"], 202);
  EXPECT_EQ(row["opcode"], "OPCODE_999");
}

TEST(ExportLines, JsonNamesOfAnyBytes) {
  Capture capture;
  for (const auto& [name, expected] : std::vector<std::pair<std::string, std::string>>{
           {"a\"b\\c\n\x01", "a\"b\\c\n\x01"},
           {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
           {"\xff\xfe!", "\xef\xbf\xbd\xef\xbf\xbd!"},
           {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
           {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // a surrogate
           {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                  // overlong
           {"\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7"}}) {
    capture.tasks[1001] = make_task(1001, 1, name);
    EXPECT_EQ(jsonl_of(make_request(), capture)["client_comm"], expected);
  }
}

TEST(ExportLines, CsvQuotesWhatWouldEndAField) {
  Capture capture;
  capture.tasks[1001] = make_task(1001, 1000, "a,\"b\"\nc");
  const std::string out = export_as(*make_csv_export(), capture, {make_request()});
  EXPECT_NE(out.find(",\"a,\"\"b\"\"\\nc\","), std::string::npos);
}

TEST(ExportLines, CsvHasOneFieldAColumn) {
  std::vector<ft_request> requests(500);
  Workload workload;
  workload.next(requests);
  Capture capture;
  for (const ft_task& task : workload.tasks()) capture.tasks[task.tid] = task;
  const auto lines = lines_of(export_as(*make_csv_export(), capture, requests));
  ASSERT_EQ(lines.size(), requests.size() + 1);
  for (const std::string& line : lines)
    EXPECT_EQ(static_cast<size_t>(std::count(line.begin(), line.end(), ',')) + 1,
              export_columns().size());
}

TEST(ExportLines, PageExplainsEveryColumn) {
  std::ifstream in(EXPORT_PAGE);
  const std::string page(std::istreambuf_iterator<char>(in), {});
  ASSERT_FALSE(page.empty()) << EXPORT_PAGE;
  for (const ExportColumn& column : export_columns())
    EXPECT_NE(page.find("`" + std::string(column.name) + "`"), std::string::npos) << column.name;
}

}  // namespace
}  // namespace fusetrace::test
