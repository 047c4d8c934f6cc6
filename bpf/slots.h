/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of requests in flight: an array with open addressing by the address of
 * struct fuse_req. Two loads where a hash map takes a bucket lock twice, and it
 * cannot grow. Mapped into user space, which counts those still open at the end.
 */
#ifndef FUSETRACE_SLOTS_H
#define FUSETRACE_SLOTS_H

#include "settings.h"
#include "slot.h"

struct slots_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct ft_slot);
};

extern struct slots_map slots SEC(".maps");

#define PROBES 8

static __always_inline __u32 slot_hash(__u64 req)
{
	return (__u32)((req * 0x9E3779B97F4A7C15ull) >> 40);
}

/* The slot of this request; *ref becomes how to remember it. NULL when it is not followed. */
static __always_inline struct ft_slot *slot_find(__u64 req, ft_slot_ref *ref)
{
	__u32 hash = slot_hash(req);

	for (int i = 0; i < PROBES; i++) {
		__u32 key = (hash + i) & slot_mask;
		struct ft_slot *s = bpf_map_lookup_elem(&slots, &key);
		__u32 seq = s ? ft_slot_of_request(s, req) : 0;

		if (seq) {
			*ref = ft_ref(key, seq);
			return s;
		}
	}
	return NULL;
}

static __always_inline struct ft_slot *slot_claim(__u64 req, __u32 *index)
{
	__u32 hash = slot_hash(req);

	for (int i = 0; i < PROBES; i++) {
		__u32 key = (hash + i) & slot_mask;
		struct ft_slot *s = bpf_map_lookup_elem(&slots, &key);

		if (s && ft_slot_claim(s, req)) {
			*index = key;
			return s;
		}
	}
	return NULL;
}

/* The slot that a thread remembers, if it still has that owner. */
static __always_inline struct ft_slot *slot_of(ft_slot_ref ref)
{
	__u32 key = ft_ref_index(ref);
	struct ft_slot *s;

	if (!ref)
		return NULL;
	s = bpf_map_lookup_elem(&slots, &key);
	return s && ft_slot_of_owner(s, ft_ref_seq(ref)) ? s : NULL;
}

static __always_inline bool is_picked_up(const struct ft_slot *s, ft_slot_ref ref)
{
	return ft_slot_served(s, ft_ref_seq(ref)) & FT_SERVED_TAKEN;
}

static __always_inline bool is_replied(const struct ft_slot *s, ft_slot_ref ref)
{
	return ft_slot_served(s, ft_ref_seq(ref)) & FT_SERVED_REPLIED;
}

#endif /* FUSETRACE_SLOTS_H */
