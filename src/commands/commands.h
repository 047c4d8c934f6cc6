// SPDX-License-Identifier: Apache-2.0
// The subcommands: each registers itself with the parser and leaves behind
// what is to be run once the command line has been read.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace fusetrace {

// Options that stand before the subcommand and hold for all of them.
struct GlobalOptions {
  enum class Color { automatic, always, never };
  Color color = Color::automatic;

  // Whether text written to this descriptor may carry colour: the option,
  // else a terminal that is not dumb and no NO_COLOR in the environment.
  bool color_on(int fd) const;
};

// What the command line asked for. A subcommand's callback sets run; main()
// calls it and exits with what it returns: 0 done, 1 could not, 2 wrong usage.
struct Action {
  GlobalOptions global;
  std::function<int()> run;
};

void add_record_command(CLI::App& app, Action& action);
void add_report_command(CLI::App& app, Action& action);
void add_diff_command(CLI::App& app, Action& action);
void add_export_command(CLI::App& app, Action& action);
void add_stat_command(CLI::App& app, Action& action);
void add_serve_command(CLI::App& app, Action& action);
void add_top_command(CLI::App& app, Action& action);
void add_list_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);

}  // namespace fusetrace
