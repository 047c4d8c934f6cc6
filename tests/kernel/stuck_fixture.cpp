// SPDX-License-Identifier: Apache-2.0
#include "stuck_fixture.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <sstream>

namespace fusetrace::test {
namespace {

constexpr const char* fusectl = "/sys/fs/fuse/connections";

uint32_t connection_at(const std::string& mount) {
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    if (point != mount) continue;
    return static_cast<uint32_t>(std::stoul(device.substr(device.find(':') + 1)));
  }
  return 0;
}

}  // namespace

std::string server_program() {
  const char* named = std::getenv("STUCK_SERVER");
  return named != nullptr ? named : STUCK_SERVER_PROGRAM;
}

void StuckMounts::SetUp() {
  Capture::SetUp();
  if (IsSkipped()) return;
  // In the test's own mount namespace. A second mount of it does no harm.
  mount("none", fusectl, "fusectl", 0, nullptr);
}

void StuckMounts::TearDown() {
  for (const auto& server : servers_) {
    server->process->send_signal(SIGCONT);
    std::ofstream(fmt::format("{}/{}/abort", fusectl, server->connection)) << "1";
  }
  clients_.clear();
  for (const auto& server : servers_) {
    server->process->send_signal(SIGKILL);
    umount2(server->mount.c_str(), MNT_DETACH);
  }
  servers_.clear();
  Capture::TearDown();
}

StuckMounts::Server& StuckMounts::start_server(const std::string& name, const Words& options) {
  Server& server = *servers_.emplace_back(std::make_unique<Server>());
  server.mount = make_directory(name);
  server.process =
      std::make_unique<Process>(Words{server_program()} + options + Words{server.mount});
  EXPECT_TRUE(wait_for([&] {
    return server.process->out().find("ready") != std::string::npos || !server.process->running();
  })) << server.process->err();
  server.connection = connection_at(server.mount);
  EXPECT_NE(server.connection, 0u) << server.process->err();
  return server;
}

Process& StuckMounts::start_client(const Words& command) {
  return *clients_.emplace_back(std::make_unique<Process>(command));
}

Json StuckMounts::look_until(const std::function<bool(const Json&)>& as_expected,
                             const Words& options) {
  Json look;
  std::string error;
  const bool seen = wait_for([&] {
    const Result result = run(fusetrace(Words{"stuck", "--json"} + options));
    error = result.err;
    look = Json::parse(result.out, nullptr, false);
    return result.status == 0 && !look.is_discarded() && as_expected(look);
  });
  EXPECT_TRUE(seen) << "never seen as expected: " << error << look.dump(1).substr(0, 6000);
  return look;
}

std::vector<Json> StuckMounts::requests_of(const Json& look, const Server& server) {
  std::vector<Json> out;
  for (const Json& request : look.at("requests")) {
    if (request.at("connection") == server.connection) out.push_back(request);
  }
  return out;
}

Json StuckMounts::request_by(const Json& look, pid_t client) {
  for (const Json& request : look.at("requests")) {
    if (request.at("client").is_object() && request.at("client").at("tid") == client) {
      return request;
    }
  }
  return nullptr;
}

Json StuckMounts::task(const Json& look, pid_t tid) {
  for (const Json& one : look.at("tasks")) {
    if (one.at("tid") == tid) return one;
  }
  return nullptr;
}

uint64_t StuckMounts::waiting(const Server& server) {
  std::ifstream in(std::string(fusectl) + "/" + std::to_string(server.connection) + "/waiting");
  uint64_t count = 0;
  in >> count;
  return count;
}

std::string StuckMounts::kernel_stack(pid_t tid) {
  std::ifstream in("/proc/" + std::to_string(tid) + "/stack");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::multiset<std::string> StuckMounts::held(Server& server) {
  std::istringstream in(server.process->out());
  std::multiset<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("holds ")) out.insert(line.substr(6));
  }
  return out;
}

}  // namespace fusetrace::test
