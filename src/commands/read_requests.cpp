// SPDX-License-Identifier: Apache-2.0
#include "commands/read_requests.h"

#include <vector>

#include "commands/reading_progress.h"
#include "recording/reader.h"

namespace fusetrace {

Result<RecordingEnd> read_requests(
    const std::string& path, const FilterOptions& filter_options,
    const std::function<void(const CaptureInfo&)>& begin,
    const std::function<void(std::span<const ft_request>, std::span<const ft_task>)>& block) {
  auto reader = RecordingReader::open(path);
  if (!reader) return tl::make_unexpected(reader.error());
  const auto filter = resolve_filter(filter_options, reader->info());
  if (!filter) return tl::make_unexpected(filter.error());

  begin(reader->info());
  RecordingReader::Block read;
  std::vector<ft_request> kept;
  uint64_t left_out = 0;
  // The result is printed only after the progress bar has been removed.
  ReadingProgress progress(*reader, ReadingProgress::wanted(false));
  while (true) {
    const auto more = reader->next(read);
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) break;
    if (filter->empty()) {
      block(read.requests, read.tasks);
    } else {
      kept.clear();
      for (const ft_request& r : read.requests) {
        if (filter->passes(r, reader->tasks())) kept.push_back(r);
      }
      left_out += read.requests.size() - kept.size();
      block(kept, read.tasks);
    }
    progress.update();
  }
  RecordingEnd end{reader->info(), reader->losses(), reader->truncation()};
  end.info.view_filters = describe_filters(filter_options);
  end.info.left_out = left_out;
  return end;
}

}  // namespace fusetrace
