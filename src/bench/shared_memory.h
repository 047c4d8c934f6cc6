// SPDX-License-Identifier: Apache-2.0
// The memory that the coordinator, the server process and the client process
// of a bench share: who they are, what they counted, and how they ended.
#pragma once

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/latency_histogram.h"
#include "model/error.h"

namespace fusetrace {

inline constexpr uint32_t no_cpu = UINT32_MAX;

// Written by one client thread, and by the server thread that replies to it. It has cache lines
// of its own, because both write to it with every request.
struct alignas(128) ClientSlot {
  // Where the client is about to make a request from; no_cpu while what it
  // does is not part of the measured load.
  std::atomic<uint32_t> client_cpu{no_cpu};
  // Where the server was when it replied to this client.
  std::atomic<uint32_t> reply_cpu{no_cpu};
};

// What one client thread counted; nobody else writes here.
struct alignas(128) ClientCounts {
  std::atomic<uint64_t> operations;
  uint64_t failed;
  int32_t first_errno;
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t reply_same_cpu;
  uint64_t reply_other_cpu;
  LatencyHistogram latency;
};

// What one server thread counted; nobody else writes here. Its rows of the
// CPU matrix follow elsewhere (SharedMemory::matrix).
struct alignas(128) ServerCounts {
  std::array<uint64_t, 128> opcodes;
  uint64_t other_opcodes;
  uint64_t outside_matrix;  // requests with a CPU number that the matrix lacks
  // Files opened and released, for whoever waits until the server is drained.
  std::atomic<uint64_t> opened;
  std::atomic<uint64_t> released;
};

struct ThreadId {
  std::atomic<uint32_t> tid{0};
  std::atomic<uint32_t> client{0};
};

struct SharedState {
  // The path of the private directory, if there is one. At first it is the template of the
  // name, which mkdtemp() replaces in place. There is therefore no moment at which the directory
  // exists and its name is not here. Whichever process survives unmounts mount_point and removes
  // this directory.
  char temporary_directory[PATH_MAX];
  char mount_point[PATH_MAX];
  std::atomic<uint32_t> connection{0};   // its number, once mounted; 0 if not known
  std::atomic<bool> mounting{false};     // there is a mount, or about to be one
  std::atomic<bool> serve{false};        // the server may start to read
  std::atomic<bool> initialized{false};  // INIT has been answered
  std::atomic<bool> stop{false};         // clients finish the operation they are in
  std::atomic<bool> start{false};        // clients may begin
  std::atomic<bool> clients_done{false};
  std::atomic<uint32_t> servers_ready{0};
  std::atomic<uint32_t> clients_ready{0};
  std::atomic<int32_t> server_errno{0};  // why a server thread gave up
  std::atomic<int32_t> client_errno{0};  // why a client could not start
  std::atomic<bool> failed{false};       // whether the two below are set
  char failure[256];                     // Error::message and Error::hint of
  char failure_hint[256];                // the child process that failed first
};

// One anonymous shared mapping, made before the fork. The counts are plain
// memory that one thread writes; they are read when that thread has ended.
class SharedMemory {
 public:
  // Error: out of memory.
  static Result<SharedMemory> create(unsigned servers, unsigned clients, uint32_t cpus);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  SharedState& state() { return *state_; }
  std::span<ClientSlot> slots() { return slots_; }
  std::span<ClientCounts> clients() { return clients_; }
  std::span<ServerCounts> servers() { return servers_; }
  uint32_t cpus() const { return cpus_; }
  // cpus() x cpus() counts of one server thread; [client * cpus() + server].
  std::span<uint64_t> matrix(unsigned server);

  // How a child process hands its error to the coordinator; the first one counts.
  void report_failure(const Error& error);

  // Makes the client thread known to find_client() by its thread id.
  void register_client(uint32_t tid, unsigned client);
  // The client with that thread id, or -1.
  int find_client(uint32_t tid) const;

 private:
  SharedMemory() = default;

  void* base_ = nullptr;
  size_t bytes_ = 0;
  SharedState* state_ = nullptr;
  std::span<ThreadId> threads_;  // open addressing, a power of two
  std::span<ClientSlot> slots_;
  std::span<ClientCounts> clients_;
  std::span<ServerCounts> servers_;
  std::span<uint64_t> matrices_;
  uint32_t cpus_ = 0;
};

}  // namespace fusetrace
