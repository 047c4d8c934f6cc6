/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running totals, kept in place of records where nobody wants each request:
 * what src/model/count_request.h and the Aggregator count, by the same rules.
 * Every CPU writes cells of its own; user space maps them and adds them up.
 */
#ifndef FUSETRACE_TOTALS_H
#define FUSETRACE_TOTALS_H

const volatile bool keep_totals;
const volatile __u32 totals_cpus = 1; /* possible CPUs: the stride of the tables below */
const volatile __u32 totals_cells_n;
const volatile __u32 totals_connections_n;
const volatile __u32 totals_latencies_n;

/* Which CPUs share what, by number; set before the start and when CPUs come. */
struct ft_cpu_place places[FT_MAX_CPUS];

__u32 totals_cells_used;
__u32 totals_connections_used;
__u32 totals_latencies_used; /* row 0 means none */

/* Sizes are set before load; a capture of records has one entry of each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32); /* cell * totals_cpus + CPU */
	__type(value, struct ft_totals);
} totals_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32); /* row * totals_cpus + CPU */
	__type(value, struct ft_latency);
} totals_latencies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32); /* ((connection * FT_PAIRS + kind) * totals_cpus + from) * totals_cpus + to */
	__type(value, __u64);
} totals_pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ft_totals_connection);
} totals_connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32); /* connection */
	__type(value, __u32); /* its place in totals_connections */
} totals_connection_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64); /* connection << 32 | opcode */
	__type(value, struct ft_totals_id);
} totals_ids SEC(".maps");

static __always_inline void add(__u64 *counter, __u64 n)
{
	if (preemptible)
		__sync_fetch_and_add(counter, n);
	else
		*counter += n;
}

static __always_inline __u32 connection_place(__u32 connection)
{
	__u32 *found = bpf_map_lookup_elem(&totals_connection_ids, &connection);
	struct ft_totals_connection *c;
	__u32 place;

	if (found)
		return *found;
	place = __sync_fetch_and_add(&totals_connections_used, 1);
	if (place >= totals_connections_n)
		return FT_TOTALS_NONE;
	c = bpf_map_lookup_elem(&totals_connections, &place);
	if (!c)
		return FT_TOTALS_NONE;
	if (bpf_map_update_elem(&totals_connection_ids, &connection, &place, BPF_NOEXIST) == 0) {
		c->id = connection;
		return place;
	}
	/* Another CPU was first: its place counts, this one stays empty. */
	found = bpf_map_lookup_elem(&totals_connection_ids, &connection);
	return found ? *found : FT_TOTALS_NONE;
}

static __always_inline struct ft_totals_id *totals_create(__u64 key, __u32 connection)
{
	struct ft_totals_id id = {};

	if (totals_cells_used >= totals_cells_n)
		return NULL;
	id.cell = __sync_fetch_and_add(&totals_cells_used, 1);
	if (id.cell >= totals_cells_n)
		return NULL;
	id.connection = connection_place(connection);
	bpf_map_update_elem(&totals_ids, &key, &id, BPF_NOEXIST);
	return bpf_map_lookup_elem(&totals_ids, &key);
}

static __always_inline __u32 distance_of(__u32 from, __u32 to)
{
	struct ft_cpu_place *a, *b;

	if (from == FT_CPU_UNKNOWN || to == FT_CPU_UNKNOWN)
		return FT_DISTANCE_UNKNOWN;
	if (from == to)
		return FT_DISTANCE_SAME_CPU;
	if (from >= FT_MAX_CPUS || to >= FT_MAX_CPUS)
		return FT_DISTANCE_UNKNOWN;
	/* Checked as one by the compiler, so that the verifier wants to see it again. */
	barrier_var(from);
	barrier_var(to);
	a = &places[from & (FT_MAX_CPUS - 1)];
	b = &places[to & (FT_MAX_CPUS - 1)];
	if (!a->known || !b->known)
		return FT_DISTANCE_UNKNOWN;
	if (a->core == b->core)
		return FT_DISTANCE_SAME_CORE;
	if (a->llc == b->llc)
		return FT_DISTANCE_SAME_LLC;
	return a->node == b->node ? FT_DISTANCE_SAME_NODE : FT_DISTANCE_CROSS_NODE;
}

/*
 * Not static, as totals_add() below: the verifier then looks at such a function
 * once, and not at every call with all that may have come before.
 */
__noinline __u32 bucket_of(__u64 ns)
{
	return ft_hist_bucket(ns);
}

static __always_inline void add_latency(struct ft_latency *latency, __u64 ns)
{
	__u32 bucket = bucket_of(ns);

	if (bucket >= FT_HIST_BUCKETS)
		return;
	add(&latency->buckets[bucket], 1);
	add(&latency->sum_ns, ns);
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

/* to - from into a stage; 0 where it is unknown, and true in *backwards where the clock was. */
static __always_inline __u64 add_stage(struct ft_totals *cell, __u32 stage, __u64 from, __u64 to,
				       bool *backwards)
{
	if (!from || !to)
		return 0;
	if (to < from) {
		*backwards = true;
		return 0;
	}
	add_latency(&cell->stages[stage], to - from);
	return to - from;
}

static __always_inline __u32 placement_of(__u32 prev, __u32 target, __u32 waker)
{
	if (prev == FT_CPU_UNKNOWN || target == FT_CPU_UNKNOWN)
		return 3;
	if (target == prev)
		return 0;
	if (waker == FT_CPU_UNKNOWN)
		return 3;
	return target == waker ? 1 : 2;
}

static __always_inline void add_wakeup(__u64 *counts, __u32 placement, __u32 flags, __u32 shift)
{
	/* The flags of the two sides are alike: idle in two bits, hints in three, from these on. */
	__u32 idle_bits = flags >> (shift ? 2 : 0) & 3;
	__u32 hint_bits = flags >> (shift ? 7 : 4) & 7;
	__u32 idle = !(idle_bits & 1) ? 2 : !(idle_bits & 2);
	__u32 hint = !(hint_bits & 1) ? 3 : (hint_bits & 4 ? 2 : (hint_bits & 2 ? 1 : 0));
	__u32 at = (placement & 3) * 12 + idle * 4 + hint;

	barrier_var(at); /* the compiler knows it is in bounds, the verifier wants to see it */
	if (at < FT_WAKEUPS)
		add(&counts[at], 1);
}

static __always_inline void add_pair(__u32 connection, __u32 kind, __u32 from, __u32 to)
{
	__u32 key = ((connection * FT_PAIRS + kind) * totals_cpus + from) * totals_cpus + to;
	__u64 *count;

	if (from >= totals_cpus || to >= totals_cpus)
		return;
	count = bpf_map_lookup_elem(&totals_pairs, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
}

/* The total latency, under the distance of one hop. */
static __always_inline void add_hop_latency(struct ft_totals_connection *c, __u32 hop, __u32 distance,
					    __u64 ns, __u32 cpu)
{
	__u32 at = hop * FT_DISTANCES + distance, row;
	struct ft_latency *latency;

	barrier_var(at);
	if (at >= 2 * FT_DISTANCES)
		return;
	row = c->latency[at];
	if (!row) {
		row = __sync_fetch_and_add(&totals_latencies_used, 1) + 1;
		if (row >= totals_latencies_n)
			row = FT_TOTALS_NONE;
		/* A row that two CPUs wanted at once: the loser's stays empty. */
		if (__sync_val_compare_and_swap(&c->latency[at], 0, row) != 0)
			row = c->latency[at];
	}
	if (row == FT_TOTALS_NONE) {
		count_loss(FT_LOSS_TOTALS_FULL);
		return;
	}
	row = row * totals_cpus + cpu;
	latency = bpf_map_lookup_elem(&totals_latencies, &row);
	if (latency)
		add_latency(latency, ns);
}

__noinline int totals_add(struct ft_request *r)
{
	__u64 key;
	__u32 cpu = bpf_get_smp_processor_id();
	struct ft_totals_connection *c;
	struct ft_totals_id *id;
	struct ft_totals *cell;
	bool backwards = false;
	__u64 total = 0;
	__u32 at, hop, back = FT_DISTANCE_UNKNOWN;

	if (!r)
		return 0;
	key = (__u64)r->connection << 32 | r->opcode;
	id = bpf_map_lookup_elem(&totals_ids, &key);
	if (!id) {
		id = totals_create(key, r->connection);
		if (!id) {
			count_loss(FT_LOSS_TOTALS_FULL);
			return 0;
		}
	}
	if (cpu >= totals_cpus)
		cpu = 0;
	at = id->cell * totals_cpus + cpu;
	cell = bpf_map_lookup_elem(&totals_cells, &at);
	if (!cell)
		return 0;

	add(&cell->requests, 1);
	if (r->error)
		add(&cell->errors, 1);
	add(&cell->bytes_in, r->bytes_in);
	add(&cell->bytes_out, r->bytes_out);
	if (r->kind < FT_KINDS)
		add(&cell->kinds[r->kind], 1);
	if (r->transport < FT_TRANSPORTS)
		add(&cell->transports[r->transport], 1);
	if (r->pickup < FT_PICKUPS)
		add(&cell->pickups[r->pickup], 1);

	add_stage(cell, FT_STAGE_QUEUE, r->queued_ns, r->picked_up_ns, &backwards);
	if (r->pickup == FT_PICKUP_WOKEN && r->server_waking_ns && r->server_running_ns) {
		/* It is a part of queue. */
		if (r->server_waking_ns < r->queued_ns ||
		    (r->picked_up_ns && r->server_running_ns > r->picked_up_ns))
			backwards = true;
		else
			add_stage(cell, FT_STAGE_WAKEUP, r->server_waking_ns, r->server_running_ns,
				  &backwards);
	}
	add_stage(cell, FT_STAGE_SERVICE, r->picked_up_ns, r->replied_ns, &backwards);
	if (r->kind == FT_KIND_SYNC) {
		add_stage(cell, FT_STAGE_RETURN, r->replied_ns, r->resumed_ns, &backwards);
		total = add_stage(cell, FT_STAGE_TOTAL, r->queued_ns, r->resumed_ns, &backwards);
	} else if (r->kind == FT_KIND_ASYNC) {
		total = add_stage(cell, FT_STAGE_TOTAL, r->queued_ns, r->replied_ns, &backwards);
	}
	if (backwards)
		count_loss(FT_LOSS_CLOCK_BACKWARDS);

	hop = distance_of(r->client_cpu, r->server_cpu);
	barrier_var(hop);
	if (hop < FT_DISTANCES)
		add(&cell->hops[0][hop], 1);
	if (r->kind == FT_KIND_SYNC) {
		back = distance_of(r->reply_cpu, r->resume_cpu);
		barrier_var(back);
		if (back < FT_DISTANCES)
			add(&cell->hops[1][back], 1);
	}
	if (r->woken_tid) {
		add_wakeup(cell->wakeups[0],
			   placement_of(r->server_prev_cpu, r->server_target_cpu, r->server_waker_cpu),
			   r->flags, 0);
		if (r->server_prev_cpu != FT_CPU_UNKNOWN && r->server_target_cpu != FT_CPU_UNKNOWN &&
		    r->server_prev_cpu != r->server_target_cpu)
			add(&cell->migrations[0], 1);
	}
	if (r->client_waking_ns)
		add_wakeup(cell->wakeups[1],
			   placement_of(r->client_prev_cpu, r->client_target_cpu, r->client_waker_cpu),
			   r->flags, 1);
	if (r->migrations_server_waiting)
		add(&cell->migrations[1], r->migrations_server_waiting);
	if (r->migrations_server_serving)
		add(&cell->migrations[2], r->migrations_server_serving);
	if (r->migrations_client_waiting)
		add(&cell->migrations[3], r->migrations_client_waiting);

	at = id->connection;
	if (at == FT_TOTALS_NONE) {
		count_loss(FT_LOSS_TOTALS_FULL);
		return 0;
	}
	c = bpf_map_lookup_elem(&totals_connections, &at);
	if (!c)
		return 0;
	if (total) {
		add_hop_latency(c, 0, hop, total, cpu);
		if (r->kind == FT_KIND_SYNC)
			add_hop_latency(c, 1, back, total, cpu);
	}
	add_pair(at, FT_PAIR_REQUEST, r->client_cpu, r->server_cpu);
	if (r->kind == FT_KIND_SYNC)
		add_pair(at, FT_PAIR_REPLY, r->reply_cpu, r->resume_cpu);
	if (r->woken_tid) {
		add_pair(at, FT_PAIR_SERVER_PLACED, r->server_prev_cpu, r->server_target_cpu);
		add_pair(at, FT_PAIR_PICKED, r->server_target_cpu, r->server_cpu);
	}
	if (r->client_waking_ns)
		add_pair(at, FT_PAIR_CLIENT_PLACED, r->client_prev_cpu, r->client_target_cpu);
	return 0;
}

#endif /* FUSETRACE_TOTALS_H */
