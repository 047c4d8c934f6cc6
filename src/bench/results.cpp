// SPDX-License-Identifier: Apache-2.0
#include "bench/results.h"

#include <algorithm>
#include <memory>
#include <numeric>

namespace fusetrace {

uint64_t BenchResult::requests() const {
  return std::accumulate(opcodes.begin(), opcodes.end(), other_opcodes);
}

BenchResult collect_results(SharedMemory& memory) {
  BenchResult out;
  out.connection = memory.state().connection.load();
  const auto latency = std::make_unique<LatencyHistogram>();
  uint64_t start_ns = UINT64_MAX;
  uint64_t end_ns = 0;
  for (const ClientCounts& client : memory.clients()) {
    out.operations += client.operations;
    out.failed_operations += client.failed;
    out.reply_same_cpu += client.reply_same_cpu;
    out.reply_other_cpu += client.reply_other_cpu;
    latency->merge(client.latency);
    if (client.end_ns == 0) continue;  // never began, or was killed
    start_ns = std::min(start_ns, client.start_ns);
    end_ns = std::max(end_ns, client.end_ns);
  }
  if (end_ns > start_ns) out.seconds = static_cast<double>(end_ns - start_ns) / 1e9;
  out.latency = {latency->count(),          latency->mean_ns(),         latency->quantile_ns(0.5),
                 latency->quantile_ns(0.9), latency->quantile_ns(0.99), latency->max_ns()};

  const uint32_t cpus = memory.cpus();
  std::vector<uint64_t> total(size_t{cpus} * cpus);
  for (unsigned i = 0; i < memory.servers().size(); ++i) {
    const ServerCounts& server = memory.servers()[i];
    for (size_t op = 0; op < out.opcodes.size(); ++op) out.opcodes[op] += server.opcodes[op];
    out.other_opcodes += server.other_opcodes;
    const auto matrix = memory.matrix(i);
    for (size_t k = 0; k < total.size(); ++k) total[k] += matrix[k];
  }
  for (uint32_t a = 0; a < cpus; ++a) {
    for (uint32_t b = 0; b < cpus; ++b) {
      if (total[size_t{a} * cpus + b] == 0 && total[size_t{b} * cpus + a] == 0) continue;
      out.cpus.push_back(a);
      break;
    }
  }
  for (const uint32_t client : out.cpus) {
    auto& row = out.matrix.emplace_back();
    for (const uint32_t server : out.cpus) {
      const uint64_t count = total[size_t{client} * cpus + server];
      row.push_back(count);
      (client == server ? out.same_cpu : out.other_cpu) += count;
    }
  }
  return out;
}

}  // namespace fusetrace
