// SPDX-License-Identifier: Apache-2.0
// Writes a recording as a Perfetto trace. A synchronous request is a slice on the track of its
// client, and its stages are slices within that one. Its service is a slice on the track of
// its server. A flow connects queueing, service and return. A request for which no client
// waits is an instant on the track of its client.
#include <cerrno>
#include <map>
#include <optional>
#include <string>

#include "model/opcode.h"
#include "model/request.h"
#include "views/export/export.h"
#include "views/export/perfetto_counters.h"
#include "views/export/perfetto_sched.h"
#include "views/export/perfetto_stream.h"
#include "views/export/perfetto_tracks.h"

namespace fusetrace {
namespace {

using protozero::pbf_writer;

// The numbers of the interned names. Those of each table begin at 1.
enum EventName : uint64_t { name_queue = 1, name_service, name_return, name_reply, names_fixed };
constexpr std::string_view event_names[] = {"queue", "service", "return", "reply"};

enum Annotation : uint64_t {
  annotation_connection = 1,
  annotation_unique,
  annotation_nodeid,
  annotation_bytes_in,
  annotation_bytes_out,
  annotation_error,
  annotation_kind,
  annotation_pickup,
  annotation_request_hop,
  annotation_reply_hop,
};
constexpr std::string_view annotation_names[] = {"connection",  "unique",   "nodeid", "bytes_in",
                                                 "bytes_out",   "error",    "kind",   "pickup",
                                                 "request_hop", "reply_hop"};

// The values of the last four annotations, in one table: kinds, pickups, distances.
constexpr uint64_t first_kind = 1;
constexpr uint64_t first_pickup = first_kind + FT_KINDS;
constexpr uint64_t first_distance = first_pickup + FT_PICKUPS;

void add_interned(pbf_writer& data, perfetto::Tag table, uint64_t iid, std::string_view name) {
  pbf_writer entry(data, table);
  entry.add_uint64(perfetto::interned_iid, iid);
  entry.add_string(perfetto::interned_name, name.data(), name.size());
}

class PerfettoExport : public RequestExport {
 public:
  void begin(const ExportContext& context, std::string& out) override;
  void add(std::span<const ft_request> requests, const ExportContext& context,
           std::string& out) override;
  bool end(const ExportContext& context, std::string& out) override;

 private:
  void add_clocks(const CaptureInfo& info);
  void add_system(const CaptureInfo& info);
  void add_names();
  void add_request(const ft_request& request, const ExportContext& context);
  void add_client(const ft_request& request, uint64_t flow, const ExportContext& context);
  void add_server(const ft_request& request, uint64_t flow, const ExportContext& context);
  void add_slice(uint64_t track, uint64_t name, uint64_t begin_ns, uint64_t end_ns, uint64_t flow,
                 bool flow_ends);
  void annotate(pbf_writer& event, const ft_request& request, const Topology& topology);
  void count(const ft_request& request, const Topology& topology);
  uint64_t name_of(uint32_t opcode);

  PerfettoStream stream_;
  PerfettoTracks tracks_{stream_};
  PerfettoSched sched_;
  std::optional<PerfettoCounters> counters_;
  std::map<uint32_t, uint64_t> opcode_names_;
  uint64_t requests_ = 0;
};

void PerfettoExport::begin(const ExportContext& context, std::string& out) {
  stream_.set_output(out);
  stream_.set_boot_offset(context.info.boottime_offset_ns);
  if (context.info.start_ns != 0) counters_.emplace(context.info.start_ns);
  add_clocks(context.info);
  add_system(context.info);
  add_names();
  for (const auto& [id, connection] : context.info.connections)
    tracks_.connection_track(id, context);
}

void PerfettoExport::add_clocks(const CaptureInfo& info) {
  using namespace perfetto;
  stream_.packet([&](pbf_writer& packet) {
    pbf_writer snapshot(packet, packet_clock_snapshot);
    const auto add = [&](uint32_t id, uint64_t ns) {
      pbf_writer clock(snapshot, snapshot_clocks);
      clock.add_uint32(clock_id, id);
      clock.add_uint64(clock_timestamp, ns);
    };
    add(clock_boottime, stream_.boot_ns(info.start_ns));
    add(clock_monotonic, info.start_ns);
    add(clock_realtime, info.start_ns + static_cast<uint64_t>(info.realtime_offset_ns));
  });
}

void PerfettoExport::add_system(const CaptureInfo& info) {
  using namespace perfetto;
  stream_.packet([&](pbf_writer& packet) {
    pbf_writer system(packet, packet_system_info);
    {
      pbf_writer utsname(system, system_utsname);
      utsname.add_string(utsname_sysname, "Linux");
      utsname.add_string(utsname_release, info.kernel);
      utsname.add_string(utsname_machine, info.machine);
    }
    system.add_uint32(system_num_cpus, static_cast<uint32_t>(info.topology.cpus().size()));
  });
}

void PerfettoExport::add_names() {
  using namespace perfetto;
  stream_.sequence_packet([&](pbf_writer& packet) {
    pbf_writer data(packet, packet_interned_data);
    add_interned(data, interned_event_categories, 1, "fuse");
    uint64_t iid = 1;
    for (std::string_view name : event_names) add_interned(data, interned_event_names, iid++, name);
    iid = 1;
    for (std::string_view name : annotation_names)
      add_interned(data, interned_annotation_names, iid++, name);
    iid = first_kind;
    for (std::string_view name : kind_names)
      add_interned(data, interned_annotation_strings, iid++, name);
    for (std::string_view name : pickup_names)
      add_interned(data, interned_annotation_strings, iid++, name);
    for (std::string_view name : distance_names)
      add_interned(data, interned_annotation_strings, iid++, name);
  });
}

uint64_t PerfettoExport::name_of(uint32_t opcode) {
  const auto [it, added] = opcode_names_.emplace(opcode, names_fixed + opcode_names_.size());
  const uint64_t iid = it->second;
  if (added) {
    stream_.sequence_packet([&](pbf_writer& packet) {
      pbf_writer data(packet, perfetto::packet_interned_data);
      add_interned(data, perfetto::interned_event_names, iid, opcode_name(opcode));
    });
  }
  return iid;
}

void PerfettoExport::add(std::span<const ft_request> requests, const ExportContext& context,
                         std::string& out) {
  stream_.set_output(out);
  if (!counters_ && !requests.empty()) counters_.emplace(requests.front().queued_ns);
  for (const ft_request& r : requests) {
    add_request(r, context);
    count(r, context.info.topology);
    sched_.add(r);
  }
  sched_.write(stream_, context);
}

bool PerfettoExport::end(const ExportContext& context, std::string& out) {
  stream_.set_output(out);
  if (counters_) counters_->write(stream_, tracks_, context);
  return false;
}

void PerfettoExport::add_request(const ft_request& r, const ExportContext& context) {
  const uint64_t flow = ++requests_;
  add_client(r, flow, context);
  add_server(r, flow, context);
}

void PerfettoExport::add_slice(uint64_t track, uint64_t name, uint64_t begin_ns, uint64_t end_ns,
                               uint64_t flow, bool flow_ends) {
  using namespace perfetto;
  stream_.event(begin_ns, type_slice_begin, track, [&](pbf_writer& event) {
    event.add_uint64(event_name_iid, name);
    event.add_uint64(event_category_iids, 1);
    if (flow != 0) event.add_fixed64(flow_ends ? event_terminating_flow_ids : event_flow_ids, flow);
  });
  stream_.event(end_ns, type_slice_end, track, [](pbf_writer&) {});
}

void PerfettoExport::add_client(const ft_request& r, uint64_t flow, const ExportContext& context) {
  using namespace perfetto;
  const Stages stages = stages_of(r);
  const Topology& topology = context.info.topology;
  const uint64_t name = name_of(r.opcode);
  const uint64_t end_ns = end_of(r);
  // If a point came before the one that it must follow, the slices would not nest.
  if (r.kind != FT_KIND_SYNC || stages.backwards || end_ns < r.queued_ns) {
    const uint64_t track = tracks_.instant_track(r.client_tid, r.connection, context);
    stream_.event(r.queued_ns, type_instant, track, [&](pbf_writer& event) {
      event.add_uint64(event_name_iid, name);
      event.add_uint64(event_category_iids, 1);
      event.add_fixed64(event_flow_ids, flow);
      annotate(event, r, topology);
    });
    return;
  }

  const uint64_t track =
      tracks_.slice_track(r.client_tid, r.connection, r.queued_ns, end_ns, context);
  stream_.event(r.queued_ns, type_slice_begin, track, [&](pbf_writer& event) {
    event.add_uint64(event_name_iid, name);
    event.add_uint64(event_category_iids, 1);
    annotate(event, r, topology);
  });
  if (stages.known(Stage::queue))
    add_slice(track, name_queue, r.queued_ns, r.picked_up_ns, flow, false);
  if (stages.known(Stage::service))
    add_slice(track, name_service, r.picked_up_ns, r.replied_ns, 0, false);
  if (stages.known(Stage::back))
    add_slice(track, name_return, r.replied_ns, r.resumed_ns, flow, true);
  stream_.event(end_ns, type_slice_end, track, [](pbf_writer&) {});
}

void PerfettoExport::add_server(const ft_request& r, uint64_t flow, const ExportContext& context) {
  using namespace perfetto;
  if (r.picked_up_ns == 0 || r.server_tid == 0) return;
  const Stages stages = stages_of(r);
  const bool flow_ends = r.kind != FT_KIND_SYNC || !stages.known(Stage::back) || stages.backwards;
  const uint64_t name = name_of(r.opcode);
  if (stages.known(Stage::service) && !stages.backwards) {
    const uint64_t track =
        tracks_.slice_track(r.server_tid, r.connection, r.picked_up_ns, r.replied_ns, context);
    add_slice(track, name, r.picked_up_ns, r.replied_ns, flow, flow_ends);
  } else {
    const uint64_t track = tracks_.instant_track(r.server_tid, r.connection, context);
    stream_.event(r.picked_up_ns, type_instant, track, [&](pbf_writer& event) {
      event.add_uint64(event_name_iid, name);
      event.add_uint64(event_category_iids, 1);
      event.add_fixed64(flow_ends ? event_terminating_flow_ids : event_flow_ids, flow);
    });
  }
  if (r.replier_tid != 0 && r.replier_tid != r.server_tid && r.replied_ns != 0) {
    const uint64_t track = tracks_.instant_track(r.replier_tid, r.connection, context);
    stream_.event(r.replied_ns, type_instant, track, [](pbf_writer& event) {
      event.add_uint64(event_name_iid, name_reply);
      event.add_uint64(event_category_iids, 1);
    });
  }
}

void PerfettoExport::annotate(pbf_writer& event, const ft_request& r, const Topology& topology) {
  using namespace perfetto;
  const auto number = [&](Annotation name, uint64_t value) {
    pbf_writer annotation(event, event_debug_annotations);
    annotation.add_uint64(annotation_name_iid, name);
    annotation.add_uint64(annotation_uint_value, value);
  };
  const auto text = [&](Annotation name, uint64_t first, size_t index) {
    pbf_writer annotation(event, event_debug_annotations);
    annotation.add_uint64(annotation_name_iid, name);
    annotation.add_uint64(annotation_string_value_iid, first + index);
  };
  number(annotation_connection, r.connection);
  number(annotation_unique, r.unique);
  number(annotation_nodeid, r.nodeid);
  number(annotation_bytes_in, r.bytes_in);
  number(annotation_bytes_out, r.bytes_out);
  if (r.error != 0) {
    pbf_writer annotation(event, event_debug_annotations);
    annotation.add_uint64(annotation_name_iid, annotation_error);
    annotation.add_int64(annotation_int_value, r.error);
  }
  if (r.kind < FT_KINDS) text(annotation_kind, first_kind, r.kind);
  if (r.pickup < FT_PICKUPS) text(annotation_pickup, first_pickup, r.pickup);
  text(annotation_request_hop, first_distance, static_cast<size_t>(request_hop(r, topology)));
  if (has_reply_hop(r))
    text(annotation_reply_hop, first_distance, static_cast<size_t>(reply_hop(r, topology)));
}

void PerfettoExport::count(const ft_request& r, const Topology& topology) {
  const uint64_t end_ns = r.replied_ns != 0 ? r.replied_ns : r.picked_up_ns;
  if (end_ns >= r.queued_ns) counters_->add_pending(r.connection, r.queued_ns, end_ns);
  const Distance hop = request_hop(r, topology);
  if (hop != Distance::unknown)
    counters_->add_hop(r.connection, r.queued_ns, hop == Distance::same_cpu);
}

}  // namespace

std::unique_ptr<RequestExport> make_perfetto_export() { return std::make_unique<PerfettoExport>(); }

}  // namespace fusetrace
