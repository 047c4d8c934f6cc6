// SPDX-License-Identifier: Apache-2.0
// Field numbers of the Perfetto trace format that the export writes, as in
// github.com/google/perfetto, protos/perfetto/, release v54.0. Each block names
// its message and, where it is not trace/trace_packet.proto, the file.
#pragma once

#include <cstdint>

namespace fusetrace::perfetto {

using Tag = uint32_t;

// Trace (trace/trace.proto)
inline constexpr Tag trace_packet = 1;

// TracePacket
inline constexpr Tag packet_ftrace_events = 1;
inline constexpr Tag packet_clock_snapshot = 6;
inline constexpr Tag packet_timestamp = 8;
inline constexpr Tag packet_trusted_packet_sequence_id = 10;
inline constexpr Tag packet_track_event = 11;
inline constexpr Tag packet_interned_data = 12;
inline constexpr Tag packet_sequence_flags = 13;
inline constexpr Tag packet_system_info = 45;
inline constexpr Tag packet_track_descriptor = 60;
// TracePacket.SequenceFlags
inline constexpr uint32_t sequence_incremental_state_cleared = 1;
inline constexpr uint32_t sequence_needs_incremental_state = 2;

// ClockSnapshot and ClockSnapshot.Clock (trace/clock_snapshot.proto)
inline constexpr Tag snapshot_clocks = 1;
inline constexpr Tag clock_id = 1;
inline constexpr Tag clock_timestamp = 2;
// BuiltinClock (common/builtin_clock.proto)
inline constexpr uint32_t clock_realtime = 1;
inline constexpr uint32_t clock_monotonic = 3;
inline constexpr uint32_t clock_boottime = 6;

// SystemInfo and Utsname (common/system_info.proto)
inline constexpr Tag system_utsname = 1;
inline constexpr Tag system_num_cpus = 8;
inline constexpr Tag utsname_sysname = 1;
inline constexpr Tag utsname_release = 3;
inline constexpr Tag utsname_machine = 4;

// TrackDescriptor (trace/track_event/track_descriptor.proto)
inline constexpr Tag track_uuid = 1;
inline constexpr Tag track_name = 2;
inline constexpr Tag track_process = 3;
inline constexpr Tag track_thread = 4;
inline constexpr Tag track_parent_uuid = 5;
inline constexpr Tag track_counter = 8;
// ProcessDescriptor (trace/track_event/process_descriptor.proto)
inline constexpr Tag process_pid = 1;
inline constexpr Tag process_name = 6;
// ThreadDescriptor (trace/track_event/thread_descriptor.proto)
inline constexpr Tag thread_pid = 1;
inline constexpr Tag thread_tid = 2;
inline constexpr Tag thread_name = 5;
// CounterDescriptor (trace/track_event/counter_descriptor.proto)
inline constexpr Tag counter_unit = 3;
inline constexpr Tag counter_unit_name = 6;
inline constexpr int32_t counter_unit_count = 2;

// TrackEvent (trace/track_event/track_event.proto)
inline constexpr Tag event_category_iids = 3;
inline constexpr Tag event_debug_annotations = 4;
inline constexpr Tag event_type = 9;
inline constexpr Tag event_name_iid = 10;
inline constexpr Tag event_track_uuid = 11;
inline constexpr Tag event_counter_value = 30;
inline constexpr Tag event_double_counter_value = 44;
inline constexpr Tag event_flow_ids = 47;              // fixed64
inline constexpr Tag event_terminating_flow_ids = 48;  // fixed64
// TrackEvent.Type
inline constexpr int32_t type_slice_begin = 1;
inline constexpr int32_t type_slice_end = 2;
inline constexpr int32_t type_instant = 3;
inline constexpr int32_t type_counter = 4;

// DebugAnnotation (trace/track_event/debug_annotation.proto)
inline constexpr Tag annotation_name_iid = 1;
inline constexpr Tag annotation_uint_value = 3;
inline constexpr Tag annotation_int_value = 4;
inline constexpr Tag annotation_string_value_iid = 17;

// InternedData (trace/interned_data/interned_data.proto), whose entries all
// have an iid and a name (InternedString calls it str)
inline constexpr Tag interned_event_categories = 1;
inline constexpr Tag interned_event_names = 2;
inline constexpr Tag interned_annotation_names = 3;
inline constexpr Tag interned_annotation_strings = 29;
inline constexpr Tag interned_iid = 1;
inline constexpr Tag interned_name = 2;

// FtraceEventBundle (trace/ftrace/ftrace_event_bundle.proto)
inline constexpr Tag bundle_cpu = 1;
inline constexpr Tag bundle_event = 2;
inline constexpr Tag bundle_compact_sched = 4;
// FtraceEventBundle.CompactSched; all but the table are packed
inline constexpr Tag compact_switch_timestamp = 1;
inline constexpr Tag compact_switch_prev_state = 2;
inline constexpr Tag compact_switch_next_pid = 3;
inline constexpr Tag compact_switch_next_prio = 4;
inline constexpr Tag compact_intern_table = 5;
inline constexpr Tag compact_switch_next_comm_index = 6;
// FtraceEvent (trace/ftrace/ftrace_event.proto)
inline constexpr Tag ftrace_timestamp = 1;
inline constexpr Tag ftrace_pid = 2;
inline constexpr Tag ftrace_sched_waking = 20;
// SchedWakingFtraceEvent (trace/ftrace/sched.proto)
inline constexpr Tag waking_comm = 1;
inline constexpr Tag waking_pid = 2;
inline constexpr Tag waking_prio = 3;
inline constexpr Tag waking_success = 4;
inline constexpr Tag waking_target_cpu = 5;

}  // namespace fusetrace::perfetto
