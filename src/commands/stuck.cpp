// SPDX-License-Identifier: Apache-2.0
// `fusetrace stuck`: what is open on FUSE file systems now, who waits, and for whom.
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "capture/features.h"
#include "capture/stuck_look.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/duration.h"
#include "commands/output.h"
#include "views/stuck/stuck_json.h"
#include "views/stuck/stuck_text.h"

namespace fusetrace {
namespace {

constexpr int exit_stuck = 3;
constexpr std::chrono::nanoseconds check_older = std::chrono::seconds(10);

struct StuckArguments {
  std::string older;
  bool check = false;
  bool stacks = false;
  bool json = false;
};

int stuck_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

int run_stuck(const StuckArguments& arguments) {
  StuckFilter filter;
  filter.with_stacks = arguments.stacks;
  if (!arguments.older.empty()) {
    const auto older = parse_duration(arguments.older);
    if (!older) return complain(older.error(), 2);
    filter.older_ns = static_cast<uint64_t>(older->count());
  } else if (arguments.check) {
    filter.older_ns = static_cast<uint64_t>(check_older.count());
  }
  if (const auto ok = check_requirements(detect_features()); !ok) return complain(ok.error());
  const auto stuck = look_at_open_requests([](const char* line) {
    std::string_view text = line;
    while (text.ends_with('\n')) text.remove_suffix(1);
    spdlog::debug("{}", text);
  });
  if (!stuck) return complain(stuck.error());

  const StuckCheck check = stuck_check(*stuck, filter.older_ns);
  if (arguments.json) {
    print_json(stuck_json(*stuck, filter));
  } else if (arguments.check) {
    print_text(check.line + "\n");
  } else {
    print_text(stuck_text(*stuck, filter, stuck_columns()));
  }
  return arguments.check && check.is_stuck ? exit_stuck : 0;
}

}  // namespace

void add_stuck_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand(
      "stuck", "show open requests and blocked tasks now, without a capture: who waits for whom");
  auto arguments = std::make_shared<StuckArguments>();
  sub->add_option("--older", arguments->older,
                  "only what is at least this old: a number with a unit, or seconds")
      ->type_name("TIME");
  sub->add_flag("--check", arguments->check,
                "print one line, and end with status 3 when something is older than --older "
                "(default 10s)");
  sub->add_flag("--stacks", arguments->stacks, "print the kernel stacks too");
  sub->add_flag("--json", arguments->json, "print JSON (fusetrace.stuck/1)");
  sub->callback(
      [&action, arguments] { action.run = [arguments] { return run_stuck(*arguments); }; });
}

}  // namespace fusetrace
