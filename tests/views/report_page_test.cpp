// SPDX-License-Identifier: Apache-2.0
// The report page as text: what it must not hold. How it looks is tested in a
// browser (tests/views/page/).
#include "views/page/report_page.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/aggregator.h"
#include "support/requests.h"

namespace fusetrace {
namespace {

Snapshot snapshot_of(const CaptureInfo& info) {
  Aggregator aggregator(info);
  const std::vector<ft_request> requests = {test::make_request()};
  const std::vector<ft_task> tasks = {test::make_task(1001, 1001, "</script>"),
                                      test::make_task(2001, 2001, "\xff\xfe")};
  aggregator.add(requests);
  aggregator.add_tasks(tasks);
  return aggregator.snapshot();
}

size_t occurrences(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

nlohmann::json data_of(const std::string& page) {
  const std::string start = R"(<script type="application/json" id="data">)";
  const size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(ReportPage, NamesFromOtherProgramsStayData) {
  CaptureInfo plain;
  plain.topology = Topology({{.id = 0, .core = 0}});
  CaptureInfo hostile = plain;
  hostile.command_line = {"sh", "-c", "</script><script>alert(1)</script>", "<!--", "@DATA@"};
  hostile.connections[39] = {.id = 39, .mount = "/mnt/</SCRIPT><b>", .fstype = "fuse.\xc3("};
  const std::string page = render_report_page(snapshot_of(hostile));
  const std::string quiet = render_report_page(snapshot_of(plain));
  for (const char* mark : {"<script", "</script", "</SCRIPT", "<b>", "<!--", "alert(1)</"}) {
    EXPECT_EQ(occurrences(page, mark), occurrences(quiet, mark)) << mark;
  }
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["report"]["command"][2], "</script><script>alert(1)</script>");
  EXPECT_EQ(data["report"]["connections"]["39"]["mount"], "/mnt/</SCRIPT><b>");
}

TEST(ReportPage, LoadsNothing) {
  CaptureInfo info;
  info.topology = Topology({{.id = 0, .core = 0}});
  const std::string page = render_report_page(snapshot_of(info));
  EXPECT_EQ(occurrences(page, "src="), 0u);
  EXPECT_EQ(occurrences(page, "@import"), 0u);
  EXPECT_EQ(occurrences(page, "url("), 0u);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

}  // namespace
}  // namespace fusetrace
