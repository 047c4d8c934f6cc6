// SPDX-License-Identifier: Apache-2.0
// What a recording costs: nanoseconds a request to write and to read, and bytes
// a request in the file. The time per iteration is that of one request.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "recording/reader.h"
#include "recording/writer.h"
#include "support/workload.h"

namespace fusetrace::test {
namespace {

constexpr size_t requests_count = 1 << 18;
constexpr size_t batch_requests = 512;  // about what one look at a ring finds

const std::vector<ft_request>& requests() {
  static const std::vector<ft_request> made = [] {
    std::vector<ft_request> rows(requests_count);
    Workload workload;
    workload.next(rows);
    return rows;
  }();
  return made;
}

struct TemporaryFile {
  TemporaryFile() {
    const int fd = mkstemp(path.data());
    if (fd < 0) std::abort();
    close(fd);
  }
  ~TemporaryFile() {
    std::remove(path.c_str());
    std::remove((path + ".old").c_str());
  }
  std::string path = "/tmp/recording_benchmark.XXXXXX";
};

uint64_t write_all(const std::string& path) {
  auto writer = RecordingWriter::create(path, CaptureInfo{});
  if (!writer) std::abort();
  const std::span<const ft_request> rows(requests());
  for (size_t i = 0; i < rows.size(); i += batch_requests)
    if (!writer->append(rows.subspan(i, batch_requests))) std::abort();
  if (!writer->finish(CaptureInfo{})) std::abort();
  return writer->bytes_written();
}

void per_request(benchmark::State& state) {
  const auto done = static_cast<double>(state.iterations()) * requests_count;
  state.SetItemsProcessed(static_cast<int64_t>(done));
  state.counters["time_per_request"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void write_recording(benchmark::State& state) {
  TemporaryFile file;
  requests();
  uint64_t bytes = 0;
  for (auto _ : state) bytes = write_all(file.path);
  per_request(state);
  state.counters["bytes_per_request"] = static_cast<double>(bytes) / requests_count;
}
BENCHMARK(write_recording)->Unit(benchmark::kMillisecond);

void read_recording(benchmark::State& state) {
  TemporaryFile file;
  write_all(file.path);
  for (auto _ : state) {
    auto reader = RecordingReader::open(file.path);
    if (!reader) std::abort();
    RecordingReader::Block block;
    uint64_t sum = 0;
    while (*reader->next(block))
      for (const ft_request& r : block.requests) sum += r.replied_ns;
    if (reader->truncated() || reader->requests_read() != requests_count) std::abort();
    benchmark::DoNotOptimize(sum);
  }
  per_request(state);
}
BENCHMARK(read_recording)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fusetrace::test

BENCHMARK_MAIN();
