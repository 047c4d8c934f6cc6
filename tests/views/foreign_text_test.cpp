// SPDX-License-Identifier: Apache-2.0
// Names that others chose reach every view here at their worst: nothing that a
// terminal would obey may come out.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/aggregator.h"
#include "support/requests.h"
#include "support/workload.h"
#include "views/diff/diff_json.h"
#include "views/diff/diff_text.h"
#include "views/export/export.h"
#include "views/metrics/metrics_text.h"
#include "views/page/report_page.h"
#include "views/report/report_json.h"
#include "views/report/report_text.h"
#include "views/report/summary.h"
#include "views/text/printable.h"
#include "views/top/top_frame.h"

namespace fusetrace {
namespace {

using test::make_task;

// Clears the screen, sets the window's title, begins a C1 control sequence raw and in
// UTF-8, turns the direction of writing, hides itself, and rings.
const std::string evil =
    "\033[2J\033]0;owned\a\x9b"
    "31m\xc2\x9b"
    "2J\xe2\x80\xae"
    "txt\xe2\x80\x8b\xf3\xa0\x81\x81\r\n\t\x7f=cmd|<\"',;";

// The first thing in a view's text that should not be there; empty: none. Styles are the
// view's own.
std::string problem(const std::string& text) {
  const std::string safe = printable_lines(text, true);
  const auto [a, b] = std::mismatch(text.begin(), text.end(), safe.begin(), safe.end());
  if (a == text.end()) return {};
  const auto at = static_cast<size_t>(a - text.begin());
  return "at byte " + std::to_string(at) + ": " +
         printable(text.substr(at - std::min<size_t>(at, 40), 80));
}

CaptureInfo evil_info() {
  CaptureInfo info = test::Workload().info();
  info.kernel = info.machine = info.hostname = info.fusetrace_version = evil;
  info.command_line = info.filters = {evil, evil};
  info.probes = {{evil, evil, evil}, {evil, "", evil}};
  for (auto& [id, c] : info.connections) {
    c.mount = c.fstype = c.source = c.server_comm = c.transport = evil;
    c.server_tgid = 2000;
    c.queues = {{evil, 1, 2, 3, 4, 5}, {evil, 1, 2, 3, 4, 5}};
  }
  return info;
}

class ForeignText : public testing::Test {
 protected:
  ForeignText() : info_(evil_info()), requests_(2000) {
    test::Workload workload;
    workload.next(requests_);
    for (const ft_task& task : workload.tasks())
      tasks_[task.tid] = make_task(task.tid, task.tgid, evil);
    Aggregator all(info_);
    all.add(requests_);
    std::vector<ft_task> tasks;
    for (const auto& [tid, task] : tasks_) tasks.push_back(task);
    all.add_tasks(tasks);
    all.set_truncation(evil);
    snapshot_ = all.snapshot();
  }

  std::string exported(std::unique_ptr<RequestExport> view) const {
    const Losses losses;
    const ExportContext context{info_, tasks_, losses};
    std::string out;
    view->begin(context, out);
    view->add(requests_, context, out);
    while (view->end(context, out)) {
    }
    return out;
  }

  CaptureInfo info_;
  std::vector<ft_request> requests_;
  std::unordered_map<uint32_t, ft_task> tasks_;
  Snapshot snapshot_;
};

TEST(Printable, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("/mnt/gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7\\"),
            "/mnt/gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7\\");
  EXPECT_EQ(printable("\033[2J\a\r\n\t\x7f"), "\\x1b[2J\\x07\\r\\n\\t\\x7f");
  EXPECT_EQ(printable("\x9b\xff\xc0\xaf"), "\\x9b\\xff\\xc0\\xaf");
  EXPECT_EQ(printable("\xc2\x9b\xe2\x80\xae\xef\xbb\xbf"), "\\u009b\\u202e\\ufeff");
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "\\U000e0041");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Printable, TwiceIsAsOnce) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  all += evil;
  EXPECT_EQ(printable(printable(all)), printable(all));
}

TEST(Printable, LinesKeepTheirEndsAndStylesOfOurOwn) {
  EXPECT_EQ(printable_lines("\033[1ma\033[0m\n\033[2Jb\n", true), "\033[1ma\033[0m\n\\x1b[2Jb\n");
  EXPECT_EQ(printable_lines("\033[1ma\n", false), "\\x1b[1ma\n");
  EXPECT_EQ(printable_lines("\033[1", true), "\\x1b[1");
}

TEST(Printable, JsonSaysWhatItSaid) {
  const nlohmann::json value = {
      {"name", "\xc2\x9b \xe2\x80\xae \x7f \xf3\xa0\x81\x81 \xc3\xbc \n"}};
  const std::string text = printable_json(value.dump(2));
  EXPECT_EQ(problem(text), "");
  EXPECT_EQ(nlohmann::json::parse(text), value);
}

TEST_F(ForeignText, Reports) {
  for (const bool color : {false, true}) {
    for (const int width : {60, 200}) {
      RenderOptions options{.color = color, .width = width};
      EXPECT_EQ(problem(render_report_text(snapshot_, options)), "");
      for (const char* table : report_tables) options.by.insert(table);
      EXPECT_EQ(problem(render_report_text(snapshot_, options)), "");
    }
  }
  EXPECT_EQ(problem(render_summary(snapshot_)), "");
  EXPECT_EQ(problem(printable_json(render_report_json(snapshot_))), "");
}

TEST_F(ForeignText, Page) {
  const std::string page = render_report_page(snapshot_);
  EXPECT_EQ(problem(page), "");
  EXPECT_EQ(page.find("cmd|<"), std::string::npos);
}

TEST_F(ForeignText, Diff) {
  const auto sample = [&](const std::string& more) {
    RunSample run("/tmp/" + evil + more, info_.topology, bootstrap_blocks);
    run.add(requests_);
    run.info = info_;
    run.info.kernel += more;
    run.info.filters.push_back(more);
    run.truncation = evil;
    return run;
  };
  const std::vector<RunSample> base = {sample("a")};
  const std::vector<RunSample> changed = {sample("b")};
  const Comparison comparison = compare(base, changed);
  for (const bool color : {false, true})
    EXPECT_EQ(problem(render_diff_text(base, changed, comparison, {.color = color})), "");
  EXPECT_EQ(problem(printable_json(render_diff_json(base, changed, comparison))), "");
}

TEST_F(ForeignText, Top) {
  TopData data;
  data.shown = snapshot_;
  data.clock = "12:00:00";
  for (auto& [id, c] : data.shown.info.connections) c.server_tgid = 2000;
  for (uint32_t tid = 2000; tid < 2004; ++tid) {
    TopThread thread{};
    thread.now.tid = tid;
    thread.now.tgid = 2000;
    std::copy_n(evil.data(), sizeof(thread.now.comm), thread.now.comm);
    data.threads.push_back(thread);
  }
  for (const bool styles : {false, true}) {
    const TopScreen screen{.width = 160, .height = 0, .color = styles, .styles = styles};
    TopState state;
    state.filter = "";
    for (const std::string& line : render_top(data, state, screen)) EXPECT_EQ(problem(line), "");
    state.opened = data.shown.info.connections.begin()->first;
    for (size_t panel = 0; panel < top_panel_count; ++panel) {
      state.panel = static_cast<TopPanel>(panel);
      for (const std::string& line : render_top(data, state, screen)) EXPECT_EQ(problem(line), "");
    }
  }
}

TEST_F(ForeignText, Metrics) {
  MetricsText metrics({});
  EXPECT_EQ(problem(metrics.render(snapshot_, 1)), "");
  EXPECT_EQ(problem(exported(make_openmetrics_export())), "");
}

TEST_F(ForeignText, Lines) {
  EXPECT_EQ(problem(exported(make_csv_export())), "");
  EXPECT_EQ(problem(exported(make_jsonl_export())), "");
}

TEST_F(ForeignText, SpreadsheetsFindNoFormula) {
  for (const char* name : {"=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "\t=1", "\r=1"}) {
    for (auto& [id, c] : info_.connections) c.mount = name;
    const std::string text = exported(make_csv_export());
    const size_t line = text.find('\n') + 1;
    const size_t mount = text.find(',', line) + 1;
    EXPECT_NE(std::string_view("'\\").find(text[mount]), std::string_view::npos) << name;
  }
}

}  // namespace
}  // namespace fusetrace
