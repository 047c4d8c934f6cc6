// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each adds its options to the parser; when the command line names it, it
// stores in an Action the function that main() then runs.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace fusetrace {

// The options that stand before the subcommand and apply to all subcommands.
struct GlobalOptions {
  enum class Color { automatic, always, never };
  Color color = Color::automatic;

  // Whether text written to this descriptor may contain colour. The option decides. Without
  // it, the descriptor must be a terminal, TERM must not be "dumb", and NO_COLOR not be set.
  bool color_on(int fd) const;
};

// What the command line asked for. The subcommand's callback sets run; main() calls it and
// exits with the status that it returns: 0 for success, 1 for a failure, 2 for wrong usage.
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
void add_stuck_command(CLI::App& app, Action& action);
void add_list_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);

}  // namespace fusetrace
