// SPDX-License-Identifier: Apache-2.0
// `fusetrace bench`: makes a FUSE load of its own and reports what really happened in it.
#include "bench/bench.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "commands/bench_output.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/duration.h"
#include "system/cpu_list.h"

namespace fusetrace {
namespace {

// The arguments as the command line gives them. Those that are not plain numbers are read in
// read_arguments().
struct BenchArguments {
  BenchOptions options;
  int64_t servers = 4;
  int64_t clients = 4;
  int64_t requests = static_cast<int64_t>(BenchOptions{}.operations);
  std::string operation = "getattr";
  std::string reader = "read";
  std::string transport = "device";
  std::optional<std::string> duration;
  std::optional<std::string> client_cpus;
  std::optional<std::string> server_cpus;
  bool json = false;
};

const std::map<std::string, BenchOperation> operations{{"getattr", BenchOperation::getattr},
                                                       {"lookup", BenchOperation::lookup},
                                                       {"read", BenchOperation::read},
                                                       {"write", BenchOperation::write},
                                                       {"mixed", BenchOperation::mixed}};
const std::map<std::string, BenchReader> readers{
    {"read", BenchReader::read}, {"readv", BenchReader::readv}, {"splice", BenchReader::splice}};

const std::map<std::string, BenchTransport> transports{{"device", BenchTransport::device},
                                                       {"io_uring", BenchTransport::io_uring}};

Result<unsigned> read_threads(const char* option, int64_t count) {
  if (count >= 1 && count <= BenchOptions::max_threads) return static_cast<unsigned>(count);
  return fail(fmt::format("{} {} is out of range", option, count),
              fmt::format("ask for 1 to {}", BenchOptions::max_threads));
}

Result<BenchOptions> read_arguments(const BenchArguments& arguments) {
  BenchOptions options = arguments.options;
  const auto servers = read_threads("--servers", arguments.servers);
  if (!servers) return tl::make_unexpected(servers.error());
  options.servers = *servers;
  const auto clients = read_threads("--clients", arguments.clients);
  if (!clients) return tl::make_unexpected(clients.error());
  options.clients = *clients;
  if (arguments.requests < 1) {
    return fail(fmt::format("--requests {} leaves nothing to do", arguments.requests),
                "ask for one at least");
  }
  options.operations = static_cast<uint64_t>(arguments.requests);
  const auto operation = operations.find(arguments.operation);
  if (operation == operations.end()) {
    return fail(fmt::format("there is no operation '{}'", arguments.operation),
                "--op takes getattr, lookup, read, write or mixed");
  }
  options.operation = operation->second;
  const auto reader = readers.find(arguments.reader);
  if (reader == readers.end()) {
    return fail(fmt::format("there is no reader '{}'", arguments.reader),
                "--reader takes read, readv or splice");
  }
  options.reader = reader->second;
  const auto transport = transports.find(arguments.transport);
  if (transport == transports.end()) {
    return fail(fmt::format("there is no transport '{}'", arguments.transport),
                "--transport takes device or io_uring");
  }
  options.transport = transport->second;
  if (arguments.duration) {
    const auto duration = parse_duration(*arguments.duration);
    if (!duration) return tl::make_unexpected(duration.error());
    options.duration = *duration;
  }
  for (const auto& [text, cpus] : {std::pair{&arguments.client_cpus, &options.client_cpus},
                                   std::pair{&arguments.server_cpus, &options.server_cpus}}) {
    if (!*text) continue;
    auto list = parse_cpu_list(**text);
    if (!list) {
      return fail(fmt::format("'{}' is not a list of CPUs", **text),
                  "write numbers and ranges as for taskset: 0,2-5,8-14:2");
    }
    *cpus = std::move(*list);
  }
  if (options.spread && options.client_cpus.empty() && options.server_cpus.empty()) {
    return fail("--spread has no CPUs to spread over", "give --client-cpus or --server-cpus");
  }
  return options;
}

int run(const BenchArguments& arguments) {
  const auto options = read_arguments(arguments);
  if (!options) return complain(options.error(), wrong_usage);
  const auto result = run_bench(*options);
  if (!result) return complain(result.error());
  if (arguments.json) {
    print_json(bench_to_json(*result));
  } else {
    print_text(bench_to_text(*result));
  }
  // The user asked for a number of requests, and a signal ended the load before all were made.
  return result->interrupted && !options->duration ? 1 : 0;
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand(
      "bench", "make a FUSE load with a server and clients that know where they ran");
  auto arguments = std::make_shared<BenchArguments>();
  BenchOptions& options = arguments->options;
  sub->add_option("--servers", arguments->servers, "server threads")->capture_default_str();
  sub->add_option("--clients", arguments->clients, "client threads")->capture_default_str();
  auto* requests = sub->add_option("--requests", arguments->requests,
                                   "operations of all clients together, one request each")
                       ->capture_default_str();
  sub->add_option("-d,--duration", arguments->duration, "run for this time instead: 500ms, 10s, 2m")
      ->excludes(requests);
  sub->add_option("--op", arguments->operation,
                  "getattr, lookup, read, write, or mixed: the four in turn")
      ->capture_default_str();
  sub->add_option("--client-cpus", arguments->client_cpus,
                  "CPUs for the clients, as for taskset: 0,2-5,8-14:2");
  sub->add_option("--server-cpus", arguments->server_cpus, "CPUs for the servers");
  sub->add_flag("--spread", options.spread, "one CPU of the list for each thread, in turn");
  sub->add_flag("--clone-fd", options.clone_fd, "a clone of the FUSE device for each server");
  sub->add_option("--service-time", options.service_time_ns,
                  "busy time of a server for each request, in ns");
  sub->add_option("--think-time", options.think_time_ns,
                  "busy time of a client between operations, in ns");
  sub->add_option("--reader", arguments->reader, "how servers take requests: read, readv or splice")
      ->capture_default_str();
  sub->add_option("--transport", arguments->transport,
                  "device, or io_uring: queues by CPU, shared out among the servers")
      ->capture_default_str();
  sub->add_flag("--nonblock", options.nonblock, "servers wait in epoll, not in the read");
  sub->add_flag("--json", arguments->json, "print JSON (fusetrace.bench/1)");
  sub->add_option("MOUNTPOINT", options.mount_point,
                  "where to mount; without it, in a private temporary directory");
  sub->callback([&action, arguments] { action.run = [arguments] { return run(*arguments); }; });
}

}  // namespace fusetrace
