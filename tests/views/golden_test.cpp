// SPDX-License-Identifier: Apache-2.0
// The text views against stored text. To store what they print now, after
// having read it: run test_views with FUSETRACE_UPDATE_GOLDEN=1.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "model/aggregator.h"
#include "support/requests.h"
#include "support/workload.h"
#include "views/report/heat_map.h"
#include "views/report/report_text.h"
#include "views/report/summary.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/{}.txt", GOLDEN_FOLDER, name);
  if (std::getenv("FUSETRACE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in) << path;
  std::stringstream stored;
  stored << in.rdbuf();
  EXPECT_EQ(text, stored.str()) << path;
}

Snapshot workload_snapshot() {
  test::Workload workload;
  CaptureInfo info = workload.info();
  info.kernel = "6.18.44";
  info.machine = "x86_64";
  info.command_line = {"fio",     "--name=read",           "--rw=randread",
                       "--bs=4k", "--directory=/mnt/fuse", "--numjobs=12"};
  info.probes = {{"queued", "tp_btf/fuse_request_send", ""},
                 {"picked_up", "tp_btf/sys_exit", "no fentry (load: Operation not permitted)"},
                 {"replied", "tp_btf/fuse_request_end", ""},
                 {"waking", "tp_btf/sched_waking", ""},
                 {"wake_flags", "", "no fentry (load: Operation not permitted)"}};
  Aggregator aggregator(info);
  std::vector<ft_request> requests(20000);
  workload.next(requests);
  aggregator.add(requests);
  aggregator.add_tasks(workload.tasks());
  Losses losses;
  losses.lost[FT_LOSS_RING_FULL] = 12;
  losses.incomplete[FT_INCOMPLETE_BEFORE_START] = 3;
  aggregator.set_losses(losses);
  return aggregator.snapshot();
}

void expect_no_line_wider_than(const std::string& text, size_t columns) {
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) EXPECT_LE(columns_of(line), columns) << line;
}

TEST(Golden, ReportAt80Columns) {
  const std::string text =
      render_report_text(workload_snapshot(), {.color = false, .width = 80, .by = {}});
  expect_no_line_wider_than(text, 80);
  expect_golden("report_80", text);
}

TEST(Golden, ReportAt200Columns) {
  expect_golden("report_200",
                render_report_text(workload_snapshot(), {.color = false, .width = 200, .by = {}}));
}

TEST(Golden, ReportInColour) {
  expect_golden("report_colour",
                render_report_text(workload_snapshot(), {.color = true, .width = 100, .by = {}}));
}

TEST(Golden, TablesThatWereAskedFor) {
  expect_golden("report_by",
                render_report_text(workload_snapshot(),
                                   {.color = false, .width = 100, .by = {"client", "server"}}));
}

TEST(Golden, Summary) { expect_golden("summary", render_summary(workload_snapshot())); }

TEST(Golden, NothingRecorded) {
  Aggregator aggregator(CaptureInfo{});
  aggregator.set_truncation("the recording is cut off after 0 requests (byte 24)");
  const std::string text = render_report_text(aggregator.snapshot(), {});
  EXPECT_NE(text.find("No requests were recorded."), std::string::npos);
  EXPECT_NE(text.find("TRUNCATED"), std::string::npos);
}

TEST(Golden, WithoutColourNoEscapeIsPrinted) {
  EXPECT_EQ(render_report_text(workload_snapshot(), {}).find('\033'), std::string::npos);
}

class HeatMapSize : public ::testing::TestWithParam<uint32_t> {};

TEST_P(HeatMapSize, FitsTheWidth) {
  const uint32_t n = GetParam();
  CpuMatrix matrix;
  std::vector<uint32_t> cpus;
  for (uint32_t i = 0; i < n; ++i) {
    cpus.push_back(i);
    matrix.add(i, i, 1000);
    matrix.add(i, (i + 1) % n, 10);
  }
  const std::string text = render_heat_map(matrix, cpus, "client", "server", {});
  expect_no_line_wider_than(text, 80);
  expect_golden("heat_map_" + std::to_string(n), text);
}

INSTANTIATE_TEST_SUITE_P(Golden, HeatMapSize, ::testing::Values(2, 8, 64, 512));

}  // namespace
}  // namespace fusetrace
