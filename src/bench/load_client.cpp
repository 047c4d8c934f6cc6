// SPDX-License-Identifier: Apache-2.0
#include "bench/load_client.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "bench/file_system.h"
#include "bench/run_threads.h"

namespace fusetrace {
namespace {

class ClientThread {
 public:
  ClientThread(const BenchOptions& options, SharedMemory& memory, unsigned index)
      : options_(options),
        state_(memory.state()),
        slot_(memory.slots()[index]),
        counts_(memory.clients()[index]),
        name_("name-" + std::to_string(index)),
        share_(options.operations / options.clients +
               (index < options.operations % options.clients ? 1 : 0)) {
    memory.register_client(static_cast<uint32_t>(gettid()), index);
    const std::string root(state_.mount_point);
    const std::string data = root + "/data-" + std::to_string(index);
    const bool mixed = options.operation == BenchOperation::mixed;
    const bool by_data = options.operation == BenchOperation::read ||
                         options.operation == BenchOperation::write || mixed;
    root_ = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (by_data) data_ = open(data.c_str(), O_RDWR | O_CLOEXEC);
    // O_PATH does not tell the server that it was opened, so a fstat of it is
    // a GETATTR by itself.
    const bool by_attr = options.operation == BenchOperation::getattr || mixed;
    if (by_attr) attr_ = open(data.c_str(), O_PATH | O_CLOEXEC);
    if (root_ < 0 || (by_data && data_ < 0) || (by_attr && attr_ < 0)) set_up_errno_ = errno;
  }

  ~ClientThread() {
    for (const int fd : {root_, data_, attr_}) {
      if (fd >= 0) close(fd);
    }
  }

  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  void run() {
    if (set_up_errno_ != 0) {
      int32_t none = 0;
      state_.client_errno.compare_exchange_strong(none, set_up_errno_);
      return;
    }
    state_.clients_ready.fetch_add(1);
    while (!state_.start.load()) {
      if (state_.stop.load()) return;
      usleep(100);
    }
    counts_.start_ns = monotonic_ns();
    switch (options_.operation) {
      case BenchOperation::getattr:
        load([this](uint64_t) { return get_attributes(); });
        break;
      case BenchOperation::lookup:
        load([this](uint64_t) { return look_up(); });
        break;
      case BenchOperation::read:
        load([this](uint64_t) { return read_data(); });
        break;
      case BenchOperation::write:
        load([this](uint64_t) { return write_data(); });
        break;
      case BenchOperation::mixed:
        load([this](uint64_t i) {
          switch (i % 4) {
            case 0:
              return get_attributes();
            case 1:
              return look_up();
            case 2:
              return read_data();
            default:
              return write_data();
          }
        });
        break;
    }
    counts_.end_ns = monotonic_ns();
    // What follows, closing files, is not part of the load.
    slot_.client_cpu.store(no_cpu, std::memory_order_relaxed);
  }

 private:
  // Each makes one request, and tells whether it succeeded.
  bool get_attributes() {
    struct stat attributes;
    return fstatat(attr_, "", &attributes, AT_EMPTY_PATH) == 0;
  }
  bool look_up() {
    struct stat attributes;
    return fstatat(root_, name_.c_str(), &attributes, 0) == 0;
  }
  bool read_data() { return whole(pread(data_, buffer_.data(), buffer_.size(), 0)); }
  bool write_data() { return whole(pwrite(data_, buffer_.data(), buffer_.size(), 0)); }
  static bool whole(ssize_t bytes) {
    if (bytes >= 0 && bytes != bench_io_bytes) errno = EIO;
    return bytes == bench_io_bytes;
  }

  template <typename Operation>
  void load(Operation operation) {
    for (uint64_t i = 0; i < share_ || options_.duration; ++i) {
      if (state_.stop.load(std::memory_order_relaxed)) return;
      const uint64_t start = monotonic_ns();
      slot_.client_cpu.store(static_cast<uint32_t>(sched_getcpu()), std::memory_order_relaxed);
      const bool good = operation(i);
      const auto cpu = static_cast<uint32_t>(sched_getcpu());
      const uint64_t end = monotonic_ns();
      if (!good) {
        ++counts_.failed;
        if (counts_.first_errno == 0) counts_.first_errno = errno;
        return;
      }
      if (slot_.reply_cpu.load(std::memory_order_relaxed) == cpu) {
        ++counts_.reply_same_cpu;
      } else {
        ++counts_.reply_other_cpu;
      }
      counts_.latency.add(end - start);
      counts_.operations.store(i + 1, std::memory_order_relaxed);
      busy_wait(options_.think_time_ns);
    }
  }

  const BenchOptions& options_;
  SharedState& state_;
  ClientSlot& slot_;
  ClientCounts& counts_;
  const std::string name_;
  const uint64_t share_;  // operations, unless there is a duration
  int root_ = -1;
  int data_ = -1;
  int attr_ = -1;
  int set_up_errno_ = 0;
  alignas(4096) std::array<char, bench_io_bytes> buffer_{};
};

}  // namespace

void run_client_process(const BenchOptions& options, SharedMemory& memory, int done,
                        pid_t coordinator) {
  const auto ran =
      run_threads(memory.state(), coordinator, options.clients, options.client_cpus, options.spread,
                  [&](unsigned i) { ClientThread(options, memory, i).run(); });
  if (!ran) {
    memory.report_failure(ran.error());
    _exit(1);
  }
  memory.state().clients_done.store(true);
  eventfd_write(done, 1);
  wait_to_be_dismissed(memory.state(), coordinator);
}

}  // namespace fusetrace
