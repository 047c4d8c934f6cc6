// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps, settings and variables that the programs share. The other files declare
 * them in their headers; bpftool links all into one object.
 */
#include "counters.h"
#include "filters.h"
#include "kernel.h"
#include "reading.h"
#include "rings.h"
#include "settings.h"
#include "slots.h"
#include "threads.h"

char LICENSE[] SEC("license") = "GPL";

/* --- settings ------------------------------------------------------------------------ */

const volatile __u32 slot_mask = 32768 - 1;
const volatile __u32 filter_connections_n;
const volatile __u32 filter_connections[MAX_FILTER];
const volatile __u32 filter_tgids_n;
const volatile __u32 filter_tgids[MAX_FILTER];
const volatile __u32 filter_cgroups_n;
const volatile bool filter_opcodes;
const volatile __u64 filter_opcode_bits[2];
const volatile __u32 sample_n = 1;
const volatile bool preemptible;
const volatile bool has_sent_tracepoint;
const volatile bool keep_totals;
const volatile __u32 rings_n = 1;
const volatile __u32 fuse_req_type;

/* --- variables ------------------------------------------------------------------------- */

bool enabled;
bool table_was_full;
__u64 own_address;

struct ft_cpu_state cpus[FT_MAX_CPUS] __attribute__((aligned(64)));
__u64 thread_bits[THREADS / 64] __attribute__((aligned(64)));

/* --- maps: sizes are set before load ----------------------------------------------------- */

struct slots_map slots SEC(".maps");
struct threads_map threads SEC(".maps");
struct servers_map servers SEC(".maps");
struct cgroups_map cgroups SEC(".maps");
struct rings_map rings SEC(".maps");
