// SPDX-License-Identifier: Apache-2.0
// The BPF object: who owns it, and how it is opened and loaded by the probe plan.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <functional>
#include <memory>

#include "capture/probe_plan.h"
#include "fusetrace.h"
#include "model/error.h"

// The skeleton is generated C that names types of fusetrace.h.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "fusetrace.skel.h"
#pragma GCC diagnostic pop

namespace fusetrace {

struct BpfDeleter {
  void operator()(fusetrace_bpf* value) const { fusetrace_bpf__destroy(value); }
  void operator()(ring_buffer* value) const { ring_buffer__free(value); }
  void operator()(bpf_link* value) const { bpf_link__destroy(value); }
};
using BpfObject = std::unique_ptr<fusetrace_bpf, BpfDeleter>;
using RingReader = std::unique_ptr<ring_buffer, BpfDeleter>;
using BpfLink = std::unique_ptr<bpf_link, BpfDeleter>;

// Where the lines of libbpf and of the verifier go from now on; empty: nowhere. libbpf
// has one such function for the whole process.
void log_libbpf_to(std::function<void(const char*)> log);

// The text of an error number of libbpf, which may be negative.
std::string errno_text(int error);

// Opens the object with the plan's programs chosen, and the iterators. Not loaded yet, so
// that settings and map sizes can still be written. Errors: memory.
[[nodiscard]] Result<BpfObject> open_object(const ProbePlan& plan);

// Has the kernel check and load the chosen programs. Errors: the right to do so is
// missing, or the verifier refused.
[[nodiscard]] Result<void> load_object(fusetrace_bpf& object);

// Attaches the plan's programs in its order. Errors: the program and its hook, with the errno.
[[nodiscard]] Result<void> attach_programs(fusetrace_bpf& object, const ProbePlan& plan);

}  // namespace fusetrace
