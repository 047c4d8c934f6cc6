// SPDX-License-Identifier: Apache-2.0
// A made-up but plausible machine under FUSE load, for tests and benchmarks
// that need many requests: several connections, closed-loop clients, server
// threads that migrate, background requests. The same options give the same
// requests on every machine; memory does not grow with their number.
#pragma once

#include <cstdint>
#include <queue>
#include <span>
#include <vector>

#include "fusetrace.h"
#include "model/capture_info.h"

namespace fusetrace::test {

struct WorkloadOptions {
  uint64_t seed = 1;
  uint32_t cpus = 8;         // 2 per core, 4 per last-level cache, 8 per node
  uint32_t connections = 3;  // numbered from 39
  uint32_t clients = 12;     // threads, dealt out to the connections in turn
  uint32_t servers = 4;      // threads per connection
};

class Workload {
 public:
  explicit Workload(const WorkloadOptions& options = {});
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // The next requests in the order in which they end, as a capture sees them.
  void next(std::span<ft_request> out);

  // Every thread that any of the requests names.
  const std::vector<ft_task>& tasks() const { return tasks_; }
  // The machine and the connections; end_ns is 0.
  CaptureInfo info() const;

 private:
  // A client thread and the request it has under way.
  struct Client {
    uint32_t connection;  // index
    uint32_t tid;
    uint16_t cpu;
    ft_request pending;
    uint64_t end_ns;
  };
  struct Server {
    uint32_t tid;
    uint16_t cpu;
  };

  uint64_t random();
  // Around median, rarely many times as long.
  uint64_t duration(uint64_t median);
  uint16_t other_cpu(uint16_t cpu);
  void start(Client& client, uint64_t now_ns);
  void set_operation(ft_request& request, uint32_t connection);

  WorkloadOptions options_;
  uint64_t state_[2];
  std::vector<Client> clients_;
  std::vector<Server> servers_;   // of connection c: from c * options_.servers
  std::vector<uint64_t> unique_;  // per connection
  std::vector<ft_task> tasks_;
  struct Later {
    const std::vector<Client>* clients;
    bool operator()(uint32_t a, uint32_t b) const {
      return (*clients)[a].end_ns > (*clients)[b].end_ns;
    }
  };
  std::priority_queue<uint32_t, std::vector<uint32_t>, Later> by_end_;
};

}  // namespace fusetrace::test
