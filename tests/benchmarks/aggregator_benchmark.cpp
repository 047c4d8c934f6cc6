// SPDX-License-Identifier: Apache-2.0
// What summing up requests costs: nanoseconds a request, by how many
// connections and CPUs there are to tell apart.
#include <benchmark/benchmark.h>

#include <vector>

#include "model/aggregator.h"
#include "support/workload.h"

namespace fusetrace::test {
namespace {

constexpr size_t batch_requests = 16384;  // as a block of a recording
constexpr size_t requests_count = 16 * batch_requests;

void aggregate(benchmark::State& state) {
  Workload workload({.cpus = static_cast<uint32_t>(state.range(0)),
                     .connections = static_cast<uint32_t>(state.range(1)),
                     .clients = static_cast<uint32_t>(state.range(1) * 4)});
  std::vector<ft_request> rows(requests_count);
  workload.next(rows);
  const std::span<const ft_request> all(rows);
  const CaptureInfo info = workload.info();
  Aggregator aggregator(info);
  for (auto _ : state) {
    for (size_t i = 0; i < all.size(); i += batch_requests) {
      aggregator.add(all.subspan(i, batch_requests));
    }
  }
  const auto done = static_cast<double>(state.iterations()) * requests_count;
  state.counters["time_per_request"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(aggregate)
    ->ArgNames({"cpus", "connections"})
    ->Args({2, 1})
    ->Args({8, 3})
    ->Args({64, 3})
    ->Args({64, 100})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fusetrace::test

BENCHMARK_MAIN();
