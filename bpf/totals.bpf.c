// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running totals, kept in place of records where nobody wants each request. What is
 * counted follows from the record by the rules of facts.h, which the Aggregator of
 * user space shares. Every CPU writes cells of its own; user space maps them and
 * adds them up.
 */
#include "totals.h"

#include "atomics.h"
#include "counters.h"
#include "kernel.h"
#include "settings.h"
#include "totals_layout.h"

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

/* A CPU adds to counters of its own; where another task can come in between, atomically. */
static __always_inline void add(__u64 *counter, __u64 n)
{
	if (preemptible)
		ft_count(counter, n);
	else
		*counter += n;
}

#define MAX_TRIES 8

static __always_inline __u32 connection_place(__u32 connection)
{
	__u32 *found = bpf_map_lookup_elem(&totals_connection_ids, &connection);
	struct ft_totals_connection *c;
	__u32 place;

	if (found)
		return *found;
	place = ft_add(&totals_connections_used, 1);
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
	id.cell = ft_add(&totals_cells_used, 1);
	if (id.cell >= totals_cells_n)
		return NULL;
	id.connection = connection_place(connection);
	bpf_map_update_elem(&totals_ids, &key, &id, BPF_NOEXIST);
	return bpf_map_lookup_elem(&totals_ids, &key);
}

static __always_inline __u32 distance_of(__u32 from, __u32 to)
{
	bool known = from < FT_MAX_CPUS && to < FT_MAX_CPUS;

	/* Checked as one by the compiler, so that the verifier wants to see it again. */
	barrier_var(from);
	barrier_var(to);
	return ft_distance(from, to, known ? &places[from & (FT_MAX_CPUS - 1)] : NULL,
			   known ? &places[to & (FT_MAX_CPUS - 1)] : NULL);
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
	__u64 most;

	if (bucket >= FT_HIST_BUCKETS)
		return;
	add(&latency->buckets[bucket], 1);
	add(&latency->sum_ns, ns);
	most = ft_load(&latency->max_ns);
	if (!preemptible) {
		if (ns > most)
			ft_store(&latency->max_ns, ns);
		return;
	}
	/* Each failure is a greater maximum of another task on this CPU. */
	for (int i = 0; i < MAX_TRIES && ns > most; i++) {
		__u64 found = ft_cas(&latency->max_ns, most, ns);

		if (found == most)
			return;
		most = found;
	}
}

/* A stage into its cell; FT_NS_UNKNOWN where it is unknown. */
static __always_inline __u64 add_stage(struct ft_totals *cell, const struct ft_request *r,
				       enum ft_stage stage, __u32 *backwards)
{
	__u64 ns = ft_stage_ns(r, stage, backwards);

	if (ns != FT_NS_UNKNOWN)
		add_latency(&cell->stages[stage], ns);
	return ns;
}

static __always_inline void add_wakeup(__u64 *counts, const struct ft_request *r, enum ft_side side)
{
	__u32 at = ft_wakeup_index(ft_placement_of(r, side), ft_target_of(r, side), ft_hint_of(r, side));

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
		ft_count(count, 1);
}

/* The total latency, under the distance of one hop. */
static __always_inline void add_hop_latency(struct ft_totals_connection *c, __u32 hop, __u32 distance,
					    __u64 ns, __u32 cpu)
{
	__u32 at = hop * FT_DISTANCES + distance, row;
	struct ft_latency *latency;

	barrier_var(at);
	if (at >= FT_HOPS * FT_DISTANCES)
		return;
	row = c->latency[at];
	if (!row) {
		row = ft_add(&totals_latencies_used, 1) + 1;
		if (row >= totals_latencies_n)
			row = FT_TOTALS_NONE;
		/* A row that two CPUs wanted at once: the loser's stays empty. */
		if (ft_cas(&c->latency[at], 0, row) != 0)
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
	__u32 at, hop, back = FT_DISTANCE_UNKNOWN, kind, transport, pickup, backwards = 0, n;
	__u64 total;

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
	if (cpu >= totals_cpus) {
		count_loss(FT_LOSS_TOTALS_FULL);
		return 0;
	}
	at = id->cell * totals_cpus + cpu;
	cell = bpf_map_lookup_elem(&totals_cells, &at);
	if (!cell)
		return 0;

	add(&cell->requests, 1);
	if (r->error)
		add(&cell->errors, 1);
	add(&cell->bytes_in, r->bytes_in);
	add(&cell->bytes_out, r->bytes_out);
	kind = ft_kind_of(r);
	transport = ft_transport_of(r);
	pickup = ft_pickup_of(r);
	barrier_var(kind); /* as in add_wakeup() */
	barrier_var(transport);
	barrier_var(pickup);
	if (kind < FT_KINDS)
		add(&cell->kinds[kind], 1);
	if (transport < FT_TRANSPORTS)
		add(&cell->transports[transport], 1);
	if (pickup < FT_PICKUPS)
		add(&cell->pickups[pickup], 1);

	add_stage(cell, r, FT_STAGE_QUEUE, &backwards);
	add_stage(cell, r, FT_STAGE_WAKEUP, &backwards);
	add_stage(cell, r, FT_STAGE_SERVICE, &backwards);
	add_stage(cell, r, FT_STAGE_RETURN, &backwards);
	total = add_stage(cell, r, FT_STAGE_TOTAL, &backwards);
	if (backwards)
		count_loss(FT_LOSS_CLOCK_BACKWARDS);

	hop = distance_of(r->client_cpu, r->server_cpu);
	barrier_var(hop);
	if (hop < FT_DISTANCES)
		add(&cell->hops[FT_HOP_REQUEST][hop], 1);
	if (ft_has_reply_hop(r)) {
		back = distance_of(r->reply_cpu, r->resume_cpu);
		barrier_var(back);
		if (back < FT_DISTANCES)
			add(&cell->hops[FT_HOP_REPLY][back], 1);
	}
	if (ft_has_server_wakeup(r))
		add_wakeup(cell->wakeups[FT_SIDE_SERVER], r, FT_SIDE_SERVER);
	if (ft_has_client_wakeup(r))
		add_wakeup(cell->wakeups[FT_SIDE_CLIENT], r, FT_SIDE_CLIENT);
#pragma unroll
	for (int i = 0; i < FT_MIGRATIONS; i++) {
		n = ft_migrations_of(r, i);
		if (n)
			add(&cell->migrations[i], n);
	}

	at = id->connection;
	if (at == FT_TOTALS_NONE) {
		count_loss(FT_LOSS_TOTALS_FULL);
		return 0;
	}
	c = bpf_map_lookup_elem(&totals_connections, &at);
	if (!c)
		return 0;
	if (total != FT_NS_UNKNOWN) {
		add_hop_latency(c, FT_HOP_REQUEST, hop, total, cpu);
		if (ft_has_reply_hop(r))
			add_hop_latency(c, FT_HOP_REPLY, back, total, cpu);
	}
	add_pair(at, FT_PAIR_REQUEST, r->client_cpu, r->server_cpu);
	if (ft_has_reply_hop(r))
		add_pair(at, FT_PAIR_REPLY, r->reply_cpu, r->resume_cpu);
	if (ft_has_server_wakeup(r)) {
		add_pair(at, FT_PAIR_SERVER_PLACED, r->server_prev_cpu, r->server_target_cpu);
		add_pair(at, FT_PAIR_PICKED, r->server_target_cpu, r->server_cpu);
	}
	if (ft_has_client_wakeup(r))
		add_pair(at, FT_PAIR_CLIENT_PLACED, r->client_prev_cpu, r->client_target_cpu);
	return 0;
}
