// SPDX-License-Identifier: Apache-2.0
// A load generator that is FUSE server and client at once. It therefore knows the truth: which
// requests it served, and on which CPU each side of every request ran.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"

namespace fusetrace {

// The operation that a client repeats. Each makes exactly one request: GETATTR, LOOKUP, READ or
// WRITE (of 4 KiB, without the page cache). mixed is these four in turn.
enum class BenchOperation : uint8_t { getattr, lookup, read, write, mixed };

// How the server takes a request off the FUSE device.
enum class BenchReader : uint8_t { read, readv, splice };

// How requests and replies travel between kernel and server: read from and
// written to the device, or over io_uring (kernel 6.14 and later; one queue for
// each possible CPU, shared out among the server threads).
enum class BenchTransport : uint8_t { device, io_uring };

struct BenchOptions {
  unsigned servers = 1;  // threads, 1 to max_threads
  unsigned clients = 1;  // threads, 1 to max_threads
  // The load ends after this many operations of all clients together, or after duration.
  uint64_t operations = 20000;
  std::optional<std::chrono::nanoseconds> duration;
  BenchOperation operation = BenchOperation::getattr;
  // CPUs that the threads may run on, sorted; empty: wherever the caller may.
  std::vector<uint32_t> client_cpus;
  std::vector<uint32_t> server_cpus;
  // Thread i runs only on the i-th CPU of its list; after the last CPU the list starts again.
  bool spread = false;
  // Server threads but the first read from a clone of the device
  // (FUSE_DEV_IOC_CLONE), so that each has its own queue of replies.
  bool clone_fd = false;
  bool nonblock = false;  // O_NONBLOCK and epoll
  BenchReader reader = BenchReader::read;
  BenchTransport transport = BenchTransport::device;
  uint64_t service_time_ns = 0;  // busy, between reading and replying
  uint64_t think_time_ns = 0;    // busy, between two operations of a client
  std::string mount_point;       // empty: a private temporary directory

  static constexpr unsigned max_threads = 1024;

  // Over io_uring, one more reads INIT, FORGET and INTERRUPT from the device.
  unsigned server_threads() const {
    return servers + (transport == BenchTransport::io_uring ? 1 : 0);
  }
};

// The time that operations took, as their client saw it: just before the
// system call to just after. Quantiles are within 0.8 %, the rest is exact.
struct LatencySummary {
  uint64_t count = 0;
  uint64_t mean_ns = 0;
  uint64_t p50_ns = 0;
  uint64_t p90_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t max_ns = 0;
};

struct BenchResult {
  // The number of the FUSE connection, as under the fusectl file system; 0 if
  // it could not be read.
  uint32_t connection = 0;
  // Messages that the server read from the device, by FUSE opcode; everything
  // that came, with INIT, RELEASE and FORGET.
  std::array<uint64_t, 128> opcodes{};
  uint64_t other_opcodes = 0;  // messages whose opcode is 128 or above
  uint64_t operations = 0;     // that clients finished
  uint64_t failed_operations = 0;
  double seconds = 0;  // first operation's start to last operation's end
  // Of the requests that operations made: the CPU that the client read before
  // its system call against the CPU that the server read after its own ...
  uint64_t same_cpu = 0;
  uint64_t other_cpu = 0;
  // ... and the CPU of the server before it replied against the client's after.
  uint64_t reply_same_cpu = 0;
  uint64_t reply_other_cpu = 0;
  // matrix[i][j]: requests from client CPU cpus[i] to server CPU cpus[j]. CPUs
  // that neither side ever ran on are left out.
  std::vector<uint32_t> cpus;
  std::vector<std::vector<uint64_t>> matrix;
  LatencySummary latency;
  bool interrupted = false;  // by SIGINT, SIGTERM or SIGHUP, before all was done

  uint64_t requests() const;  // the sum over all opcodes
};

// Mounts the file system, serves it, makes the load and unmounts. Whatever happens, no mount,
// process or directory is left afterwards. It forks, so the process may have only one thread.
// Errors: options that contradict each other, no FUSE, no right to mount, a path that is not a
// directory to mount on, a server or client that died.
Result<BenchResult> run_bench(const BenchOptions& options);

}  // namespace fusetrace
