// SPDX-License-Identifier: Apache-2.0
// `fusetrace stat`: counts requests in the kernel while a command runs; it writes no file.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>

#include "commands/capture_loop.h"
#include "commands/capture_options.h"
#include "commands/choices.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/live_capture.h"
#include "commands/prepare_capture.h"
#include "commands/terminal.h"
#include "commands/warn_once.h"
#include "views/report/report_json.h"
#include "views/report/report_text.h"
#include "views/report/stat_line.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct StatOptions {
  CaptureOptions capture;
  std::string interval;
  bool json = false;
  std::vector<std::string> by;
  std::vector<std::string> command;
};

// How often new connections are looked for.
constexpr milliseconds look_period{100};
constexpr milliseconds least_interval{10};

// Prints what was counted in each interval.
class Intervals {
 public:
  Intervals(std::chrono::nanoseconds period, bool json) : period_(period), json_(json) {}

  void start() { next_ = Clock::now() + period_; }

  // Error: standard output takes no more.
  Result<void> print_when_due(const LiveCapture& capture) {
    const auto now = Clock::now();
    if (now < next_) return {};
    next_ = std::max(next_ + period_, now);
    return show(capture.snapshot());
  }

  Result<void> show(const Snapshot& now) {
    const Snapshot since = now.since(before_);
    if (json_) {
      print_json(render_report_json_line(since) + "\n");
    } else {
      if (lines_++ % 20 == 0) print_text(stat_line_heading());
      print_text(stat_line(since, now.seconds));
    }
    before_ = now;
    return flush_output();
  }

 private:
  std::chrono::nanoseconds period_;
  bool json_;
  Clock::time_point next_;
  Snapshot before_;
  size_t lines_ = 0;
};

int run_stat(const StatOptions& options, const GlobalOptions& global) {
  std::optional<Intervals> intervals;
  if (!options.interval.empty()) {
    const auto interval = parse_interval(options.interval, least_interval);
    if (!interval) return complain(interval.error(), wrong_usage);
    intervals.emplace(*interval, options.json);
  }
  const auto prepared = prepare_capture(options.capture);
  if (!prepared) return complain(prepared.error());

  const Signals signals(capture_signals);
  auto workload = prepare_workload(options.command);
  if (!workload) return complain(workload.error());
  auto capture = LiveCapture::start(*prepared, options.capture, options.command);
  if (!capture) return complain(capture.error());

  if (intervals) intervals->start();
  if (auto done = begin_capture(*workload, "Counting FUSE requests"); !done) {
    return complain(done.error());
  }
  const milliseconds period =
      options.interval.empty() ? look_period : std::min(look_period, least_interval);
  WarnOnce warn;
  auto outcome = run_capture(*workload, signals, prepared->duration, period, [&]() -> Result<void> {
    warn(capture->find_new_connections());
    if (intervals) return intervals->print_when_due(*capture);
    return {};
  });
  if (!outcome) return complain(outcome.error());
  if (outcome->gave_up) return 1;
  const auto stopped = capture->stop();
  const Snapshot all = capture->snapshot();
  if (intervals) {
    if (auto done = intervals->show(all); !done) return complain(done.error());
  } else if (options.json) {
    print_json(render_report_json(all));
  } else {
    RenderOptions render = render_options_for(STDOUT_FILENO, global);
    render.by.insert(options.by.begin(), options.by.end());
    print_text(render_report_text(all, render), render.color);
  }
  if (!stopped) return complain(stopped.error());
  return outcome->status;
}

}  // namespace

void add_stat_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("stat", "count FUSE requests in the kernel, without a file");
  auto options = std::make_shared<StatOptions>();
  sub->add_option("-I,--interval", options->interval,
                  "print what came in every interval: 500ms, 1s; the last one may be shorter");
  sub->add_flag("--json", options->json,
                "print JSON (fusetrace.report/1); with -I one document a line");
  sub->add_option("--by", options->by, "tables to print: opcode,connection,cpu,pickup")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("TABLE,…")
      ->check(one_of("table that stat has", {"opcode", "connection", "cpu", "pickup"}));
  add_capture_options(*sub, options->capture);
  sub->add_option("command", options->command, "command to run and measure, after --");
  sub->footer(
      "  fusetrace stat -- ls -lR /mnt/fuse\n"
      "  fusetrace stat -I 1s --mount /mnt/fuse");
  sub->callback([&action, options] {
    action.run = [&action, options] { return run_stat(*options, action.global); };
  });
}

}  // namespace fusetrace
