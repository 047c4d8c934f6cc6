/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a request, a process or the current task passes the filters of the capture. */
#ifndef FUSETRACE_FILTERS_H
#define FUSETRACE_FILTERS_H

#include "settings.h"

struct cgroups_map {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, MAX_FILTER);
	__type(key, __u32);
	__type(value, __u32);
};

extern struct cgroups_map cgroups SEC(".maps");

static __always_inline bool passes_filters(__u32 connection, __u32 opcode)
{
	bool found = false;

	if (filter_opcodes) {
		/* Without an index: 6.1's verifier forgets the bound of one that was spilled. */
		__u64 bits = opcode & 64 ? filter_opcode_bits[1] : filter_opcode_bits[0];

		if (opcode >= 128 || !(bits >> (opcode % 64) & 1))
			return false;
	}
	if (!filter_connections_n)
		return true;
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_connections_n && filter_connections[i] == connection)
			found = true;
	return found;
}

static __always_inline bool tgid_wanted(__u32 tgid)
{
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_tgids_n && filter_tgids[i] == tgid)
			return true;
	return false;
}

static __always_inline bool in_wanted_cgroup(void)
{
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_cgroups_n && bpf_current_task_under_cgroup(&cgroups, i) == 1)
			return true;
	return false;
}

#endif /* FUSETRACE_FILTERS_H */
