// SPDX-License-Identifier: Apache-2.0
// The tracks of an exported trace: one for each process, thread and connection that the
// requests name. A track is described when it is used for the first time. The slices of one
// track must nest. A thread with several requests at the same time therefore gets further
// tracks of the same name (lanes), as many as it has requests at the same time at most.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "views/export/export.h"
#include "views/export/perfetto_stream.h"

namespace fusetrace {

class PerfettoTracks {
 public:
  explicit PerfettoTracks(PerfettoStream& stream) : stream_(stream) {}

  // The track for an event of thread tid. Where the thread is unknown (0), it is the track of
  // the connection.
  uint64_t instant_track(uint32_t tid, uint32_t connection, const ExportContext& context);

  // A track of thread tid on which no other slice overlaps this one. The time of the slice is
  // then taken on that track.
  uint64_t slice_track(uint32_t tid, uint32_t connection, uint64_t begin_ns, uint64_t end_ns,
                       const ExportContext& context);

  uint64_t connection_track(uint32_t connection, const ExportContext& context);

  enum class Counter : uint8_t { pending, same_cpu };
  uint64_t counter_track(uint32_t connection, Counter counter, const ExportContext& context);

 private:
  struct Slice {
    uint64_t begin_ns;
    uint64_t end_ns;
  };
  // The latest slices of a track. Of older slices only the end is kept.
  struct Lane {
    std::deque<Slice> recent;
    uint64_t forgotten_end_ns = 0;
    bool free(uint64_t begin_ns, uint64_t end_ns) const;
    void take(uint64_t begin_ns, uint64_t end_ns);
  };

  uint64_t thread_track(uint32_t tid, const ExportContext& context);
  uint64_t process_track(uint32_t tgid, const ExportContext& context);
  void describe_lane(uint64_t uuid, uint64_t parent);

  PerfettoStream& stream_;
  std::unordered_set<uint64_t> described_;
  std::unordered_map<uint32_t, std::string> servers_;  // names by tgid, as the capture found them
  std::unordered_map<uint64_t, std::vector<Lane>> lanes_;  // by track of thread or connection
};

}  // namespace fusetrace
