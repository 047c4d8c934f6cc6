// SPDX-License-Identifier: Apache-2.0
// The program: reads the command line, runs one subcommand, and is the only
// place that decides how the process exits.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "commands/choices.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/version.h"

namespace fusetrace {

bool GlobalOptions::color_on(int fd) const {
  if (color != Color::automatic) return color == Color::always;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

namespace {

// The word that stands where the name of a command should: the first that is neither an
// option nor the value of an option. Empty where there is no such word.
std::string command_word(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.substr(0, 1) != "-") return std::string(word);
    const auto* option = app.get_option_no_throw(std::string(word));
    if (option != nullptr && option->get_expected_min() > 0) ++i;
  }
  return {};
}

int explain_usage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string what = plain_words(error);
  std::string help = "fusetrace --help";
  const auto chosen = app.get_subcommands();
  if (!chosen.empty()) {
    help = "fusetrace " + chosen.front()->get_name() + " --help";
  } else if (const std::string word = command_word(app, argc, argv); !word.empty()) {
    what = "there is no command '" + word + "'";
  } else {
    what = argc > 1 ? fmt::format("no command in: {}", fmt::join(argv + 1, argv + argc, " "))
                    : "a command is needed";
  }
  say("fusetrace: {} ({} shows what there is)", what, help);
  return 2;
}

// `help VERB` is `VERB --help`, and `help` alone is `--help`. The parser takes the words
// from the last to the first.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    if (words.size() <= 1) words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());
  return words;
}

// Whatever a command printed is written out and checked here, for all of them.
int with_output_checked(int status) {
  const auto done = flush_output();
  if (done) return status;
  const int failed = complain(done.error());
  return status == 0 ? failed : status;
}

int run(int argc, char** argv) {
  CLI::App app{"fusetrace: where FUSE requests are served, and what the distance costs"};
  app.name("fusetrace");
  app.set_version_flag("-V,--version", std::string("fusetrace ") + FUSETRACE_VERSION);
  app.require_subcommand(1);
  // The options of all commands are understood on both sides of the command.
  app.fallthrough(true);

  Action action;
  std::string log_level = "warn";
  app.add_option("--log-level", log_level, "trace, debug, info, warn, err or off")
      ->type_name("LEVEL")
      ->check(one_of("log level", {"trace", "debug", "info", "warn", "err", "off"}));
  std::string color = "auto";
  app.add_option("--color", color, "auto, always or never")
      ->type_name("WHEN")
      ->check(one_of("choice of colour", {"auto", "always", "never"}));
  app.footer("  fusetrace help COMMAND shows the options of a command");

  add_record_command(app, action);
  add_report_command(app, action);
  add_diff_command(app, action);
  add_export_command(app, action);
  add_stat_command(app, action);
  add_top_command(app, action);
  add_serve_command(app, action);
  add_stuck_command(app, action);
  add_list_command(app, action);
  add_doctor_command(app, action);
  add_bench_command(app, action);

  if (argc > 2 && std::string_view(argv[1]) == "help") {
    const auto all = app.get_subcommands([](const CLI::App*) { return true; });
    const bool known = std::any_of(
        all.begin(), all.end(), [argv](const CLI::App* sub) { return sub->get_name() == argv[2]; });
    if (!known) {
      say("fusetrace: there is no command '{}' (fusetrace --help shows what there is)", argv[2]);
      return wrong_usage;
    }
  }
  try {
    app.parse(words_of(argc, argv));
  } catch (const CLI::ParseError& error) {
    // CLI11 reports --help and --version as errors with status 0. All others are wrong usage.
    if (error.get_exit_code() == 0) return with_output_checked(app.exit(error));
    return explain_usage(app, error, argc, argv);
  }

  start_log(spdlog::level::from_str(log_level));
  if (color == "always") action.global.color = GlobalOptions::Color::always;
  if (color == "never") action.global.color = GlobalOptions::Color::never;
  return action.run ? with_output_checked(action.run()) : 2;
}

}  // namespace
}  // namespace fusetrace

int main(int argc, char** argv) {
  try {
    return fusetrace::run(argc, argv);
  } catch (const std::exception& error) {
    return fusetrace::complain(fusetrace::Error{error.what(), ""});
  }
}
