// SPDX-License-Identifier: Apache-2.0
// What the running kernel offers a tracer of FUSE, found by trying, not by
// version. A plain value, so that the probe plan is tested without a kernel.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "model/error.h"

namespace fusetrace {

struct Features {
  std::string kernel;  // uname -r
  // Typed information of the kernel itself, and of FUSE (in the kernel's when
  // built in, else in the module's, which is there once the module is loaded).
  bool btf = false;
  bool fuse = false;         // in /proc/filesystems, or types found
  bool fuse_module = false;  // its types live in /sys/kernel/btf/fuse
  bool fuse_types = false;   // struct fuse_req was found
  // Its id among the kernel's own types; 0: it is not one of them, but a module's.
  uint32_t fuse_req_type = 0;
  bool io_uring = false;  // fuse.enable_uring is on
  // BPF programs on tracepoints, or at the entry or exit of functions, can be
  // preempted here, and then keep themselves from running on that CPU; kprobe
  // programs cannot.
  bool preemptible_tracepoints = false;
  bool preemptible_functions = false;
  // Tracepoints that BTF knows: "fuse_request_send", "sched_waking", ...
  std::set<std::string> tracepoints;
  // Functions of FUSE and the scheduler that BTF knows.
  std::set<std::string> functions;
  // Whether a function hook could really be attached, and what was said if not.
  bool fentry = false;
  std::string fentry_error;
  bool kprobe = false;
  std::string kprobe_error;
};

// Has the kernel load FUSE where it is a module that nobody has needed yet, as the
// opening of its device does.
void load_fuse();

// Errors: none; what cannot be read is reported as missing.
Features detect_features();

// What is missing to trace at all: privilege, BTF, FUSE. One line that names
// exactly what, and the way out.
Result<void> check_requirements(const Features& features);

// Capabilities that a capture needs and this process lacks, as one line:
// "CAP_BPF and CAP_PERFMON"; empty when nothing lacks.
std::string missing_capabilities(bool fuse_is_module);

}  // namespace fusetrace
