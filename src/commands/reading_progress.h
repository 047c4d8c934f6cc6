// SPDX-License-Identifier: Apache-2.0
// The progress bar that a terminal shows while a recording is read.
#pragma once

#include <chrono>
#include <cstdint>

#include "recording/reader.h"

namespace fusetrace {

class ReadingProgress {
 public:
  // Shows nothing unless show is set, and nothing in the first half second.
  ReadingProgress(const RecordingReader& reader, bool show);
  // Removes the bar from the terminal.
  ~ReadingProgress();
  ReadingProgress(const ReadingProgress&) = delete;
  ReadingProgress& operator=(const ReadingProgress&) = delete;

  // To be called after each block. It draws a few times a second and is cheap in between.
  void update();

  // Whether standard error is a terminal, and the results do not go to the same terminal.
  static bool wanted(bool results_on_stdout);

 private:
  using Clock = std::chrono::steady_clock;

  const RecordingReader& reader_;
  bool show_;
  bool drawn_ = false;
  Clock::time_point start_;
  Clock::time_point next_;
};

}  // namespace fusetrace
