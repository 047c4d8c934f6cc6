// SPDX-License-Identifier: GPL-2.0-only
/*
 * fusetrace's programs: one per hook. Which of them are loaded is decided in
 * user space (src/capture/probe_plan.h); each only reads what its hook gives
 * and calls the handlers that are shared by all.
 */
#include "kernel.h"
#define __VMLINUX_H__ /* the kernel's names of registers, as in kernel.h */
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "fusetrace.h"
#include "state.h"
#include "totals.h"
#include "life.h"
#include "pickup.h"
#include "scheduler.h"
#include "iterators.h"
#include "hooks.h"
#include "io_uring.h"

char LICENSE[] SEC("license") = "GPL";
