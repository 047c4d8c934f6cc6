// SPDX-License-Identifier: Apache-2.0
#include "bench/uring_server.h"

#include <liburing.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <vector>

#include "bench/file_system.h"

namespace fusetrace {
namespace {

// The protocol, as the kernel's include/uapi/linux/fuse.h has it since 6.14;
// Debian 12's copy is older.
struct RingHeaders {
  char in_out[128];  // fuse_in_header, later fuse_out_header
  char argument[128];
  uint64_t flags;
  uint64_t commit_id;
  uint32_t payload_bytes;
  uint32_t offset;
  uint64_t reserved;
};

// In the second half of a submission entry of 128 bytes.
struct RingCommand {
  uint64_t flags;
  uint64_t commit_id;
  uint16_t queue;
  char reserved[22];
};

constexpr uint32_t command_register = 1;
constexpr uint32_t command_commit_and_fetch = 2;

// Requests of one queue that a server may have at once.
constexpr unsigned entries_per_queue = 4;
// The kernel asks for room for max_pages, 32 unless told otherwise.
constexpr size_t payload_bytes = 32 * 4096;

// Where the kernel puts one request after the other.
struct Entry {
  RingHeaders headers;
  char* payload = nullptr;
  std::array<iovec, 2> parts{};
  uint16_t queue = 0;
};

class UringThread {
 public:
  UringThread(const BenchOptions& options, SharedMemory& memory, int device, unsigned index)
      : memory_(memory), file_system_(options, memory, index), device_(device) {
    const unsigned queues = memory.cpus();
    for (unsigned queue = index % queues; queue < queues; queue += options.servers) {
      for (unsigned i = 0; i < entries_per_queue; ++i) {
        entries_.emplace_back().queue = static_cast<uint16_t>(queue);
      }
    }
  }
  ~UringThread() {
    if (has_ring_) io_uring_queue_exit(&ring_);
    if (payloads_ != MAP_FAILED) munmap(payloads_, entries_.size() * payload_bytes);
  }
  UringThread(const UringThread&) = delete;
  UringThread& operator=(const UringThread&) = delete;

  void run() {
    while (!memory_.state().initialized.load()) usleep(200);
    if (const int error = set_up(); error != 0) return file_system_.give_up(error);
    memory_.state().servers_ready.fetch_add(1);
    for (;;) {
      const int done = io_uring_submit_and_wait(&ring_, 1);
      if (done < 0 && done != -EINTR && done != -EAGAIN) return file_system_.give_up(-done);
      io_uring_cqe* completion = nullptr;
      while (io_uring_peek_cqe(&ring_, &completion) == 0) {
        Entry& entry = *static_cast<Entry*>(io_uring_cqe_get_data(completion));
        const int result = completion->res;
        io_uring_cqe_seen(&ring_, completion);
        if (result == -ENOTCONN || result == -ECONNABORTED) return;  // unmounted
        if (result != 0) return file_system_.give_up(-result);
        serve(entry);
      }
    }
  }

 private:
  int set_up() {
    payloads_ = mmap(nullptr, entries_.size() * payload_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (payloads_ == MAP_FAILED) return errno;
    const int error = io_uring_queue_init(static_cast<unsigned>(entries_.size()), &ring_,
                                          IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER);
    if (error != 0) return -error;
    has_ring_ = true;
    for (size_t i = 0; i < entries_.size(); ++i) {
      Entry& entry = entries_[i];
      entry.payload = static_cast<char*>(payloads_) + i * payload_bytes;
      entry.parts = {{{&entry.headers, sizeof entry.headers}, {entry.payload, payload_bytes}}};
      io_uring_sqe* submission = command(entry, command_register, 0);
      submission->addr = reinterpret_cast<uint64_t>(entry.parts.data());
      submission->len = static_cast<uint32_t>(entry.parts.size());
    }
    const int submitted = io_uring_submit(&ring_);
    return submitted < 0 ? -submitted : 0;
  }

  // As many fit as there are entries, and each has one under way at most.
  io_uring_sqe* command(Entry& entry, uint32_t operation, uint64_t commit_id) {
    io_uring_sqe* submission = io_uring_get_sqe(&ring_);
    if (submission == nullptr) std::terminate();
    memset(submission, 0, 2 * sizeof *submission);
    submission->opcode = IORING_OP_URING_CMD;
    submission->fd = device_;
    submission->cmd_op = operation;
    io_uring_sqe_set_data(submission, &entry);
    RingCommand rest{};
    rest.commit_id = commit_id;
    rest.queue = entry.queue;
    memcpy(submission->cmd, &rest, sizeof rest);
    return submission;
  }

  void serve(Entry& entry) {
    Message message;
    memcpy(&message.header, entry.headers.in_out, sizeof message.header);
    message.argument = entry.headers.argument;
    message.name = {entry.payload, strnlen(entry.payload, entry.headers.payload_bytes)};
    Reply reply;
    file_system_.answer(message, reply);  // what wants no reply comes over the device
    const size_t body = reply.header.len - sizeof reply.header;
    const size_t data = file_system_.data_bytes();
    memcpy(entry.payload, &reply.body, body);
    memcpy(entry.payload + body, bench_zeros.data(), data);
    reply.header.len += static_cast<uint32_t>(data);
    memcpy(entry.headers.in_out, &reply.header, sizeof reply.header);
    entry.headers.payload_bytes = static_cast<uint32_t>(body + data);
    command(entry, command_commit_and_fetch, entry.headers.commit_id);
    file_system_.replying();
  }

  SharedMemory& memory_;
  FileSystem file_system_;
  const int device_;
  std::vector<Entry> entries_;  // not added to once the kernel knows them
  void* payloads_ = MAP_FAILED;
  io_uring ring_{};
  bool has_ring_ = false;
};

}  // namespace

void run_uring_server(const BenchOptions& options, SharedMemory& memory, int device,
                      unsigned index) {
  UringThread(options, memory, device, index).run();
}

}  // namespace fusetrace
