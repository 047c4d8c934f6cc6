// SPDX-License-Identifier: Apache-2.0
#include "capture/rings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace fusetrace {
namespace {

uint64_t ring_size(uint64_t wanted) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::bit_ceil(std::max(wanted, page));
}

}  // namespace

int Rings::on_record(void* context, void* data, size_t size) {
  auto* self = static_cast<Rings*>(context);
  if (size == sizeof(ft_request)) {
    self->requests_->emplace_back();
    std::memcpy(&self->requests_->back(), data, size);
  } else if (size == sizeof(ft_task)) {
    self->tasks_->emplace_back();
    std::memcpy(&self->tasks_->back(), data, size);
  } else {
    ++self->unknown_records_;
  }
  return 0;
}

Result<void> Rings::make(fusetrace_bpf& object, uint64_t bytes) {
  const uint64_t size = ring_size(bytes);
  std::vector<uint32_t> cpus;
  std::vector<int> fds;
  for (uint32_t cpu = 0; cpu < object.rodata->rings_n; ++cpu) {
    Descriptor ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ft_ring", 0, 0,
                                   static_cast<uint32_t>(size), nullptr));
    if (!ring) {
      return fail(
          fmt::format("cannot make a ring of {} bytes for CPU {}: {}", size, cpu, strerror(errno)),
          "try a smaller --buffer");
    }
    const int fd = ring.get();
    cpus.push_back(cpu);
    fds.push_back(fd);
    if (!reader_) {
      reader_.reset(ring_buffer__new(fd, on_record, this, nullptr));
      if (!reader_) return fail(fmt::format("cannot map a ring: {}", strerror(errno)));
    } else if (const int error = ring_buffer__add(reader_.get(), fd, on_record, this); error != 0) {
      return fail(fmt::format("cannot map the ring of CPU {}: {}", cpu, errno_text(error)));
    }
    rings_.push_back(std::move(ring));
  }
  // All at once: each update of such a map by itself waits for an RCU grace period.
  auto count = static_cast<__u32>(cpus.size());
  if (bpf_map_update_batch(bpf_map__fd(object.maps.rings), cpus.data(), fds.data(), &count,
                           nullptr) != 0) {
    return fail(
        fmt::format("cannot install the rings of {} CPUs: {}", cpus.size(), strerror(errno)));
  }
  return {};
}

void Rings::drain(std::vector<ft_request>& requests, std::vector<ft_task>& tasks) {
  if (!reader_) return;
  requests_ = &requests;
  tasks_ = &tasks;
  ring_buffer__consume(reader_.get());
  requests_ = nullptr;
  tasks_ = nullptr;
}

// An update of a map of maps waits for the programs that may use what it held
// (kernel/bpf/syscall.c, maybe_wait_bpf_programs(): synchronize_rcu(), and programs run
// under RCU). So the ring of the first CPU is put where it is; where no ring was made, one
// that nobody writes.
Result<void> Rings::wait_for_programs(fusetrace_bpf& object) {
  Descriptor unused;
  if (rings_.empty()) {
    unused = Descriptor(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ft_no_ring", 0, 0,
                                       static_cast<uint32_t>(sysconf(_SC_PAGESIZE)), nullptr));
  }
  const uint32_t first = 0;
  const int fd = rings_.empty() ? unused.get() : rings_.front().get();
  if (fd < 0 || bpf_map_update_elem(bpf_map__fd(object.maps.rings), &first, &fd, BPF_ANY) != 0) {
    return fail(
        fmt::format("cannot wait for the BPF programs that still run, whose records may "
                    "be missing: {}",
                    strerror(errno)));
  }
  return {};
}

}  // namespace fusetrace
