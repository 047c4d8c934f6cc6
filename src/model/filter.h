// SPDX-License-Identifier: Apache-2.0
// Which requests of a recording a view is about.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "fusetrace.h"

namespace fusetrace {

// An empty set lets everything through; several sets must all agree.
struct Filter {
  std::set<uint32_t> connections;
  std::set<uint32_t> pids;  // tgid of client or server
  std::set<uint32_t> opcodes;

  bool empty() const { return connections.empty() && pids.empty() && opcodes.empty(); }

  // tasks: the threads by tid, for their tgid; a thread that is not there is
  // taken for a process of one thread.
  template <typename Tasks>
  bool passes(const ft_request& r, const Tasks& tasks) const {
    if (!connections.empty() && !connections.contains(r.connection)) return false;
    if (!opcodes.empty() && !opcodes.contains(r.opcode)) return false;
    if (pids.empty()) return true;
    auto of = [&](uint32_t tid) {
      const auto found = tasks.find(tid);
      return found == tasks.end() ? tid : found->second.tgid;
    };
    return pids.contains(of(r.client_tid)) || pids.contains(of(r.server_tid));
  }
};

}  // namespace fusetrace
