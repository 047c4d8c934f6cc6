// SPDX-License-Identifier: Apache-2.0
#include "commands/reading_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "commands/output.h"

namespace fusetrace {

namespace {
constexpr auto first_after = std::chrono::milliseconds(500);
constexpr auto period = std::chrono::milliseconds(100);
constexpr size_t bar_columns = 30;
}  // namespace

ReadingProgress::ReadingProgress(const RecordingReader& reader, bool show)
    : reader_(reader), show_(show), start_(Clock::now()), next_(start_ + first_after) {}

ReadingProgress::~ReadingProgress() {
  if (drawn_) show_progress_line("");
}

bool ReadingProgress::wanted(bool results_on_stdout) {
  return isatty(STDERR_FILENO) == 1 && !(results_on_stdout && isatty(STDOUT_FILENO) == 1);
}

void ReadingProgress::update() {
  if (!show_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + period;
  drawn_ = true;

  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto requests = static_cast<double>(reader_.requests_read());
  std::string bar;
  if (const auto total = reader_.bytes_total(); total && *total > 0) {
    const double share = static_cast<double>(reader_.bytes_read()) / static_cast<double>(*total);
    const auto full = static_cast<size_t>(share * bar_columns);
    bar = fmt::format("{:3.0f} % [{:<{}}] ", share * 100, std::string(full, '='), bar_columns);
  }
  show_progress_line(fmt::format("reading {}{:.1f} million requests, {:.1f} million/s", bar,
                                 requests / 1e6, requests / seconds / 1e6));
}

}  // namespace fusetrace
