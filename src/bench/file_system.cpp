// SPDX-License-Identifier: Apache-2.0
#include "bench/file_system.h"

#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "bench/run_threads.h"

namespace fusetrace {
namespace {

// The newest protocol that this server was written against. A kernel with an
// older one says so in INIT and gets its own back.
constexpr uint32_t protocol_minor = 38;
// With FUSE over io_uring.
constexpr uint32_t protocol_minor_io_uring = 42;

constexpr uint64_t a_long_time_s = 1000000;

uint64_t data_node(unsigned client) { return 2 + 2 * uint64_t{client}; }
uint64_t name_node(unsigned client) { return 3 + 2 * uint64_t{client}; }

fuse_attr attributes(uint64_t node) {
  fuse_attr attr{};
  attr.ino = node;
  const bool is_root = node == FUSE_ROOT_ID;
  attr.mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0644;
  attr.nlink = is_root ? 2 : 1;
  attr.size = is_root ? 0 : bench_io_bytes;
  attr.blksize = bench_io_bytes;
  return attr;
}

// The node of a name in the root, or 0.
uint64_t find_node(std::string_view name, unsigned clients) {
  const bool data = name.starts_with("data-");
  if (!data && !name.starts_with("name-")) return 0;
  name.remove_prefix(5);
  unsigned client = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), client);
  if (error != std::errc() || end != name.data() + name.size() || client >= clients) return 0;
  return data ? data_node(client) : name_node(client);
}

// The opcodes of the requests that an operation makes.
bool is_measured(BenchOperation operation, uint32_t opcode) {
  switch (operation) {
    case BenchOperation::getattr:
      return opcode == FUSE_GETATTR;
    case BenchOperation::lookup:
      return opcode == FUSE_LOOKUP;
    case BenchOperation::read:
      return opcode == FUSE_READ;
    case BenchOperation::write:
      return opcode == FUSE_WRITE;
    case BenchOperation::mixed:
      return opcode == FUSE_GETATTR || opcode == FUSE_LOOKUP || opcode == FUSE_READ ||
             opcode == FUSE_WRITE;
  }
  return false;
}

}  // namespace

FileSystem::FileSystem(const BenchOptions& options, SharedMemory& memory, unsigned index)
    : options_(options),
      memory_(memory),
      counts_(memory.servers()[index]),
      matrix_(memory.matrix(index)),
      cpus_(memory.cpus()) {}

void FileSystem::give_up(int error) {
  int32_t none = 0;
  memory_.state().server_errno.compare_exchange_strong(none, error);
}

void FileSystem::replying() {
  if (client_ < 0) return;
  memory_.slots()[static_cast<size_t>(client_)].reply_cpu.store(
      static_cast<uint32_t>(sched_getcpu()), std::memory_order_relaxed);
}

bool FileSystem::answer(const Message& message, Reply& reply) {
  count(message.header);
  busy_wait(options_.service_time_ns);
  memset(static_cast<void*>(&reply), 0, sizeof reply);
  reply.header.unique = message.header.unique;
  reply.header.len = sizeof reply.header;
  data_bytes_ = 0;
  return fill_in(message, reply);
}

// Counts the message, and the pair of CPUs if it is one of the measured load.
void FileSystem::count(const fuse_in_header& request) {
  const auto cpu = static_cast<uint32_t>(sched_getcpu());
  if (request.opcode < counts_.opcodes.size()) {
    ++counts_.opcodes[request.opcode];
  } else {
    ++counts_.other_opcodes;
  }
  client_ = memory_.find_client(request.pid);
  if (client_ < 0 || !is_measured(options_.operation, request.opcode)) return;
  const uint32_t client_cpu =
      memory_.slots()[static_cast<size_t>(client_)].client_cpu.load(std::memory_order_relaxed);
  if (client_cpu == no_cpu) return;
  if (client_cpu < cpus_ && cpu < cpus_) {
    ++matrix_[size_t{client_cpu} * cpus_ + cpu];
  } else {
    ++counts_.outside_matrix;
  }
}

void FileSystem::init(const fuse_init_in& in, Reply& reply) const {
  const bool io_uring = options_.transport == BenchTransport::io_uring;
  fuse_init_out& out = reply.body.init;
  out.major = FUSE_KERNEL_VERSION;
  out.minor = std::min(in.minor, io_uring ? protocol_minor_io_uring : protocol_minor);
  out.max_readahead = in.max_readahead;
  out.flags = in.flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS);
  if (io_uring) {
    out.flags |= in.flags & FUSE_INIT_EXT;
    out.flags2 = in.flags2 & static_cast<uint32_t>(fuse_over_io_uring >> 32);
  }
  out.max_background = 12;
  out.congestion_threshold = 9;
  out.max_write = bench_max_write_bytes;
  out.time_gran = 1;
  reply.header.len += sizeof out;
}

bool FileSystem::fill_in(const Message& message, Reply& reply) {
  const fuse_in_header& request = message.header;
  switch (request.opcode) {
    case FUSE_INIT:
      init(*static_cast<const fuse_init_in*>(message.argument), reply);
      return true;
    case FUSE_GETATTR: {
      reply.body.attr.attr = attributes(request.nodeid);
      reply.header.len += sizeof(fuse_attr_out);
      return true;
    }
    case FUSE_LOOKUP: {
      const uint64_t node = find_node(message.name, options_.clients);
      if (node == 0) {
        reply.header.error = -ENOENT;
        return true;
      }
      fuse_entry_out& out = reply.body.entry;
      out.nodeid = node;
      out.attr = attributes(node);
      const bool only_looked_up = node % 2 == 1;
      out.attr_valid = only_looked_up ? a_long_time_s : 0;
      reply.header.len += sizeof out;
      return true;
    }
    case FUSE_OPEN:
      reply.body.open.open_flags = FOPEN_DIRECT_IO;
      [[fallthrough]];
    case FUSE_OPENDIR:
      counts_.opened.fetch_add(1, std::memory_order_relaxed);
      reply.header.len += sizeof(fuse_open_out);
      return true;
    case FUSE_READ: {
      const auto& in = *static_cast<const fuse_read_in*>(message.argument);
      const uint64_t left = in.offset < bench_io_bytes ? bench_io_bytes - in.offset : 0;
      data_bytes_ = std::min<uint64_t>(in.size, left);
      return true;
    }
    case FUSE_WRITE:
      reply.body.write.size = static_cast<const fuse_write_in*>(message.argument)->size;
      reply.header.len += sizeof(fuse_write_out);
      return true;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      counts_.released.fetch_add(1, std::memory_order_relaxed);
      return true;
    case FUSE_FLUSH:
    case FUSE_READDIR:  // always the end of the directory
    case FUSE_DESTROY:
      return true;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return false;
    default:
      reply.header.error = -ENOSYS;
      return true;
  }
}

}  // namespace fusetrace
