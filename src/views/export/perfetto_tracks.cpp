// SPDX-License-Identifier: Apache-2.0
#include "views/export/perfetto_tracks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace fusetrace {

namespace {

// A track's id has its kind in the top byte and the thread or connection in the lowest bits.
// The bits from 40 hold the number of the lane.
enum Kind : uint64_t {
  kind_process = 1,
  kind_thread = 2,
  kind_connection = 3,
  kind_pending = 4,
  kind_same_cpu = 5,
};
constexpr uint64_t make_uuid(Kind kind, uint32_t number) { return kind << 56 | number; }
constexpr unsigned lane_shift = 40;

constexpr size_t slices_remembered = 64;

std::string name_of(const ft_task& task) {
  return std::string(task.comm, strnlen(task.comm, FT_COMM_LEN));
}

}  // namespace

bool PerfettoTracks::Lane::free(uint64_t begin_ns, uint64_t end_ns) const {
  return begin_ns >= forgotten_end_ns &&
         std::none_of(recent.begin(), recent.end(), [&](const Slice& slice) {
           return begin_ns < slice.end_ns && slice.begin_ns < end_ns;
         });
}

void PerfettoTracks::Lane::take(uint64_t begin_ns, uint64_t end_ns) {
  if (recent.size() == slices_remembered) {
    forgotten_end_ns = std::max(forgotten_end_ns, recent.front().end_ns);
    recent.pop_front();
  }
  recent.push_back({begin_ns, end_ns});
}

uint64_t PerfettoTracks::instant_track(uint32_t tid, uint32_t connection,
                                       const ExportContext& context) {
  return tid != 0 ? thread_track(tid, context) : connection_track(connection, context);
}

uint64_t PerfettoTracks::slice_track(uint32_t tid, uint32_t connection, uint64_t begin_ns,
                                     uint64_t end_ns, const ExportContext& context) {
  const uint64_t track = instant_track(tid, connection, context);
  std::vector<Lane>& lanes = lanes_[track];
  size_t number = 0;
  while (number < lanes.size() && !lanes[number].free(begin_ns, end_ns)) number++;
  if (number == lanes.size()) lanes.emplace_back();
  lanes[number].take(begin_ns, end_ns);
  if (number == 0) return track;
  const uint64_t uuid = track | number << lane_shift;
  describe_lane(uuid, track);
  return uuid;
}

void PerfettoTracks::describe_lane(uint64_t uuid, uint64_t parent) {
  if (!described_.insert(uuid).second) return;
  stream_.packet([&](protozero::pbf_writer& packet) {
    protozero::pbf_writer track(packet, perfetto::packet_track_descriptor);
    track.add_uint64(perfetto::track_uuid, uuid);
    track.add_uint64(perfetto::track_parent_uuid, parent);
    track.add_string(perfetto::track_name, "more requests at the same time");
  });
}

uint64_t PerfettoTracks::thread_track(uint32_t tid, const ExportContext& context) {
  const uint64_t uuid = make_uuid(kind_thread, tid);
  if (!described_.insert(uuid).second) return uuid;
  const auto task = context.tasks.find(tid);
  const uint32_t tgid = task != context.tasks.end() ? task->second.tgid : tid;
  process_track(tgid, context);
  stream_.packet([&](protozero::pbf_writer& packet) {
    protozero::pbf_writer track(packet, perfetto::packet_track_descriptor);
    track.add_uint64(perfetto::track_uuid, uuid);
    track.add_uint64(perfetto::track_parent_uuid, make_uuid(kind_process, tgid));
    protozero::pbf_writer thread(track, perfetto::track_thread);
    thread.add_int32(perfetto::thread_pid, static_cast<int32_t>(tgid));
    thread.add_int64(perfetto::thread_tid, tid);
    if (task != context.tasks.end())
      thread.add_string(perfetto::thread_name, name_of(task->second));
  });
  return uuid;
}

uint64_t PerfettoTracks::process_track(uint32_t tgid, const ExportContext& context) {
  const uint64_t uuid = make_uuid(kind_process, tgid);
  if (!described_.insert(uuid).second) return uuid;
  // The name of the main thread is that of the process. A server's name is known anyway.
  std::string name;
  if (const auto task = context.tasks.find(tgid); task != context.tasks.end())
    name = name_of(task->second);
  if (servers_.empty()) {
    for (const auto& [id, connection] : context.info.connections)
      servers_.try_emplace(connection.server_tgid, connection.server_comm);
  }
  if (const auto server = servers_.find(tgid); name.empty() && server != servers_.end())
    name = server->second;
  stream_.packet([&](protozero::pbf_writer& packet) {
    protozero::pbf_writer track(packet, perfetto::packet_track_descriptor);
    track.add_uint64(perfetto::track_uuid, uuid);
    protozero::pbf_writer process(track, perfetto::track_process);
    process.add_int32(perfetto::process_pid, static_cast<int32_t>(tgid));
    if (!name.empty()) process.add_string(perfetto::process_name, name);
  });
  return uuid;
}

uint64_t PerfettoTracks::connection_track(uint32_t connection, const ExportContext& context) {
  const uint64_t uuid = make_uuid(kind_connection, connection);
  if (!described_.insert(uuid).second) return uuid;
  std::string name = fmt::format("FUSE connection {}", connection);
  if (const auto it = context.info.connections.find(connection);
      it != context.info.connections.end() && !it->second.mount.empty())
    name += fmt::format(": {}", it->second.mount);
  stream_.packet([&](protozero::pbf_writer& packet) {
    protozero::pbf_writer track(packet, perfetto::packet_track_descriptor);
    track.add_uint64(perfetto::track_uuid, uuid);
    track.add_string(perfetto::track_name, name);
  });
  return uuid;
}

uint64_t PerfettoTracks::counter_track(uint32_t connection, Counter counter,
                                       const ExportContext& context) {
  const bool pending = counter == Counter::pending;
  const uint64_t uuid = make_uuid(pending ? kind_pending : kind_same_cpu, connection);
  if (!described_.insert(uuid).second) return uuid;
  const uint64_t parent = connection_track(connection, context);
  stream_.packet([&](protozero::pbf_writer& packet) {
    protozero::pbf_writer track(packet, perfetto::packet_track_descriptor);
    track.add_uint64(perfetto::track_uuid, uuid);
    track.add_uint64(perfetto::track_parent_uuid, parent);
    track.add_string(perfetto::track_name, pending ? "pending requests" : "served on the same CPU");
    protozero::pbf_writer descriptor(track, perfetto::track_counter);
    if (pending)
      descriptor.add_enum(perfetto::counter_unit, perfetto::counter_unit_count);
    else
      descriptor.add_string(perfetto::counter_unit_name, "%");
  });
  return uuid;
}

}  // namespace fusetrace
