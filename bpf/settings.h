/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of a capture: read-only data that user space sets before load, so that the
 * verifier takes out what is not wanted. Defined in maps.bpf.c.
 */
#ifndef FUSETRACE_SETTINGS_H
#define FUSETRACE_SETTINGS_H

#include "kernel.h"

#define MAX_FILTER 16

extern const volatile __u32 slot_mask; /* slots - 1, a power of two minus one */
extern const volatile __u32 filter_connections_n;
extern const volatile __u32 filter_connections[MAX_FILTER];
extern const volatile __u32 filter_tgids_n;
extern const volatile __u32 filter_tgids[MAX_FILTER];
extern const volatile __u32 filter_cgroups_n;
extern const volatile bool filter_opcodes;
extern const volatile __u64 filter_opcode_bits[2]; /* opcodes below 128; others never pass a filter */
extern const volatile __u32 sample_n;
extern const volatile bool preemptible; /* programs can be preempted: then counting is atomic */
extern const volatile bool has_sent_tracepoint; /* fuse_request_sent tells of the pickup of requests */
extern const volatile bool keep_totals; /* running totals in place of a record for each request */
extern const volatile __u32 rings_n;

/*
 * struct fuse_req among the kernel's own types; 0 where FUSE is a module, whose types
 * cannot be cast to. Not by a relocation: several modules may have that type.
 */
extern const volatile __u32 fuse_req_type;

/* Set by user space once everything is attached, cleared before detaching. */
extern bool enabled;

#endif /* FUSETRACE_SETTINGS_H */
