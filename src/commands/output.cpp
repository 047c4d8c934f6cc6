// SPDX-License-Identifier: Apache-2.0
#include "commands/output.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "views/text/printable.h"

namespace fusetrace {
namespace {

// errno of the first write to standard output that failed.
int output_error = 0;

void write_to_stdout(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error == 0)
    output_error = errno;
}

void write_to_stderr(const std::string& text) {
  // There is nowhere to say that this failed.
  std::fwrite(text.data(), 1, text.size(), stderr);
}

class PrintableFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    spdlog::details::log_msg safe = message;
    safe.payload = text;
    lines_.format(safe, out);
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<PrintableFormatter>();
  }

 private:
  spdlog::pattern_formatter lines_{"fusetrace: %l: %v"};
};

}  // namespace

void print_text(std::string_view text, bool styles) {
  write_to_stdout(printable_lines(text, styles));
}

void print_json(std::string_view document) { write_to_stdout(printable_json(document)); }

Result<void> flush_output() {
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
  if (output_error == 0 && std::ferror(stdout) != 0) output_error = EIO;
  if (output_error == 0) return {};
  return fail(std::string("cannot write standard output: ") + std::strerror(output_error));
}

void print_message(std::string_view line) { write_to_stderr(printable(line) + "\n"); }

void print_text_to_stderr(std::string_view text) { write_to_stderr(printable_lines(text, false)); }

void show_progress_line(std::string_view line) {
  write_to_stderr("\r\033[K" + printable(line));
  std::fflush(stderr);
}

void start_log(spdlog::level::level_enum level) {
  auto logger = spdlog::stderr_color_st("fusetrace");
  logger->set_formatter(std::make_unique<PrintableFormatter>());
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_level(level);
}

}  // namespace fusetrace
