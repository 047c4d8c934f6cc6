// SPDX-License-Identifier: Apache-2.0
#include "commands/load_recording.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "model/aggregator.h"
#include "recording/reader.h"

namespace fusetrace {
namespace {

// A line that is drawn over at most five times a second, and gone at the end.
class ProgressBar {
 public:
  ProgressBar() : on_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressBar() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(uint64_t done, std::optional<uint64_t> total, uint64_t requests) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    drawn_ = true;
    if (total && *total > 0) {
      const auto filled =
          static_cast<size_t>(30.0 * static_cast<double>(done) / static_cast<double>(*total));
      fmt::print(stderr, "\r\033[K[{:<30}] {} requests", std::string(filled, '#'), requests);
    } else {
      fmt::print(stderr, "\r\033[K{} requests", requests);
    }
  }

 private:
  bool on_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
};

}  // namespace

Result<Snapshot> load_recording(const std::string& path, const FilterOptions& filter_options) {
  auto reader = RecordingReader::open(path);
  if (!reader) return tl::make_unexpected(reader.error());
  auto filter = resolve_filter(filter_options, reader->info());
  if (!filter) return tl::make_unexpected(filter.error());

  Aggregator aggregator(reader->info());
  RecordingReader::Block block;
  std::vector<ft_request> kept;
  ProgressBar bar;
  while (true) {
    auto more = reader->next(block);
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) break;
    aggregator.add_tasks(block.tasks);
    if (filter->empty()) {
      aggregator.add(block.requests);
    } else {
      kept.clear();
      for (const ft_request& r : block.requests) {
        if (filter->passes(r, reader->tasks())) kept.push_back(r);
      }
      aggregator.add(kept);
    }
    bar.show(reader->bytes_read(), reader->bytes_total(), reader->requests_read());
  }
  aggregator.set_info(reader->info());
  aggregator.set_losses(reader->losses());
  aggregator.set_truncation(reader->truncation());
  return aggregator.snapshot();
}

}  // namespace fusetrace
