// SPDX-License-Identifier: Apache-2.0
#include "capture/connections.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace fusetrace {
namespace {

// mountinfo writes space, tab, newline and backslash as octal (fs/proc_namespace.c).
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_fuse(const std::string& fstype) {
  return fstype == "fuse" || fstype == "fuseblk" || fstype.starts_with("fuse.") ||
         fstype.starts_with("fuseblk.") || fstype == "virtiofs";
}

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

std::map<uint32_t, Connection> parse_mountinfo(std::istream& in) {
  std::map<uint32_t, Connection> connections;
  std::string line;
  while (std::getline(in, line)) {
    // 36 35 0:39 / /mnt rw,... shared:1 - fuse.type source rw,...
    std::istringstream words(line);
    std::string id, parent, device, root, mount, word;
    words >> id >> parent >> device >> root >> mount;
    while (words >> word && word != "-") {
    }
    std::string fstype, source;
    words >> fstype >> source;
    if (!is_fuse(fstype)) continue;
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(device.c_str(), "%u:%u", &major, &minor) != 2) continue;
    // fuse_conn.dev is the kernel's dev_t: major << 20 | minor.
    const uint32_t number = major << 20 | minor;
    Connection connection;
    connection.id = number;
    connection.mount = unescape(mount);
    connection.fstype = fstype;
    connection.source = unescape(source);
    if (fstype == "virtiofs") connection.transport = "virtiofs";
    connections.emplace(number, std::move(connection));
  }
  return connections;
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

Result<uint32_t> connection_of_mount(const std::string& path) {
  std::string wanted = path;
  while (wanted.size() > 1 && wanted.back() == '/') wanted.pop_back();
  if (!wanted.starts_with('/')) {
    char cwd[PATH_MAX];
    if (getcwd(cwd, sizeof(cwd)) != nullptr) wanted = std::string(cwd) + "/" + wanted;
  }
  std::ifstream own("/proc/self/mountinfo");
  for (const auto& [number, connection] : parse_mountinfo(own)) {
    if (connection.mount == wanted) return number;
  }
  // Resolving may touch file systems, so only when the name as given is none.
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr && wanted != resolved) {
    return connection_of_mount(resolved);
  }
  return fail("no FUSE file system is mounted at " + path,
              "`fusetrace list` shows the connections and their mount points");
}

}  // namespace fusetrace
