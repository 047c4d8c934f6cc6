// SPDX-License-Identifier: Apache-2.0
// `fusetrace diff`: what differs between two sets of recordings.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/read_requests.h"
#include "commands/terminal.h"
#include "model/comparison.h"
#include "views/diff/diff_json.h"
#include "views/diff/diff_text.h"

namespace fusetrace {
namespace {

constexpr int regression_found = 3;

struct DiffOptions {
  std::vector<std::string> base;
  std::vector<std::string> changed;
  bool json = false;
  std::optional<double> fail_on_regression;
  FilterOptions filter;
};

Result<std::vector<RunSample>> load_side(const std::vector<std::string>& files, size_t blocks,
                                         const FilterOptions& filter) {
  std::vector<RunSample> runs;
  for (const std::string& file : files) {
    std::optional<RunSample> run;
    auto read = read_requests(
        file, filter, [&](const CaptureInfo& info) { run.emplace(file, info.topology, blocks); },
        [&](std::span<const ft_request> requests, std::span<const ft_task>) {
          run->add(requests);
        });
    if (!read) return tl::make_unexpected(read.error());
    run->info = std::move(read->info);
    run->losses = read->losses;
    run->truncation = std::move(read->truncation);
    if (run->requests() == 0) {
      if (run->info.view_filters.empty()) return fail(fmt::format("{} holds no requests", file));
      return fail(fmt::format("none of the {} requests in {} passes {}", run->info.left_out, file,
                              fmt::join(run->info.view_filters, " ")));
    }
    runs.push_back(std::move(*run));
  }
  return runs;
}

int run_diff(const DiffOptions& options, const GlobalOptions& global) {
  const bool over_recordings =
      std::min(options.base.size(), options.changed.size()) >= enough_recordings;
  const size_t blocks = over_recordings ? 1 : bootstrap_blocks;
  const auto base = load_side(options.base, blocks, options.filter);
  if (!base) return complain(base.error());
  const auto changed = load_side(options.changed, blocks, options.filter);
  if (!changed) return complain(changed.error());

  const Comparison comparison = compare(*base, *changed);
  if (options.json) {
    print_json(render_diff_json(*base, *changed, comparison));
  } else {
    const RenderOptions render = render_options_for(STDOUT_FILENO, global);
    print_text(render_diff_text(*base, *changed, comparison, render), render.color);
  }
  if (options.fail_on_regression && comparison.regression_percent() > *options.fail_on_regression) {
    say("fusetrace: worse by {:.1f} %, more than the {:g} % allowed",
        comparison.regression_percent(), *options.fail_on_regression);
    return regression_found;
  }
  return 0;
}

}  // namespace

void add_diff_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("diff", "show what changed between recordings");
  auto options = std::make_shared<DiffOptions>();
  sub->add_option("--base", options->base, "recordings of how it was")->required();
  sub->add_option("--new", options->changed, "recordings of how it is now")->required();
  sub->add_flag("--json", options->json, "print JSON (fusetrace.diff/1)");
  sub->add_option(
         "--fail-on-regression", options->fail_on_regression,
         "exit with status 3 when a duration or the rate got worse by more than PCT percent")
      ->type_name("PCT")
      ->check(CLI::NonNegativeNumber);
  add_filter_options(*sub, options->filter);
  sub->callback([&action, options] {
    action.run = [&action, options] { return run_diff(*options, action.global); };
  });
}

}  // namespace fusetrace
