// SPDX-License-Identifier: Apache-2.0
#include "bench/fuse_server.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "bench/run_threads.h"

namespace fusetrace {
namespace {

// What the kernel may send in one WRITE, and room for its headers; with a
// page for the tail it fits the 16 buffers of an ordinary pipe.
constexpr uint32_t max_write_bytes = 16384;
constexpr size_t buffer_bytes = max_write_bytes + 4096;

// The newest protocol that this server was written against. A kernel with an
// older one says so in INIT and gets its own back.
constexpr uint32_t protocol_minor = 38;

constexpr uint64_t a_long_time_s = 1000000;

alignas(4096) constexpr std::array<char, bench_io_bytes> zeros{};

// The part of a reply after its header; at most one member is in use.
union ReplyBody {
  fuse_init_out init;
  fuse_attr_out attr;
  fuse_entry_out entry;
  fuse_open_out open;
  fuse_write_out write;
};

// A reply as it goes over the wire. In one piece and on one page, since the
// kernel looks up the page anew for each piece that it copies.
struct alignas(256) Reply {
  fuse_out_header header;
  ReplyBody body;
};
static_assert(offsetof(Reply, body) == sizeof(fuse_out_header) && sizeof(Reply) == 256);

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

class ServerThread {
 public:
  ServerThread(const BenchOptions& options, SharedMemory& memory, int device, unsigned index)
      : options_(options),
        memory_(memory),
        counts_(memory.servers()[index]),
        matrix_(memory.matrix(index)),
        cpus_(memory.cpus()),
        index_(index),
        device_(device),
        buffer_(static_cast<char*>(std::aligned_alloc(4096, buffer_bytes)), &std::free) {}

  void run() {
    while (!memory_.state().serve.load()) usleep(200);
    if (!set_up()) return give_up(errno);
    memory_.state().servers_ready.fetch_add(1);
    for (;;) {
      const ssize_t bytes = read_message();
      if (bytes >= static_cast<ssize_t>(sizeof(fuse_in_header))) {
        serve(static_cast<size_t>(bytes));
      } else if (bytes >= 0) {
        return give_up(EPROTO);
      } else if (errno == ENODEV) {
        return;  // unmounted
      } else if (errno == EAGAIN) {
        epoll_event event{};
        epoll_wait(epoll_, &event, 1, -1);
      } else if (errno != EINTR && errno != ENOENT) {
        // ENOENT: the client was interrupted before we had the request.
        return give_up(errno);
      }
    }
  }

 private:
  void give_up(int error) {
    int32_t none = 0;
    memory_.state().server_errno.compare_exchange_strong(none, error);
  }

  bool set_up() {
    if (buffer_ == nullptr) return errno = ENOMEM, false;
    if (options_.clone_fd && index_ > 0) {
      auto original = static_cast<uint32_t>(device_);
      device_ = open("/dev/fuse", O_RDWR | O_CLOEXEC | (options_.nonblock ? O_NONBLOCK : 0));
      if (device_ < 0 || ioctl(device_, FUSE_DEV_IOC_CLONE, &original) != 0) return false;
    }
    if (options_.reader == BenchReader::splice && pipe2(pipe_.data(), O_CLOEXEC) != 0) return false;
    if (options_.nonblock) {
      epoll_ = epoll_create1(EPOLL_CLOEXEC);
      // Exclusive: a request wakes one sleeping thread, not all of them.
      epoll_event event{};
      event.events = EPOLLIN | EPOLLEXCLUSIVE;
      if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, device_, &event) != 0) return false;
    }
    return true;
  }

  ssize_t read_message() {
    switch (options_.reader) {
      case BenchReader::read:
        return read(device_, buffer_.get(), buffer_bytes);
      case BenchReader::readv: {
        const iovec parts[2] = {
            {buffer_.get(), sizeof(fuse_in_header)},
            {buffer_.get() + sizeof(fuse_in_header), buffer_bytes - sizeof(fuse_in_header)}};
        return readv(device_, parts, 2);
      }
      case BenchReader::splice: {
        const ssize_t bytes = splice(device_, nullptr, pipe_[1], nullptr, buffer_bytes, 0);
        for (ssize_t done = 0; done < bytes;) {
          const ssize_t n = read(pipe_[0], buffer_.get() + done, static_cast<size_t>(bytes - done));
          if (n <= 0) return errno = EIO, -1;
          done += n;
        }
        return bytes;
      }
    }
    return errno = EINVAL, -1;
  }

  template <typename T>
  const T& argument() const {
    return *reinterpret_cast<const T*>(buffer_.get() + sizeof(fuse_in_header));
  }

  void serve(size_t bytes) {
    const auto& request = *reinterpret_cast<const fuse_in_header*>(buffer_.get());
    count(request);
    busy_wait(options_.service_time_ns);
    Reply reply;
    memset(static_cast<void*>(&reply), 0, sizeof reply);
    reply.header.unique = request.unique;
    reply.header.len = sizeof reply.header;
    data_bytes_ = 0;
    if (!answer(request, bytes, reply)) return;
    if (client_ >= 0) {
      memory_.slots()[static_cast<size_t>(client_)].reply_cpu.store(
          static_cast<uint32_t>(sched_getcpu()), std::memory_order_relaxed);
    }
    // ENOENT: the client did not wait for the answer.
    if (send(reply) < 0 && errno != ENOENT && errno != ENODEV && errno != EINTR) give_up(errno);
  }

  ssize_t send(Reply& reply) {
    if (data_bytes_ == 0) return write(device_, &reply, reply.header.len);
    const iovec parts[2] = {{&reply, reply.header.len},
                            {const_cast<char*>(zeros.data()), data_bytes_}};
    reply.header.len += static_cast<uint32_t>(data_bytes_);
    return writev(device_, parts, 2);
  }

  // Counts the message, and the pair of CPUs if it is one of the measured load.
  void count(const fuse_in_header& request) {
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

  // Fills in the reply; false where the protocol wants none.
  bool answer(const fuse_in_header& request, size_t bytes, Reply& reply) {
    switch (request.opcode) {
      case FUSE_INIT: {
        const auto& in = argument<fuse_init_in>();
        fuse_init_out& out = reply.body.init;
        out.major = FUSE_KERNEL_VERSION;
        out.minor = std::min(in.minor, protocol_minor);
        out.max_readahead = in.max_readahead;
        out.flags = in.flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS);
        out.max_background = 12;
        out.congestion_threshold = 9;
        out.max_write = max_write_bytes;
        out.time_gran = 1;
        reply.header.len += sizeof out;
        return true;
      }
      case FUSE_GETATTR: {
        reply.body.attr.attr = attributes(request.nodeid);
        reply.header.len += sizeof(fuse_attr_out);
        return true;
      }
      case FUSE_LOOKUP: {
        const char* name = buffer_.get() + sizeof(fuse_in_header);
        const size_t length = strnlen(name, bytes - sizeof(fuse_in_header));
        const uint64_t node = find_node({name, length}, options_.clients);
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
        const auto& in = argument<fuse_read_in>();
        const uint64_t left = in.offset < bench_io_bytes ? bench_io_bytes - in.offset : 0;
        data_bytes_ = std::min<uint64_t>(in.size, left);
        return true;
      }
      case FUSE_WRITE:
        reply.body.write.size = argument<fuse_write_in>().size;
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

  const BenchOptions& options_;
  SharedMemory& memory_;
  ServerCounts& counts_;
  std::span<uint64_t> matrix_;
  const uint32_t cpus_;
  const unsigned index_;
  int device_;
  int epoll_ = -1;
  std::array<int, 2> pipe_{-1, -1};
  std::unique_ptr<char, decltype(&std::free)> buffer_;
  size_t data_bytes_ = 0;  // zeros that go with the reply, for a READ
  int client_ = -1;        // who sent the message in the buffer, if one of our clients
};

}  // namespace

void run_server_process(const BenchOptions& options, SharedMemory& memory, int device,
                        pid_t coordinator) {
  const auto done =
      run_threads(memory.state(), coordinator, options.servers, options.server_cpus, options.spread,
                  [&](unsigned i) { ServerThread(options, memory, device, i).run(); });
  if (!done) memory.report_failure(done.error());
  _exit(done ? 0 : 1);
}

}  // namespace fusetrace
