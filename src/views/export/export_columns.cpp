// SPDX-License-Identifier: Apache-2.0
#include "views/export/export_columns.h"

#include <cstring>

#include "model/opcode.h"

namespace fusetrace {
namespace {

using Row = const ExportRow&;
using Value = ExportValue;
using Type = ExportValue::Type;

constexpr Value unknown() { return {}; }
constexpr Value number(uint64_t n) { return {Type::number, n, {}}; }
constexpr Value boolean(bool b) { return {Type::boolean, b, {}}; }
constexpr Value text(std::string_view s) { return {Type::text, 0, s}; }
constexpr Value signed_number(int64_t n) {
  return n < 0 ? Value{Type::negative, 0 - static_cast<uint64_t>(n), {}}
               : number(static_cast<uint64_t>(n));
}

// In a record, a time or thread number of zero and an empty name mean unknown.
constexpr Value nonzero(uint64_t n) { return n != 0 ? number(n) : unknown(); }
constexpr Value nonempty(std::string_view s) { return s.empty() ? unknown() : text(s); }
constexpr Value cpu(uint16_t n) { return n != FT_CPU_UNKNOWN ? number(n) : unknown(); }

template <size_t size>
Value name_in(const std::array<std::string_view, size>& names, size_t index) {
  return index < size ? text(names[index]) : number(index);
}

Value stage(Row row, Stage which) {
  const auto ns = row.stages[which];
  return ns ? number(*ns) : unknown();
}

Value flag(Row row, uint32_t bit) { return boolean((row.request.flags & bit) != 0); }
// A value that is known only when another bit of the record says so.
Value flag(Row row, uint32_t bit, uint32_t known) {
  return (row.request.flags & known) != 0 ? flag(row, bit) : unknown();
}

Value tgid(const ft_task* task) { return task != nullptr ? nonzero(task->tgid) : unknown(); }
Value comm(const ft_task* task) {
  return task != nullptr ? nonempty({task->comm, strnlen(task->comm, FT_COMM_LEN)}) : unknown();
}

constexpr ExportColumn columns[] = {
    {"connection", [](Row r) { return number(r.request.connection); }},
    {"mount",
     [](Row r) { return r.connection != nullptr ? nonempty(r.connection->mount) : unknown(); }},
    {"fstype",
     [](Row r) { return r.connection != nullptr ? nonempty(r.connection->fstype) : unknown(); }},
    {"transport", [](Row r) { return name_in(transport_names, r.request.transport); }},
    {"unique", [](Row r) { return number(r.request.unique); }},
    {"opcode", [](Row r) { return text(r.opcode); }},
    {"kind", [](Row r) { return name_in(kind_names, r.request.kind); }},
    {"nodeid", [](Row r) { return number(r.request.nodeid); }},
    {"error", [](Row r) { return signed_number(r.request.error); }},
    {"bytes_in", [](Row r) { return number(r.request.bytes_in); }},
    {"bytes_out", [](Row r) { return number(r.request.bytes_out); }},

    {"queued_unix_ns",
     [](Row r) {
       return r.request.queued_ns == 0
                  ? unknown()
                  : number(r.request.queued_ns +
                           static_cast<uint64_t>(r.context.info.realtime_offset_ns));
     }},
    {"queued_ns", [](Row r) { return nonzero(r.request.queued_ns); }},
    {"server_waking_ns", [](Row r) { return nonzero(r.request.server_waking_ns); }},
    {"server_running_ns", [](Row r) { return nonzero(r.request.server_running_ns); }},
    {"picked_up_ns", [](Row r) { return nonzero(r.request.picked_up_ns); }},
    {"replied_ns", [](Row r) { return nonzero(r.request.replied_ns); }},
    {"client_waking_ns", [](Row r) { return nonzero(r.request.client_waking_ns); }},
    {"resumed_ns", [](Row r) { return nonzero(r.request.resumed_ns); }},

    {"queue_ns", [](Row r) { return stage(r, Stage::queue); }},
    {"wakeup_ns", [](Row r) { return stage(r, Stage::wakeup); }},
    {"service_ns", [](Row r) { return stage(r, Stage::service); }},
    {"return_ns", [](Row r) { return stage(r, Stage::back); }},
    {"total_ns", [](Row r) { return stage(r, Stage::total); }},

    {"pickup", [](Row r) { return name_in(pickup_names, r.request.pickup); }},
    {"request_hop",
     [](Row r) { return name_in(distance_names, static_cast<size_t>(r.request_hop)); }},
    {"reply_hop",
     [](Row r) {
       return has_reply_hop(r.request) ? name_in(distance_names, static_cast<size_t>(r.reply_hop))
                                       : unknown();
     }},

    {"client_tid", [](Row r) { return nonzero(r.request.client_tid); }},
    {"client_tgid", [](Row r) { return tgid(r.client); }},
    {"client_comm", [](Row r) { return comm(r.client); }},
    {"server_tid", [](Row r) { return nonzero(r.request.server_tid); }},
    {"server_tgid", [](Row r) { return tgid(r.server); }},
    {"server_comm", [](Row r) { return comm(r.server); }},
    {"replier_tid", [](Row r) { return nonzero(r.request.replier_tid); }},
    {"replier_tgid", [](Row r) { return tgid(r.replier); }},
    {"replier_comm", [](Row r) { return comm(r.replier); }},
    {"woken_tid", [](Row r) { return nonzero(r.request.woken_tid); }},

    {"client_cpu", [](Row r) { return cpu(r.request.client_cpu); }},
    {"server_cpu", [](Row r) { return cpu(r.request.server_cpu); }},
    {"reply_cpu", [](Row r) { return cpu(r.request.reply_cpu); }},
    {"resume_cpu", [](Row r) { return cpu(r.request.resume_cpu); }},

    {"server_placement",
     [](Row r) {
       return has_server_wakeup(r.request)
                  ? name_in(placement_names, static_cast<size_t>(server_placement(r.request)))
                  : unknown();
     }},
    {"server_prev_cpu", [](Row r) { return cpu(r.request.server_prev_cpu); }},
    {"server_target_cpu", [](Row r) { return cpu(r.request.server_target_cpu); }},
    {"server_waker_cpu", [](Row r) { return cpu(r.request.server_waker_cpu); }},
    {"server_target_idle",
     [](Row r) { return flag(r, FT_F_SERVER_TARGET_IDLE, FT_F_SERVER_TARGET_IDLE_KNOWN); }},
    {"server_wake_sync",
     [](Row r) { return flag(r, FT_F_SERVER_WAKE_SYNC, FT_F_SERVER_WAKE_FLAGS_KNOWN); }},
    {"server_wake_current_cpu",
     [](Row r) { return flag(r, FT_F_SERVER_WAKE_CURRENT_CPU, FT_F_SERVER_WAKE_FLAGS_KNOWN); }},

    {"client_placement",
     [](Row r) {
       return has_client_wakeup(r.request)
                  ? name_in(placement_names, static_cast<size_t>(client_placement(r.request)))
                  : unknown();
     }},
    {"client_prev_cpu", [](Row r) { return cpu(r.request.client_prev_cpu); }},
    {"client_target_cpu", [](Row r) { return cpu(r.request.client_target_cpu); }},
    {"client_waker_cpu", [](Row r) { return cpu(r.request.client_waker_cpu); }},
    {"client_target_idle",
     [](Row r) { return flag(r, FT_F_CLIENT_TARGET_IDLE, FT_F_CLIENT_TARGET_IDLE_KNOWN); }},
    {"client_wake_sync",
     [](Row r) { return flag(r, FT_F_CLIENT_WAKE_SYNC, FT_F_CLIENT_WAKE_FLAGS_KNOWN); }},
    {"client_wake_current_cpu",
     [](Row r) { return flag(r, FT_F_CLIENT_WAKE_CURRENT_CPU, FT_F_CLIENT_WAKE_FLAGS_KNOWN); }},
    {"client_never_slept", [](Row r) { return flag(r, FT_F_CLIENT_NEVER_SLEPT); }},

    {"migrations_server_wakeup",
     [](Row r) { return number(migrations_of(r.request, Migration::server_wakeup)); }},
    {"migrations_server_waiting",
     [](Row r) { return number(migrations_of(r.request, Migration::server_waiting)); }},
    {"migrations_server_serving",
     [](Row r) { return number(migrations_of(r.request, Migration::server_serving)); }},
    {"migrations_client_waiting",
     [](Row r) { return number(migrations_of(r.request, Migration::client_waiting)); }},

    {"interrupted", [](Row r) { return flag(r, FT_F_INTERRUPTED); }},
    {"aborted", [](Row r) { return flag(r, FT_F_ABORTED); }},
    {"resent", [](Row r) { return flag(r, FT_F_RESENT); }},
    {"stolen", [](Row r) { return flag(r, FT_F_STOLEN, FT_F_SHARD_KNOWN); }},
    {"shard",
     [](Row r) {
       return (r.request.flags & FT_F_SHARD_KNOWN) != 0 ? number(r.request.shard) : unknown();
     }},
};

const ft_task* find_task(const ExportContext& context, uint32_t tid) {
  const auto it = context.tasks.find(tid);
  return it != context.tasks.end() ? &it->second : nullptr;
}

}  // namespace

std::span<const ExportColumn> export_columns() { return columns; }

ExportRow ExportRows::make(const ft_request& r, const ExportContext& context) {
  const Topology& topology = context.info.topology;
  const auto connection = context.info.connections.find(r.connection);
  std::string& opcode = opcodes_[r.opcode];
  if (opcode.empty()) opcode = opcode_name(r.opcode);
  return {r,
          context,
          stages_of(r),
          request_hop(r, topology),
          reply_hop(r, topology),
          find_task(context, r.client_tid),
          find_task(context, r.server_tid),
          find_task(context, r.replier_tid),
          connection != context.info.connections.end() ? &connection->second : nullptr,
          opcode};
}

}  // namespace fusetrace
