// SPDX-License-Identifier: Apache-2.0
// The ring buffers through which the records of a capture come.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/bpf_object.h"
#include "fusetrace.h"
#include "model/error.h"
#include "system/descriptor.h"

namespace fusetrace {

// libbpf keeps this object's address, so it stays where it was made.
class Rings {
 public:
  Rings() = default;
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;

  // Makes a ring of so many bytes (rounded up to a power of two of at least a page) for
  // each CPU that the object's settings name, and installs them in the loaded object.
  // Errors: memory, with the CPU.
  [[nodiscard]] Result<void> make(fusetrace_bpf& object, uint64_t bytes);

  // Appends what has come since the last call; nothing where no ring was made.
  void drain(std::vector<ft_request>& requests, std::vector<ft_task>& tasks);

  // Waits until every BPF program that runs now has ended. Errors: the kernel cannot be
  // asked to; the records of those programs may be missing then.
  [[nodiscard]] Result<void> wait_for_programs(fusetrace_bpf& object);

  // Records whose size is none that this program knows.
  uint64_t unknown_records() const { return unknown_records_; }

 private:
  static int on_record(void* context, void* data, size_t size);

  // Destroyed in reverse: the reader before the rings.
  std::vector<Descriptor> rings_;
  RingReader reader_;
  std::vector<ft_request>* requests_ = nullptr;  // where on_record() puts things
  std::vector<ft_task>* tasks_ = nullptr;
  uint64_t unknown_records_ = 0;
};

}  // namespace fusetrace
