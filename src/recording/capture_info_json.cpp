// SPDX-License-Identifier: Apache-2.0
#include "recording/capture_info_json.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/limits.h"
#include "recording/format.h"

namespace fusetrace {
namespace {

using nlohmann::json;

// Mount points and names are bytes to the kernel, JSON is UTF-8.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json connections_json(const std::map<uint32_t, Connection>& connections) {
  json object = json::object();
  for (const auto& [id, c] : connections) {
    object[std::to_string(id)] = {{"mount", c.mount},
                                  {"fstype", c.fstype},
                                  {"source", c.source},
                                  {"server_comm", c.server_comm},
                                  {"server_tgid", c.server_tgid},
                                  {"server_threads", c.server_threads},
                                  {"transport", c.transport},
                                  {"waiting", c.waiting},
                                  {"max_background", c.max_background},
                                  {"congestion_threshold", c.congestion_threshold}};
  }
  return object;
}

template <std::integral T>
bool fits(const json& value, T& out) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<T>::max())) return false;
    out = static_cast<T>(number);
    return true;
  }
  if (!value.is_number_integer()) return false;
  const auto number = value.get<int64_t>();  // negative, or it would be unsigned
  if (std::is_unsigned_v<T> || number < static_cast<int64_t>(std::numeric_limits<T>::min()))
    return false;
  out = static_cast<T>(number);
  return true;
}

template <std::integral T>
void take(const json& object, const char* key, T& out) {
  const auto it = object.find(key);
  if (it != object.end()) fits(*it, out);
}

void take(const json& object, const char* key, std::string& out) {
  const auto it = object.find(key);
  if (it != object.end() && it->is_string())
    out = it->get_ref<const std::string&>().substr(0, limits::text_bytes);
}

void take(const json& object, const char* key, std::vector<std::string>& out) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return;
  out.clear();
  for (const json& item : *it)
    if (item.is_string())
      out.push_back(item.get_ref<const std::string&>().substr(0, limits::text_bytes));
}

void take_cpus(const json& array, Topology& topology) {
  std::vector<Cpu> cpus;
  for (const json& item : array) {
    // Numbers of CPUs index tables.
    Cpu cpu;
    uint16_t id = 0;
    if (!item.is_object() || !item.contains("id") || !fits(item["id"], id) || id >= limits::cpus)
      continue;
    cpu.id = id;
    take(item, "core", cpu.core);
    take(item, "llc", cpu.llc);
    take(item, "node", cpu.node);
    const auto online = item.find("online");
    if (online != item.end() && online->is_boolean()) cpu.online = online->get<bool>();
    cpus.push_back(cpu);
  }
  topology = Topology(std::move(cpus));
}

void take_probes(const json& array, std::vector<Probe>& probes) {
  probes.clear();
  for (const json& item : array) {
    if (!item.is_object() || probes.size() >= limits::described_probes) continue;
    Probe& probe = probes.emplace_back();
    take(item, "point", probe.point);
    take(item, "hook", probe.hook);
    take(item, "reason", probe.reason);
  }
}

void take_connections(const json& object, std::map<uint32_t, Connection>& connections) {
  for (const auto& [key, item] : object.items()) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || !item.is_object()) continue;
    if (connections.size() >= limits::described_connections && !connections.contains(id)) continue;
    Connection& c = connections[id];
    c.id = id;
    take(item, "mount", c.mount);
    take(item, "fstype", c.fstype);
    take(item, "source", c.source);
    take(item, "server_comm", c.server_comm);
    take(item, "server_tgid", c.server_tgid);
    take(item, "server_threads", c.server_threads);
    take(item, "transport", c.transport);
    take(item, "waiting", c.waiting);
    take(item, "max_background", c.max_background);
    take(item, "congestion_threshold", c.congestion_threshold);
  }
}

}  // namespace

std::string to_json(const CaptureInfo& info) {
  json cpus = json::array();
  for (const Cpu& cpu : info.topology.cpus()) {
    cpus.push_back({{"id", cpu.id},
                    {"core", cpu.core},
                    {"llc", cpu.llc},
                    {"node", cpu.node},
                    {"online", cpu.online}});
  }
  json probes = json::array();
  for (const Probe& probe : info.probes)
    probes.push_back({{"point", probe.point}, {"hook", probe.hook}, {"reason", probe.reason}});

  return dump({{"kernel", info.kernel},
               {"machine", info.machine},
               {"hostname", info.hostname},
               {"fusetrace_version", info.fusetrace_version},
               {"command_line", info.command_line},
               {"filters", info.filters},
               {"cpus", cpus},
               {"probes", probes},
               {"connections", connections_json(info.connections)},
               {"start_ns", info.start_ns},
               {"end_ns", info.end_ns},
               {"realtime_offset_ns", info.realtime_offset_ns},
               {"boottime_offset_ns", info.boottime_offset_ns},
               {"sample_n", info.sample_n}});
}

std::string to_json(const std::map<uint32_t, Connection>& connections) {
  return dump({{"connections", connections_json(connections)}});
}

bool merge_json(std::string_view text, CaptureInfo& info) {
  // A value takes a few bytes of text and ten times that once parsed.
  const auto values = std::count_if(text.begin(), text.end(),
                                    [](char c) { return c == ',' || c == '[' || c == '{'; });
  if (static_cast<size_t>(values) > format::max_info_values) return false;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return false;
  take(object, "kernel", info.kernel);
  take(object, "machine", info.machine);
  take(object, "hostname", info.hostname);
  take(object, "fusetrace_version", info.fusetrace_version);
  take(object, "command_line", info.command_line);
  take(object, "filters", info.filters);
  if (const auto it = object.find("cpus"); it != object.end() && it->is_array())
    take_cpus(*it, info.topology);
  if (const auto it = object.find("probes"); it != object.end() && it->is_array())
    take_probes(*it, info.probes);
  if (const auto it = object.find("connections"); it != object.end() && it->is_object())
    take_connections(*it, info.connections);
  take(object, "start_ns", info.start_ns);
  take(object, "end_ns", info.end_ns);
  take(object, "realtime_offset_ns", info.realtime_offset_ns);
  take(object, "boottime_offset_ns", info.boottime_offset_ns);
  take(object, "sample_n", info.sample_n);
  return true;
}

}  // namespace fusetrace
