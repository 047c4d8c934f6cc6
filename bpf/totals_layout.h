/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The tables of the running totals, as the programs write them and user space maps them. */
#ifndef FUSETRACE_TOTALS_LAYOUT_H
#define FUSETRACE_TOTALS_LAYOUT_H

#include "facts.h"
#include "histogram.h"

struct ft_latency {
	ft_u64 sum_ns;
	ft_u64 max_ns;
	ft_u64 buckets[FT_HIST_BUCKETS];
};

/* One CPU's share of the requests of one opcode on one connection. */
struct ft_totals {
	ft_u64 requests;
	ft_u64 errors;
	ft_u64 bytes_in;
	ft_u64 bytes_out;
	ft_u64 kinds[FT_KINDS];
	ft_u64 transports[FT_TRANSPORTS];
	ft_u64 pickups[FT_PICKUPS];
	ft_u64 hops[FT_HOPS][FT_DISTANCES];
	ft_u64 wakeups[FT_SIDES][FT_WAKEUPS]; /* by ft_wakeup_index() */
	ft_u64 migrations[FT_MIGRATIONS];
	struct ft_latency stages[FT_STAGES];
};

#define FT_TOTALS_NONE 0xffffffffu

/* Where the totals of a (connection, opcode) are. */
struct ft_totals_id {
	ft_u32 cell;
	ft_u32 connection; /* place in totals_connections, FT_TOTALS_NONE: no room */
};

struct ft_totals_connection {
	ft_u32 id; /* 0: free */
	ft_u32 latency[FT_HOPS * FT_DISTANCES]; /* by hop and distance: row of totals_latencies, 0: none yet */
};

#endif /* FUSETRACE_TOTALS_LAYOUT_H */
