// SPDX-License-Identifier: Apache-2.0
#include "bench/shared_memory.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace fusetrace {
namespace {

constexpr size_t page = 4096;

// Places an array at the offset and moves the offset to the next page, so that
// no two writers meet on a line.
template <typename T>
std::span<T> place(void* base, size_t& offset, size_t count) {
  std::span<T> out;
  if (base != nullptr) {
    auto* first = reinterpret_cast<T*>(static_cast<char*>(base) + offset);
    std::uninitialized_value_construct_n(first, count);
    out = {first, count};
  }
  offset += (count * sizeof(T) + page - 1) / page * page;
  return out;
}

// The matrices are left as the kernel gives them, zero and not yet there: of
// a great machine's many pages only those are ever touched that are used.
std::span<uint64_t> place_untouched(void* base, size_t& offset, size_t count) {
  std::span<uint64_t> out;
  if (base != nullptr) {
    out = {reinterpret_cast<uint64_t*>(static_cast<char*>(base) + offset), count};
  }
  offset += (count * sizeof(uint64_t) + page - 1) / page * page;
  return out;
}

// Each server's matrix starts on a page of its own.
size_t matrix_entries(uint32_t cpus) {
  const size_t per_page = page / sizeof(uint64_t);
  return (size_t{cpus} * cpus + per_page - 1) / per_page * per_page;
}

}  // namespace

Result<SharedMemory> SharedMemory::create(unsigned servers, unsigned clients, uint32_t cpus) {
  SharedMemory memory;
  memory.cpus_ = cpus;
  const auto lay_out = [&](void* base) {
    size_t offset = 0;
    const auto state = place<SharedState>(base, offset, 1);
    memory.state_ = state.data();
    memory.threads_ = place<ThreadId>(base, offset, std::bit_ceil(size_t{clients} * 4));
    memory.slots_ = place<ClientSlot>(base, offset, clients);
    memory.clients_ = place<ClientCounts>(base, offset, clients);
    memory.servers_ = place<ServerCounts>(base, offset, servers);
    memory.matrices_ = place_untouched(base, offset, matrix_entries(cpus) * servers);
    return offset;
  };
  memory.bytes_ = lay_out(nullptr);
  void* base = mmap(nullptr, memory.bytes_, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    return fail(std::string("cannot map memory for the bench: ") + strerror(errno));
  }
  memory.base_ = base;
  lay_out(base);
  return memory;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      bytes_(other.bytes_),
      state_(other.state_),
      threads_(other.threads_),
      slots_(other.slots_),
      clients_(other.clients_),
      servers_(other.servers_),
      matrices_(other.matrices_),
      cpus_(other.cpus_) {}

SharedMemory::~SharedMemory() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

std::span<uint64_t> SharedMemory::matrix(unsigned server) {
  return matrices_.subspan(server * matrix_entries(cpus_), size_t{cpus_} * cpus_);
}

void SharedMemory::report_failure(const Error& error) {
  const auto copy = [](const std::string& from, char* to, size_t size) {
    to[from.copy(to, size - 1)] = '\0';
  };
  if (state_->failed.load()) return;
  copy(error.message, state_->failure, sizeof state_->failure);
  copy(error.hint, state_->failure_hint, sizeof state_->failure_hint);
  state_->failed.store(true);
}

void SharedMemory::register_client(uint32_t tid, unsigned client) {
  for (size_t i = tid;; ++i) {
    ThreadId& entry = threads_[i % threads_.size()];
    uint32_t free = 0;
    if (entry.tid.compare_exchange_strong(free, tid)) {
      entry.client.store(client);
      return;
    }
  }
}

int SharedMemory::find_client(uint32_t tid) const {
  if (tid == 0) return -1;  // a request that no task waits for
  for (size_t i = tid;; ++i) {
    const ThreadId& entry = threads_[i % threads_.size()];
    const uint32_t found = entry.tid.load(std::memory_order_relaxed);
    if (found == tid) return static_cast<int>(entry.client.load(std::memory_order_relaxed));
    if (found == 0) return -1;
  }
}

}  // namespace fusetrace
