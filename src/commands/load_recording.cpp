// SPDX-License-Identifier: Apache-2.0
#include "commands/load_recording.h"

#include <vector>

#include "commands/reading_progress.h"
#include "model/aggregator.h"
#include "recording/reader.h"

namespace fusetrace {

Result<Snapshot> load_recording(const std::string& path, const FilterOptions& filter_options) {
  auto reader = RecordingReader::open(path);
  if (!reader) return tl::make_unexpected(reader.error());
  auto filter = resolve_filter(filter_options, reader->info());
  if (!filter) return tl::make_unexpected(filter.error());

  Aggregator aggregator(reader->info());
  RecordingReader::Block block;
  std::vector<ft_request> kept;
  // The result is printed when the bar is gone.
  ReadingProgress progress(*reader, ReadingProgress::wanted(false));
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
    progress.update();
  }
  aggregator.set_info(reader->info());
  aggregator.set_losses(reader->losses());
  aggregator.set_truncation(reader->truncation());
  return aggregator.snapshot();
}

}  // namespace fusetrace
