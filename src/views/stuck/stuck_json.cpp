// SPDX-License-Identifier: Apache-2.0
#include "views/stuck/stuck_json.h"

#include <nlohmann/json.hpp>

#include "model/opcode.h"
#include "views/stuck/stuck_selection.h"

namespace fusetrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kind_names[] = {"sync", "async", "noreply"};

Json or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

Json known(int64_t value) {
  if (value < 0) return nullptr;
  return value;
}

Json number_or_null(uint64_t value) {
  if (value == 0) return nullptr;
  return value;
}

Json thread_json(const Stuck& stuck, uint32_t tid, const StuckFilter& filter) {
  const auto found = stuck.threads.find(tid);
  if (found == stuck.threads.end()) return nullptr;
  const StuckThread& thread = found->second;
  Json out;
  out["tid"] = thread.tid;
  out["pid"] = thread.pid;
  out["comm"] = thread.comm;
  out["uid"] = thread.uid ? Json(*thread.uid) : Json(nullptr);
  out["cgroup"] = or_null(thread.cgroup);
  out["container"] = or_null(thread.container);
  out["pod"] = or_null(thread.pod);
  out["state"] = std::string(1, thread.state);
  out["asleep_ns"] = thread.asleep_ns ? Json(*thread.asleep_ns) : Json(nullptr);
  out["system_call"] = or_null(thread.system_call);
  out["path"] = or_null(thread.path);
  out["blocked_in"] = or_null(thread.blocked_in);
  out["kernel_thread"] = thread.kernel_thread;
  out["dying"] = thread.dying;
  if (filter.with_stacks) out["stack"] = thread.stack;
  return out;
}

Json request_json(const Stuck& stuck, const OpenRequest& request, const StuckFilter& filter) {
  const auto connection = stuck.connections.find(request.connection);
  Json out;
  out["connection"] = request.connection;
  out["mount"] = connection == stuck.connections.end()
                     ? Json(nullptr)
                     : or_null(connection->second.connection.mount);
  out["unique"] = request.unique;
  out["opcode"] = opcode_name(request.opcode);
  out["nodeid"] = request.nodeid;
  out["name"] = or_null(request.name);
  out["offset"] = request.offset ? Json(*request.offset) : Json(nullptr);
  out["size"] = request.offset ? Json(request.size) : Json(nullptr);
  out["kind"] = kind_names[request.kind];
  out["transport"] = request.io_uring ? "io_uring" : "dev";
  out["stage"] = open_stage_names[static_cast<size_t>(request.stage)];
  out["age_ns"] = request.age_is == AgeIs::unknown ? Json(nullptr) : Json(request.age_ns);
  out["age_is"] = age_is_names[static_cast<size_t>(request.age_is)];
  out["still_open"] = request.still_open;
  out["interrupted"] = request.interrupted;
  out["client"] = thread_json(stuck, request.client, filter);
  out["server"] =
      request.servers.size() == 1 ? thread_json(stuck, request.servers[0], filter) : Json(nullptr);
  out["server_candidates"] = request.servers;
  return out;
}

Json task_json(const Stuck& stuck, const BlockedTask& task, const StuckFilter& filter) {
  Json out = thread_json(stuck, task.tid, filter);
  const auto connection = stuck.connections.find(task.connection);
  out["waits_for"] = wait_reason_names[static_cast<size_t>(task.reason)];
  out["connection"] = number_or_null(task.connection);
  out["mount"] = connection == stuck.connections.end()
                     ? Json(nullptr)
                     : or_null(connection->second.connection.mount);
  out["nodeid"] = number_or_null(task.nodeid);
  out["holder"] = number_or_null(task.holder);
  return out;
}

Json connection_json(const Stuck& stuck, const StuckConnection& connection,
                     const StuckFilter& filter) {
  const Connection& facts = connection.connection;
  Json out;
  out["mount"] = or_null(facts.mount);
  out["fstype"] = or_null(facts.fstype);
  out["transport"] = or_null(facts.transport);
  out["server_pid"] = number_or_null(facts.server_tgid);
  out["server_comm"] = or_null(facts.server_comm);
  out["has_server"] = facts.fstype == "virtiofs" || !stuck.all_processes_seen
                          ? Json(nullptr)
                          : Json(connection.has_server);
  out["connected"] = connection.connected;
  out["initialized"] = connection.initialized;
  out["waiting"] = known(facts.waiting);
  out["max_background"] = known(facts.max_background);
  out["background"] = known(connection.background);
  out["admission_waiters"] = known(connection.admission_waiters);
  out["lists_torn"] = connection.lists_torn;
  out["walk_cut"] = connection.walk_cut;
  out["inodes_cut"] = connection.inodes_cut;
  Json& servers = out["servers"] = Json::array();
  for (const uint32_t tid : connection.servers) servers.push_back(thread_json(stuck, tid, filter));
  return out;
}

}  // namespace

std::string stuck_json(const Stuck& stuck, const StuckFilter& filter) {
  Json out;
  out["schema"] = "fusetrace.stuck/1";
  Json& requests = out["requests"] = Json::array();
  for (const OpenRequest& request : stuck.requests) {
    if (is_older(request, filter.older_ns)) {
      requests.push_back(request_json(stuck, request, filter));
    }
  }
  Json& tasks = out["tasks"] = Json::array();
  for (const BlockedTask& task : stuck.tasks) {
    if (is_older(stuck, task, filter.older_ns)) tasks.push_back(task_json(stuck, task, filter));
  }
  out["cycles"] = stuck.cycles;
  Json& connections = out["connections"] = Json::object();
  for (const auto& [number, connection] : stuck.connections) {
    connections[std::to_string(number)] = connection_json(stuck, connection, filter);
  }
  out["ended_between_looks"] = stuck.ended;
  out["not_kept"] = stuck.not_kept;
  out["all_processes_seen"] = stuck.all_processes_seen;
  // Names and mount points need not be UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fusetrace
