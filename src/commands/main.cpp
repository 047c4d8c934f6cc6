// SPDX-License-Identifier: Apache-2.0
// The program: reads the command line, runs one subcommand, and is the only
// place that decides how the process exits.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>

#include "commands/commands.h"
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

// What stands where a command should: the first word that is no option and no
// option's value; nothing where there is none.
std::string command_word(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.substr(0, 1) != "-") return std::string(word);
    const auto* option = app.get_option_no_throw(std::string(word));
    if (option != nullptr && option->get_expected_min() > 0) ++i;
  }
  return {};
}

int wrong_usage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string what = error.what();
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
  fmt::print(stderr, "fusetrace: {} ({} shows what there is)\n", what, help);
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app{"fusetrace: where FUSE requests are served, and what the distance costs"};
  app.name("fusetrace");
  app.set_version_flag("--version", std::string("fusetrace ") + FUSETRACE_VERSION);
  app.require_subcommand(1);
  app.fallthrough(false);

  Action action;
  auto log_level = spdlog::level::warn;
  app.add_option("--log-level", log_level, "trace, debug, info, warn, err or off")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, spdlog::level::level_enum>{{"trace", spdlog::level::trace},
                                                           {"debug", spdlog::level::debug},
                                                           {"info", spdlog::level::info},
                                                           {"warn", spdlog::level::warn},
                                                           {"err", spdlog::level::err},
                                                           {"off", spdlog::level::off}},
          CLI::ignore_case));
  app.add_option("--color", action.global.color, "auto, always or never")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, GlobalOptions::Color>{{"auto", GlobalOptions::Color::automatic},
                                                      {"always", GlobalOptions::Color::always},
                                                      {"never", GlobalOptions::Color::never}},
          CLI::ignore_case));

  add_record_command(app, action);
  add_report_command(app, action);
  add_diff_command(app, action);
  add_export_command(app, action);
  add_stat_command(app, action);
  add_top_command(app, action);
  add_serve_command(app, action);
  add_list_command(app, action);
  add_doctor_command(app, action);
  add_bench_command(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with status 0; everything else is wrong usage.
    if (error.get_exit_code() == 0) return app.exit(error);
    return wrong_usage(app, error, argc, argv);
  }

  spdlog::set_default_logger(spdlog::stderr_color_st("fusetrace"));
  spdlog::set_pattern("fusetrace: %l: %v");
  spdlog::set_level(log_level);
  return action.run ? action.run() : 2;
}

}  // namespace
}  // namespace fusetrace

int main(int argc, char** argv) {
  try {
    return fusetrace::run(argc, argv);
  } catch (const std::exception& error) {
    fprintf(stderr, "fusetrace: %s\n", error.what());
    return 1;
  }
}
