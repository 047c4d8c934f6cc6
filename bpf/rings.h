/* SPDX-License-Identifier: GPL-2.0-only */
/* The way out: one ring a CPU (or for several), so that producers do not meet; made by user space. */
#ifndef FUSETRACE_RINGS_H
#define FUSETRACE_RINGS_H

#include "settings.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct rings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
};

extern struct rings_map rings SEC(".maps");

/* Room for a record in this CPU's ring, to be filled and submitted; NULL when it is full. */
static __always_inline void *ring_reserve(__u64 size)
{
	__u32 key = bpf_get_smp_processor_id();
	void *ring;

	if (key >= rings_n)
		key %= rings_n;
	ring = bpf_map_lookup_elem(&rings, &key);
	return ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
}

/* User space empties the rings on a timer and is never woken for a record. */
static __always_inline void ring_submit(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

#endif /* FUSETRACE_RINGS_H */
