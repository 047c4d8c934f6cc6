// SPDX-License-Identifier: Apache-2.0
#include "commands/load_recording.h"

#include <optional>
#include <utility>

#include "commands/read_requests.h"
#include "model/aggregator.h"

namespace fusetrace {

Result<Snapshot> load_recording(const std::string& path, const FilterOptions& filter_options) {
  std::optional<Aggregator> aggregator;
  auto end = read_requests(
      path, filter_options, [&](const CaptureInfo& info) { aggregator.emplace(info); },
      [&](std::span<const ft_request> requests, std::span<const ft_task> tasks) {
        aggregator->add_tasks(tasks);
        aggregator->add(requests);
      });
  if (!end) return tl::make_unexpected(end.error());
  aggregator->set_info(end->info);
  aggregator->set_losses(end->losses);
  aggregator->set_truncation(std::move(end->truncation));
  return aggregator->snapshot();
}

}  // namespace fusetrace
