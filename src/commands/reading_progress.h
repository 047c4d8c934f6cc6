// SPDX-License-Identifier: Apache-2.0
// The bar that a terminal shows while a recording is read.
#pragma once

#include <chrono>
#include <cstdint>

#include "recording/reader.h"

namespace fusetrace {

class ReadingProgress {
 public:
  // Shows nothing unless show is set, and nothing in the first half second.
  ReadingProgress(const RecordingReader& reader, bool show);
  // Takes the line back.
  ~ReadingProgress();
  ReadingProgress(const ReadingProgress&) = delete;
  ReadingProgress& operator=(const ReadingProgress&) = delete;

  // After each block; cheap between the moments at which it draws.
  void update();

  // Whether standard error is a terminal that the results do not go to as well.
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
