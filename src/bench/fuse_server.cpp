// SPDX-License-Identifier: Apache-2.0
#include "bench/fuse_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/file_system.h"
#include "bench/run_threads.h"
#include "bench/uring_server.h"

namespace fusetrace {
namespace {

// Room for the largest WRITE and its headers; with a page for the tail it fits
// the 16 buffers of an ordinary pipe.
constexpr size_t buffer_bytes = bench_max_write_bytes + 4096;

// A thread that reads from the device.
class ServerThread {
 public:
  ServerThread(const BenchOptions& options, SharedMemory& memory, int device, unsigned index)
      : options_(options),
        memory_(memory),
        file_system_(options, memory, index),
        index_(index),
        device_(device),
        buffer_(static_cast<char*>(std::aligned_alloc(4096, buffer_bytes)), &std::free) {}

  void run() {
    while (!memory_.state().serve.load()) usleep(200);
    if (!set_up()) return file_system_.give_up(errno);
    memory_.state().servers_ready.fetch_add(1);
    for (;;) {
      const ssize_t bytes = read_message();
      if (bytes >= static_cast<ssize_t>(sizeof(fuse_in_header))) {
        serve(static_cast<size_t>(bytes));
      } else if (bytes >= 0) {
        return file_system_.give_up(EPROTO);
      } else if (errno == ENODEV) {
        return;  // unmounted
      } else if (errno == EAGAIN) {
        epoll_event event{};
        epoll_wait(epoll_, &event, 1, -1);
      } else if (errno != EINTR && errno != ENOENT) {
        // ENOENT: the client was interrupted before we had the request.
        return file_system_.give_up(errno);
      }
    }
  }

 private:
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

  void serve(size_t bytes) {
    Message message;
    memcpy(&message.header, buffer_.get(), sizeof message.header);
    const char* rest = buffer_.get() + sizeof message.header;
    message.argument = rest;
    message.name = {rest, strnlen(rest, bytes - sizeof message.header)};
    Reply reply;
    if (!file_system_.answer(message, reply)) return;
    file_system_.replying();
    // ENOENT: the client did not wait for the answer.
    if (send(reply) < 0 && errno != ENOENT && errno != ENODEV && errno != EINTR) {
      file_system_.give_up(errno);
    }
    if (message.header.opcode == FUSE_INIT) memory_.state().initialized.store(true);
  }

  ssize_t send(Reply& reply) {
    const size_t data_bytes = file_system_.data_bytes();
    if (data_bytes == 0) return write(device_, &reply, reply.header.len);
    const iovec parts[2] = {{&reply, reply.header.len},
                            {const_cast<char*>(bench_zeros.data()), data_bytes}};
    reply.header.len += static_cast<uint32_t>(data_bytes);
    return writev(device_, parts, 2);
  }

  const BenchOptions& options_;
  SharedMemory& memory_;
  FileSystem file_system_;
  const unsigned index_;
  int device_;
  int epoll_ = -1;
  std::array<int, 2> pipe_{-1, -1};
  std::unique_ptr<char, decltype(&std::free)> buffer_;
};

}  // namespace

void run_server_process(const BenchOptions& options, SharedMemory& memory, int device,
                        pid_t coordinator) {
  const auto done =
      run_threads(memory.state(), coordinator, options.server_threads(), options.server_cpus,
                  options.spread, [&](unsigned i) {
                    // Messages that io_uring does not carry are read by one more thread.
                    if (options.transport == BenchTransport::io_uring && i < options.servers) {
                      run_uring_server(options, memory, device, i);
                    } else {
                      ServerThread(options, memory, device, i).run();
                    }
                  });
  if (!done) memory.report_failure(done.error());
  _exit(done ? 0 : 1);
}

}  // namespace fusetrace
