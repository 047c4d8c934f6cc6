// SPDX-License-Identifier: Apache-2.0
// `fusetrace report`: the full account of a recording.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "commands/choices.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/load_recording.h"
#include "commands/terminal.h"
#include "recording/files.h"
#include "views/page/report_page.h"
#include "views/report/report_json.h"
#include "views/report/report_text.h"

namespace fusetrace {
namespace {

struct ReportOptions {
  std::string file = "fusetrace.rec";
  bool json = false;
  std::string html;  // the file to write the page to; empty: no page
  std::vector<std::string> by;
  FilterOptions filter;
};

Result<void> write_page(const std::string& path, const std::string& page) {
  auto file = OutputFile::create(path, OutputFile::Existing::replace);
  if (!file) return tl::make_unexpected(file.error());
  auto written = file->write({reinterpret_cast<const uint8_t*>(page.data()), page.size()});
  return written ? file->close() : written;
}

int run_report(const ReportOptions& options, const GlobalOptions& global) {
  auto snapshot = load_recording(options.file, options.filter);
  if (!snapshot) return complain(snapshot.error());
  if (options.json) {
    print_json(render_report_json(*snapshot));
    return 0;
  }
  if (!options.html.empty()) {
    const auto written = write_page(options.html, render_report_page(*snapshot));
    return written ? 0 : complain(written.error());
  }
  RenderOptions render = render_options_for(STDOUT_FILENO, global);
  render.by.insert(options.by.begin(), options.by.end());
  print_text(render_report_text(*snapshot, render), render.color);
  return 0;
}

}  // namespace

void add_report_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("report", "show what a recording holds");
  auto options = std::make_shared<ReportOptions>();
  sub->add_option("file", options->file, "recording; - for standard input")->capture_default_str();
  auto* json = sub->add_flag("--json", options->json, "print JSON (fusetrace.report/1)");
  sub->add_option("--html", options->html,
                  "write one self-contained page here; - for standard output")
      ->type_name("FILE")
      ->excludes(json);
  sub->add_option("--by", options->by,
                  "tables to print: opcode,connection,client,server,cpu,pickup")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("TABLE,…")
      ->check(one_of("table of the report",
                     std::vector<std::string>(std::begin(report_tables), std::end(report_tables))));
  add_filter_options(*sub, options->filter);
  sub->callback([&action, options] {
    action.run = [&action, options] { return run_report(*options, action.global); };
  });
}

}  // namespace fusetrace
