// SPDX-License-Identifier: Apache-2.0
#include "capture/connections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "capture/iterators.h"
#include "capture/mounts.h"

namespace fusetrace {
namespace {

std::string server_comm(uint32_t tgid) {
  std::ifstream in("/proc/" + std::to_string(tgid) + "/comm");
  std::string comm;
  std::getline(in, comm);
  return comm;
}

int64_t thread_count(uint32_t tgid) {
  std::ifstream in("/proc/" + std::to_string(tgid) + "/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("Threads:")) return std::strtoll(line.c_str() + 8, nullptr, 10);
  }
  return -1;
}

}  // namespace

std::map<uint32_t, Connection> fuse_mounts(const MountTable& table) {
  std::map<uint32_t, Connection> connections;
  std::set<uint32_t> whole;  // a mount of all of it was seen
  for (const Mount& mount : table.mounts()) {
    if (!is_fuse_type(mount.fstype)) continue;
    Connection connection;
    connection.id = mount.device;
    connection.mount = mount.target;
    connection.fstype = mount.fstype;
    connection.source = mount.source;
    if (mount.fstype == "virtiofs") connection.transport = "virtiofs";
    const auto [known, is_new] = connections.try_emplace(mount.device, connection);
    // A mount of the whole file system says more than one of a part of it.
    if (!is_new && mount.root == "/" && !whole.contains(mount.device)) {
      known->second = std::move(connection);
    }
    if (mount.root == "/") whole.insert(mount.device);
  }
  return connections;
}

std::map<uint32_t, Connection> parse_mountinfo(std::istream& in) {
  return fuse_mounts(MountTable::parse({std::istreambuf_iterator<char>(in), {}}));
}

bool has_input_queues() { return access("/sys/module/fuse/parameters/cpu_queues", F_OK) == 0; }

std::vector<InputQueue> parse_queues(std::istream& in) {
  std::string line;
  if (!std::getline(in, line) || line != "shard cpus pending oldest_us queued taken stolen")
    return {};
  std::vector<InputQueue> queues;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    size_t shard = 0;
    InputQueue q;
    if (!(fields >> shard >> q.cpus >> q.pending >> q.oldest_us >> q.queued >> q.taken >>
          q.stolen) ||
        shard != queues.size()) {
      return {};
    }
    queues.push_back(std::move(q));
  }
  return queues;
}

std::map<uint32_t, Connection> find_connections(std::span<const ft_open_device> devices) {
  std::ifstream own("/proc/self/mountinfo");
  auto connections = parse_mountinfo(own);

  // With thousands of connections, files that are not there cost time too.
  const bool tells_of_queues = has_input_queues();
  std::set<uint32_t> looked_at;
  for (const ft_open_device& device : devices) {
    if (!connections.contains(device.connection) && looked_at.insert(device.tgid).second) {
      std::ifstream theirs("/proc/" + std::to_string(device.tgid) + "/mountinfo");
      for (auto& [number, found] : parse_mountinfo(theirs)) connections.emplace(number, found);
    }
    Connection& connection = connections[device.connection];
    connection.id = device.connection;
    if (device.cuse != 0) {
      connection.fstype = "cuse";
      connection.transport = "cuse";
    } else if (connection.transport.empty()) {
      connection.transport = "dev";
    }
    connection.waiting = device.waiting;
    connection.max_background = device.max_background;
    connection.congestion_threshold = device.congestion_threshold;
    if (tells_of_queues && connection.queues.empty()) {
      std::ifstream queues("/sys/fs/fuse/connections/" + std::to_string(device.connection) +
                           "/queues");
      connection.queues = parse_queues(queues);
    }
    if (connection.server_tgid == 0) {
      connection.server_tgid = device.tgid;
      connection.server_comm = server_comm(device.tgid);
      connection.server_threads = thread_count(device.tgid);
    }
  }
  return connections;
}

namespace {

// The mount tables of all mount namespaces but our own, one process of each.
std::vector<MountTable> other_namespaces() {
  std::vector<MountTable> out;
  std::set<std::string> seen;
  if (const auto own = read_link("/proc/self/ns/mnt")) seen.insert(*own);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto name = read_link("/proc/" + pid + "/ns/mnt");
    if (name && seen.insert(*name).second) out.push_back(MountTable::of_process(pid));
  }
  return out;
}

}  // namespace

Result<uint32_t> connection_of_mount(const std::string& path) {
  const auto absolute = absolute_path(path);
  if (!absolute) return tl::make_unexpected(absolute.error());
  const MountTable own = MountTable::of_process("self");
  const auto resolved = resolve_path(*absolute, own, read_link);
  if (!resolved) return tl::make_unexpected(resolved.error());
  const Mount* mount = own.covering(*resolved);
  if (mount != nullptr && is_fuse_type(mount->fstype)) return mount->device;

  // `list` names mount points of other mount namespaces too. Links cannot be read there.
  std::set<uint32_t> found;
  for (const MountTable& table : other_namespaces()) {
    const Mount* there = table.covering(normal_path(*absolute));
    if (there != nullptr && is_fuse_type(there->fstype)) found.insert(there->device);
  }
  if (found.size() == 1) return *found.begin();
  if (found.size() > 1) {
    return fail(fmt::format("{} is another FUSE file system in each of several mount namespaces: "
                            "connections {}",
                            path, fmt::join(found, ", ")),
                "name one of them with --connection");
  }
  std::string hint = "`fusetrace list` shows the connections and their mount points";
  if (mount != nullptr) {
    hint = fmt::format("it lies on {} mounted at {}; {}", mount->fstype, mount->target, hint);
  }
  return fail("no FUSE file system is mounted at " + path, hint);
}

Result<void> check_connection_exists(uint32_t number) {
  const MountTable own = MountTable::of_process("self");
  for (const Mount& mount : own.mounts()) {
    if (mount.device == number && is_fuse_type(mount.fstype)) return {};
  }
  if (access(fmt::format("/sys/fs/fuse/connections/{}", number).c_str(), F_OK) == 0) return {};
  for (const MountTable& table : other_namespaces()) {
    for (const Mount& mount : table.mounts()) {
      if (mount.device == number && is_fuse_type(mount.fstype)) return {};
    }
  }
  // Of CUSE, and of servers whose mount is in no namespace: the open devices tell.
  const auto devices = scan_open_devices();
  if (!devices) return tl::make_unexpected(devices.error());
  for (const ft_open_device& device : *devices) {
    if (device.connection == number) return {};
  }
  return fail(fmt::format("there is no FUSE connection {}", number),
              "`fusetrace list` shows the connections");
}

}  // namespace fusetrace
