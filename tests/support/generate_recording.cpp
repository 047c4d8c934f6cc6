// SPDX-License-Identifier: Apache-2.0
// Writes a recording of a made-up workload: for tests and measurements that
// need millions of requests. The same options give the same bytes; memory does
// not grow with the number of requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "recording/writer.h"
#include "support/workload.h"

namespace fusetrace::test {
namespace {

Result<uint64_t> generate(const std::string& path, uint64_t requests,
                          const WorkloadOptions& options) {
  Workload workload(options);
  CaptureInfo info = workload.info();
  auto writer = RecordingWriter::create(path, info);
  if (!writer) return tl::make_unexpected(writer.error());
  auto result = writer->append_tasks(workload.tasks());

  std::vector<ft_request> batch(4096);
  info.end_ns = info.start_ns;
  for (uint64_t left = requests; result && left > 0;) {
    const std::span some(batch.data(), std::min<uint64_t>(left, batch.size()));
    workload.next(some);
    result = writer->append(some);
    left -= some.size();
    const ft_request& last = some.back();
    info.end_ns = std::max({last.picked_up_ns, last.replied_ns, last.resumed_ns});
  }
  if (result) result = writer->finish(info);
  if (!result) return tl::make_unexpected(result.error());
  return writer->bytes_written();
}

}  // namespace
}  // namespace fusetrace::test

int main(int argc, char** argv) {
  fusetrace::test::WorkloadOptions options;
  std::string path;
  uint64_t requests = 100'000;
  CLI::App app{"Writes a recording of a made-up workload"};
  app.add_option("FILE", path, "recording to write, - for standard output")->required();
  app.add_option("--requests", requests, "how many")->capture_default_str();
  app.add_option("--seed", options.seed, "another one gives other requests")->capture_default_str();
  app.add_option("--cpus", options.cpus)->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--connections", options.connections)
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--clients", options.clients, "threads in all")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--servers", options.servers, "threads per connection")
      ->check(CLI::Range(1, 37))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto bytes = fusetrace::test::generate(path, requests, options);
  if (!bytes) {
    fmt::print(stderr, "generate_recording: {}\n", bytes.error().message);
    return 1;
  }
  fmt::print(stderr, "{} requests, {} bytes\n", requests, *bytes);
  return 0;
}
