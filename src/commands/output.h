// SPDX-License-Identifier: Apache-2.0
// Where everything that fusetrace prints leaves it. Names in it come from others, so
// nothing is printed that a terminal would obey (views/text/printable.h), and what could
// not be written is noticed. scripts/lint-output finds prints elsewhere.
#pragma once

#include <fmt/format.h>
#include <spdlog/common.h>

#include <string_view>
#include <utility>

#include "model/error.h"

namespace fusetrace {

// A view's text to standard output. Colours and weights stay where styles is true.
void print_text(std::string_view text, bool styles = false);
// The same with a JSON document, or one a line.
void print_json(std::string_view document);
// Writes out what was printed. Error: standard output took less than all of it, now or
// earlier ("cannot write standard output: No space left on device").
Result<void> flush_output();

// One line to standard error, its line end added.
void print_message(std::string_view line);
template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  print_message(fmt::format(format, std::forward<Args>(args)...));
}
// A view's text to standard error.
void print_text_to_stderr(std::string_view text);

// A line on a terminal's standard error that the next one replaces. Nothing removes it.
void show_progress_line(std::string_view line);

// Log lines of this level and above go to standard error, as print_message() would.
void start_log(spdlog::level::level_enum level);

}  // namespace fusetrace
