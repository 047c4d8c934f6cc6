/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What follows from the record of a request: how long its stages took, how far its
 * hops went, where the woken threads were put, and what moved. The only place that
 * says so: the kernel's running totals (totals.bpf.c) and the Aggregator of user
 * space (src/model) index their counters with the numbers that these functions
 * return, so the two cannot disagree.
 *
 * Every function is total: whatever a record holds, the result is in the range of
 * its enumeration.
 */
#ifndef FUSETRACE_FACTS_H
#define FUSETRACE_FACTS_H

#include "record.h"

/* --- the numbers that index counters: never changed, other programs store them ---------- */

/* Between two CPUs, nearest first. */
enum ft_distance {
	FT_DISTANCE_SAME_CPU = 0,
	FT_DISTANCE_SAME_CORE = 1, /* SMT sibling */
	FT_DISTANCE_SAME_LLC = 2, /* shares the last-level cache */
	FT_DISTANCE_SAME_NODE = 3, /* same NUMA node */
	FT_DISTANCE_CROSS_NODE = 4,
	FT_DISTANCE_UNKNOWN = 5, /* one of the two CPUs was not seen */
};
#define FT_DISTANCES 6

/* The way to the server and the way back. */
enum ft_hop {
	FT_HOP_REQUEST = 0,
	FT_HOP_REPLY = 1, /* sync only: nobody else waits for it */
};
#define FT_HOPS 2

enum ft_stage {
	FT_STAGE_QUEUE = 0, /* queued to picked up */
	FT_STAGE_WAKEUP = 1, /* server waking to on CPU: a part of queue, pickup woken only */
	FT_STAGE_SERVICE = 2, /* picked up to replied */
	FT_STAGE_RETURN = 3, /* replied to resumed, sync only */
	FT_STAGE_TOTAL = 4, /* queued to resumed (sync) or to replied (async) */
};
#define FT_STAGES 5

/* Where a woken thread was put. */
enum ft_placement {
	FT_PLACEMENT_KEPT = 0, /* where it slept */
	FT_PLACEMENT_PULLED = 1, /* on the waker's CPU, which is another one */
	FT_PLACEMENT_MOVED = 2, /* anywhere else */
	FT_PLACEMENT_UNKNOWN = 3,
};
#define FT_PLACEMENTS 4

/* Whether the CPU that it was put on was idle. */
enum ft_target_idle {
	FT_TARGET_IDLE = 0,
	FT_TARGET_BUSY = 1,
	FT_TARGET_UNKNOWN = 2,
};
#define FT_TARGETS 3

/* The hint that the wakeup carried. */
enum ft_wake_hint {
	FT_HINT_PLAIN = 0,
	FT_HINT_SYNC = 1,
	FT_HINT_CURRENT_CPU = 2,
	FT_HINT_UNKNOWN = 3,
};
#define FT_HINTS 4

#define FT_WAKEUPS (FT_PLACEMENTS * FT_TARGETS * FT_HINTS)

/* Whose wakeup. */
enum ft_side {
	FT_SIDE_SERVER = 0,
	FT_SIDE_CLIENT = 1,
};
#define FT_SIDES 2

enum ft_migration {
	FT_MIGRATION_SERVER_WAKEUP = 0, /* placement of the woken server on another CPU */
	FT_MIGRATION_SERVER_WAITING = 1, /* after that, before it took the request */
	FT_MIGRATION_SERVER_SERVING = 2,
	FT_MIGRATION_CLIENT_WAITING = 3, /* its own placement included */
};
#define FT_MIGRATIONS 4

/* Pairs of CPUs that are counted for each connection. */
enum ft_pair {
	FT_PAIR_REQUEST = 0, /* client to server */
	FT_PAIR_REPLY = 1, /* replier to client */
	FT_PAIR_SERVER_PLACED = 2, /* slept on, put on */
	FT_PAIR_CLIENT_PLACED = 3,
	FT_PAIR_PICKED = 4, /* woken server put on, picked up on */
};
#define FT_PAIRS 5

/* --- values of a newer kernel side or a damaged file --------------------------------- */

FT_INLINE ft_u32 ft_kind_of(const struct ft_request *r)
{
	return r->kind < FT_KINDS ? (ft_u32)r->kind : (ft_u32)FT_KIND_NOREPLY;
}

FT_INLINE ft_u32 ft_transport_of(const struct ft_request *r)
{
	return r->transport < FT_TRANSPORTS ? (ft_u32)r->transport : (ft_u32)FT_TRANSPORT_UNKNOWN;
}

FT_INLINE ft_u32 ft_pickup_of(const struct ft_request *r)
{
	return r->pickup < FT_PICKUPS ? (ft_u32)r->pickup : (ft_u32)FT_PICKUP_UNKNOWN;
}

/* --- stages ------------------------------------------------------------------------ */

#define FT_NS_UNKNOWN (~(ft_u64)0)

/* to - from; FT_NS_UNKNOWN where a point is unknown, or where the clock ran back, which *backwards then tells. */
FT_INLINE ft_u64 ft_span(ft_u64 from, ft_u64 to, ft_u32 *backwards)
{
	if (!from || !to)
		return FT_NS_UNKNOWN;
	if (to < from) {
		*backwards = 1;
		return FT_NS_UNKNOWN;
	}
	return to - from;
}

/*
 * How long a stage took, in ns; FT_NS_UNKNOWN where that is unknown or the request has
 * no such stage. Sets *backwards to 1 when the clock ran back, and leaves it else.
 * Where queue, service and return are all known, they add up to total.
 */
FT_INLINE ft_u64 ft_stage_ns(const struct ft_request *r, enum ft_stage stage, ft_u32 *backwards)
{
	switch (stage) {
	case FT_STAGE_QUEUE:
		return ft_span(r->queued_ns, r->picked_up_ns, backwards);
	case FT_STAGE_WAKEUP:
		if (r->pickup != FT_PICKUP_WOKEN || !r->server_waking_ns || !r->server_running_ns)
			return FT_NS_UNKNOWN;
		/* It is a part of queue. */
		if (r->server_waking_ns < r->queued_ns ||
		    (r->picked_up_ns && r->server_running_ns > r->picked_up_ns)) {
			*backwards = 1;
			return FT_NS_UNKNOWN;
		}
		return ft_span(r->server_waking_ns, r->server_running_ns, backwards);
	case FT_STAGE_SERVICE:
		return ft_span(r->picked_up_ns, r->replied_ns, backwards);
	case FT_STAGE_RETURN:
		if (r->kind != FT_KIND_SYNC)
			return FT_NS_UNKNOWN;
		return ft_span(r->replied_ns, r->resumed_ns, backwards);
	case FT_STAGE_TOTAL:
		if (r->kind == FT_KIND_SYNC)
			return ft_span(r->queued_ns, r->resumed_ns, backwards);
		if (r->kind == FT_KIND_ASYNC)
			return ft_span(r->queued_ns, r->replied_ns, backwards);
		break;
	}
	return FT_NS_UNKNOWN;
}

/* When the last that is known of it happened: its place in time. */
FT_INLINE ft_u64 ft_end_ns(const struct ft_request *r)
{
	if (r->resumed_ns)
		return r->resumed_ns;
	if (r->replied_ns)
		return r->replied_ns;
	return r->picked_up_ns ? r->picked_up_ns : r->queued_ns;
}

/* --- hops -------------------------------------------------------------------------- */

/* A CPU's place: numbers that are equal for CPUs that share the thing, and mean nothing else. */
struct ft_cpu_place {
	ft_u32 core;
	ft_u32 llc;
	ft_u32 node;
	ft_u32 known; /* 0: the topology does not have this CPU */
};

/* a and b are the places of the CPUs from and to, or NULL where there is none. */
FT_INLINE ft_u32 ft_distance(ft_u32 from, ft_u32 to, const struct ft_cpu_place *a,
			     const struct ft_cpu_place *b)
{
	if (from == FT_CPU_UNKNOWN || to == FT_CPU_UNKNOWN)
		return FT_DISTANCE_UNKNOWN;
	if (from == to)
		return FT_DISTANCE_SAME_CPU;
	if (!a || !b || !a->known || !b->known)
		return FT_DISTANCE_UNKNOWN;
	if (a->core == b->core)
		return FT_DISTANCE_SAME_CORE;
	if (a->llc == b->llc)
		return FT_DISTANCE_SAME_LLC;
	return a->node == b->node ? FT_DISTANCE_SAME_NODE : FT_DISTANCE_CROSS_NODE;
}

/* Only a client that waits has a way back. */
FT_INLINE ft_u32 ft_has_reply_hop(const struct ft_request *r)
{
	return r->kind == FT_KIND_SYNC;
}

/* --- wakeups ----------------------------------------------------------------------- */

/* A server was woken for it, whoever took it in the end. */
FT_INLINE ft_u32 ft_has_server_wakeup(const struct ft_request *r)
{
	return r->woken_tid != 0;
}

FT_INLINE ft_u32 ft_has_client_wakeup(const struct ft_request *r)
{
	return r->client_waking_ns != 0;
}

FT_INLINE ft_u32 ft_placement(ft_u32 prev, ft_u32 target, ft_u32 waker)
{
	if (prev == FT_CPU_UNKNOWN || target == FT_CPU_UNKNOWN)
		return FT_PLACEMENT_UNKNOWN;
	if (target == prev)
		return FT_PLACEMENT_KEPT;
	if (waker == FT_CPU_UNKNOWN)
		return FT_PLACEMENT_UNKNOWN;
	return target == waker ? FT_PLACEMENT_PULLED : FT_PLACEMENT_MOVED;
}

FT_INLINE ft_u32 ft_placement_of(const struct ft_request *r, enum ft_side side)
{
	return side == FT_SIDE_SERVER ? ft_placement(r->server_prev_cpu, r->server_target_cpu, r->server_waker_cpu) : ft_placement(r->client_prev_cpu, r->client_target_cpu, r->client_waker_cpu);
}

FT_INLINE ft_u32 ft_target_of(const struct ft_request *r, enum ft_side side)
{
	ft_u32 server = side == FT_SIDE_SERVER;

	if (!(r->flags & (server ? FT_F_SERVER_TARGET_IDLE_KNOWN : FT_F_CLIENT_TARGET_IDLE_KNOWN)))
		return FT_TARGET_UNKNOWN;
	return r->flags & (server ? FT_F_SERVER_TARGET_IDLE : FT_F_CLIENT_TARGET_IDLE) ? FT_TARGET_IDLE : FT_TARGET_BUSY;
}

FT_INLINE ft_u32 ft_hint_of(const struct ft_request *r, enum ft_side side)
{
	ft_u32 server = side == FT_SIDE_SERVER;

	if (!(r->flags & (server ? FT_F_SERVER_WAKE_FLAGS_KNOWN : FT_F_CLIENT_WAKE_FLAGS_KNOWN)))
		return FT_HINT_UNKNOWN;
	if (r->flags & (server ? FT_F_SERVER_WAKE_CURRENT_CPU : FT_F_CLIENT_WAKE_CURRENT_CPU))
		return FT_HINT_CURRENT_CPU;
	return r->flags & (server ? FT_F_SERVER_WAKE_SYNC : FT_F_CLIENT_WAKE_SYNC) ? FT_HINT_SYNC : FT_HINT_PLAIN;
}

/* Where a wakeup is counted among FT_WAKEUPS. */
FT_INLINE ft_u32 ft_wakeup_index(ft_u32 placement, ft_u32 target, ft_u32 hint)
{
	return (placement * FT_TARGETS + target) * FT_HINTS + hint;
}

/* --- migrations -------------------------------------------------------------------- */

FT_INLINE ft_u32 ft_migrations_of(const struct ft_request *r, enum ft_migration which)
{
	switch (which) {
	case FT_MIGRATION_SERVER_WAKEUP:
		return r->server_prev_cpu != FT_CPU_UNKNOWN && r->server_target_cpu != FT_CPU_UNKNOWN &&
		       r->server_target_cpu != r->server_prev_cpu;
	case FT_MIGRATION_SERVER_WAITING:
		return r->migrations_server_waiting;
	case FT_MIGRATION_SERVER_SERVING:
		return r->migrations_server_serving;
	case FT_MIGRATION_CLIENT_WAITING:
		return r->migrations_client_waiting;
	}
	return 0;
}

#endif /* FUSETRACE_FACTS_H */
