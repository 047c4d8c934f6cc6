// SPDX-License-Identifier: Apache-2.0
// Ownership of libbpf's things: the skeleton and the ring reader.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <memory>

#include "fusetrace.h"

// The skeleton is generated C that names types of fusetrace.h.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "fusetrace.skel.h"
#pragma GCC diagnostic pop

namespace fusetrace {

struct BpfDeleter {
  void operator()(fusetrace_bpf* value) const { fusetrace_bpf__destroy(value); }
  void operator()(ring_buffer* value) const { ring_buffer__free(value); }
};
using BpfObject = std::unique_ptr<fusetrace_bpf, BpfDeleter>;
using RingReader = std::unique_ptr<ring_buffer, BpfDeleter>;

}  // namespace fusetrace
