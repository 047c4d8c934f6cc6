// SPDX-License-Identifier: Apache-2.0
// Writes the packets of a Perfetto trace. Their times are in CLOCK_BOOTTIME, the default of
// the format.
#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>

#include "views/export/perfetto_fields.h"

namespace fusetrace {

class PerfettoStream {
 public:
  // Sets the string that packets are appended to from now on.
  void set_output(std::string& out) { out_ = &out; }
  // CLOCK_BOOTTIME - CLOCK_MONOTONIC.
  void set_boot_offset(int64_t ns) { boot_offset_ns_ = static_cast<uint64_t>(ns); }
  uint64_t boot_ns(uint64_t monotonic_ns) const { return monotonic_ns + boot_offset_ns_; }

  // Appends a packet whose fields fill(protozero::pbf_writer&) writes.
  template <typename Fill>
  void packet(Fill&& fill) {
    packet_.clear();
    protozero::pbf_writer writer(packet_);
    fill(writer);
    protozero::pbf_writer(*out_).add_message(perfetto::trace_packet, packet_);
  }

  // Appends a packet of the trace's only sequence; it may refer to names interned before.
  template <typename Fill>
  void sequence_packet(Fill&& fill) {
    packet([&](protozero::pbf_writer& writer) {
      writer.add_uint32(perfetto::packet_trusted_packet_sequence_id, 1);
      writer.add_uint32(perfetto::packet_sequence_flags,
                        started_ ? perfetto::sequence_needs_incremental_state
                                 : perfetto::sequence_incremental_state_cleared);
      started_ = true;
      fill(writer);
    });
  }

  // Appends such a packet with a TrackEvent, at a time and on a track.
  template <typename Fill>
  void event(uint64_t monotonic_ns, int32_t type, uint64_t track, Fill&& fill) {
    sequence_packet([&](protozero::pbf_writer& writer) {
      writer.add_uint64(perfetto::packet_timestamp, boot_ns(monotonic_ns));
      protozero::pbf_writer event(writer, perfetto::packet_track_event);
      event.add_enum(perfetto::event_type, type);
      event.add_uint64(perfetto::event_track_uuid, track);
      fill(event);
    });
  }

 private:
  std::string* out_ = nullptr;
  std::string packet_;
  uint64_t boot_offset_ns_ = 0;
  bool started_ = false;
};

}  // namespace fusetrace
