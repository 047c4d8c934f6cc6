/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The one header that the BPF programs and user space share: the record that
 * the kernel side emits for every finished request, the counters of what was
 * lost, and the bucket function of the histograms. It compiles as BPF C, as C
 * and as C++; the layout is fixed (asserted below), and a number that was
 * given to an enumerator is never given to another one.
 *
 * Units: every *_ns is CLOCK_MONOTONIC nanoseconds since boot
 * (bpf_ktime_get_ns()), 0 meaning unknown; a CPU is the kernel's number,
 * FT_CPU_UNKNOWN meaning unknown; a tid or tgid is the number in the initial
 * pid namespace, 0 meaning unknown.
 */
#ifndef FUSETRACE_H
#define FUSETRACE_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t ft_u8;
typedef uint16_t ft_u16;
typedef uint32_t ft_u32;
typedef uint64_t ft_u64;
typedef int32_t ft_s32;
#else
typedef unsigned char ft_u8;
typedef unsigned short ft_u16;
typedef unsigned int ft_u32;
typedef unsigned long long ft_u64;
typedef int ft_s32;
#endif

#ifdef __cplusplus
#define FT_ASSERT(cond, why) static_assert(cond, why)
#else
#define FT_ASSERT(cond, why) _Static_assert(cond, why)
#endif

#define FT_CPU_UNKNOWN 0xffffu

/* What a request is to its client (struct fuse_req flags). */
enum ft_kind {
	FT_KIND_SYNC = 0, /* a client sleeps until the reply */
	FT_KIND_ASYNC = 1, /* FR_BACKGROUND: nobody waits */
	FT_KIND_NOREPLY = 2, /* FORGET, INTERRUPT, notify replies: never answered */
};
#define FT_KINDS 3

/* How the request travelled to its server. */
enum ft_transport {
	FT_TRANSPORT_UNKNOWN = 0,
	FT_TRANSPORT_DEV = 1,
	FT_TRANSPORT_IO_URING = 2,
	FT_TRANSPORT_VIRTIOFS = 3,
	FT_TRANSPORT_CUSE = 4,
};
#define FT_TRANSPORTS 5

/* How the request met the thread that took it. */
enum ft_pickup {
	FT_PICKUP_UNKNOWN = 0,
	FT_PICKUP_WOKEN = 1, /* the taker was asleep and was woken for this request */
	FT_PICKUP_BUSY = 2, /* nobody was woken: a running server took it */
	FT_PICKUP_POACHED = 3, /* one server was woken for it, another one took it */
};
#define FT_PICKUPS 4

/* ft_request.flags. A *_KNOWN bit says that the bit beside it was observed. */
enum ft_request_flag {
	FT_F_SERVER_TARGET_IDLE_KNOWN = 1u << 0,
	FT_F_SERVER_TARGET_IDLE = 1u << 1, /* target CPU was idle at the wakeup */
	FT_F_CLIENT_TARGET_IDLE_KNOWN = 1u << 2,
	FT_F_CLIENT_TARGET_IDLE = 1u << 3,
	FT_F_SERVER_WAKE_FLAGS_KNOWN = 1u << 4,
	FT_F_SERVER_WAKE_SYNC = 1u << 5, /* WF_SYNC */
	FT_F_SERVER_WAKE_CURRENT_CPU = 1u << 6, /* WF_CURRENT_CPU */
	FT_F_CLIENT_WAKE_FLAGS_KNOWN = 1u << 7,
	FT_F_CLIENT_WAKE_SYNC = 1u << 8,
	FT_F_CLIENT_WAKE_CURRENT_CPU = 1u << 9,
	FT_F_CLIENT_NEVER_SLEPT = 1u << 10, /* the client was still on a CPU when the reply came */
	FT_F_INTERRUPTED = 1u << 11, /* FR_INTERRUPTED */
	FT_F_ABORTED = 1u << 12, /* FR_ABORTED */
	FT_F_RESENT = 1u << 13, /* picked up more than once */
	FT_F_STOLEN = 1u << 14, /* taken from another shard (kernels with sharded queues) */
	FT_F_SHARD_KNOWN = 1u << 15,
};

/*
 * One finished request. The points of its life are those of
 * docs/measurement.md. For kind async there is no client wake-up and no
 * resume; for noreply the life ends with the pickup.
 */
struct ft_request {
	ft_u64 queued_ns; /* put on the input queue */
	ft_u64 server_waking_ns; /* sched_waking of the thread woken for it */
	ft_u64 server_running_ns; /* that thread was switched in */
	ft_u64 picked_up_ns; /* a server thread took it */
	ft_u64 replied_ns; /* fuse_request_end() */
	ft_u64 client_waking_ns; /* sched_waking of the client */
	ft_u64 resumed_ns; /* the client was switched in */

	ft_u64 unique; /* fuse_in_header.unique; numbered by each connection for itself */
	ft_u64 nodeid; /* fuse_in_header.nodeid */

	ft_u32 connection; /* fuse_conn.dev: its number under the fusectl file system */
	ft_u32 opcode; /* enum fuse_opcode */
	ft_s32 error; /* fuse_out_header.error: 0 or a negative errno */
	ft_u32 bytes_in; /* fuse_in_header.len: client to server */
	ft_u32 bytes_out; /* fuse_out_header.len: server to client, 0 if none */

	ft_u32 client_tid; /* who queued it */
	ft_u32 server_tid; /* who took it */
	ft_u32 replier_tid; /* who ran fuse_request_end() */
	ft_u32 woken_tid; /* the server thread woken for it, 0 if none was */

	ft_u32 flags; /* enum ft_request_flag */

	ft_u16 client_cpu; /* at queued */
	ft_u16 server_cpu; /* at picked up */
	ft_u16 reply_cpu; /* at replied */
	ft_u16 resume_cpu; /* at resumed */

	ft_u16 server_prev_cpu; /* the CPU the woken server slept on */
	ft_u16 server_target_cpu; /* the CPU it was put on */
	ft_u16 server_waker_cpu; /* the CPU of the thread that woke it */
	ft_u16 client_prev_cpu;
	ft_u16 client_target_cpu;
	ft_u16 client_waker_cpu;

	ft_u16 shard; /* input queue, where the kernel has several (FT_F_SHARD_KNOWN) */
	ft_u16 reserved;

	ft_u8 kind; /* enum ft_kind */
	ft_u8 transport; /* enum ft_transport */
	ft_u8 pickup; /* enum ft_pickup */
	ft_u8 migrations_server_waiting; /* woken server, after placement and before pickup; saturates at 255 */
	ft_u8 migrations_server_serving; /* taker, picked up to replied; saturates */
	ft_u8 migrations_client_waiting; /* client, queued to resumed, its placement included; saturates */
	ft_u8 reserved2[2];
};
FT_ASSERT(sizeof(struct ft_request) == 144, "ft_request layout");

#define FT_COMM_LEN 16

/* A thread that took part; sent again when its name changes. */
struct ft_task {
	ft_u32 tid;
	ft_u32 tgid;
	char comm[FT_COMM_LEN]; /* NUL-terminated unless 16 bytes long */
};
FT_ASSERT(sizeof(struct ft_task) == 24, "ft_task layout");

/* The rings carry ft_request and ft_task, told apart by size. */

/* A FUSE device file that some process has open, as the start of a capture finds it. */
struct ft_open_device {
	ft_u32 tgid;
	ft_u32 fd;
	ft_u32 connection;
	ft_u32 cuse; /* 1: /dev/cuse, 0: /dev/fuse */
	ft_u32 max_background;
	ft_u32 congestion_threshold;
	ft_s32 waiting; /* requests queued or being served */
	ft_u32 reserved;
};
FT_ASSERT(sizeof(struct ft_open_device) == 32, "ft_open_device layout");

/* What a thread of a server does. */
enum ft_thread_state {
	FT_THREAD_IDLE = 0, /* asleep, and it serves nothing */
	FT_THREAD_RUNNING = 1, /* on a CPU, or waiting for one */
	FT_THREAD_SERVING = 2, /* asleep while it serves a request */
};

/* A thread of a process that has a FUSE device open, as a look at all threads finds it. */
struct ft_server_thread {
	ft_u32 tid;
	ft_u32 tgid;
	ft_u32 taken; /* requests it took, modulo 2^32; 0 unless running totals are kept */
	ft_u16 cpu; /* where it runs, or ran last */
	ft_u8 state; /* enum ft_thread_state */
	ft_u8 reserved;
	char comm[FT_COMM_LEN];
};
FT_ASSERT(sizeof(struct ft_server_thread) == 32, "ft_server_thread layout");

/*
 * The ways to lose a request or a part of what is known of it. Counted per
 * CPU in the kernel, or in user space where it says so. Append only.
 */
enum ft_loss {
	FT_LOSS_RING_FULL = 0, /* finished request, no room in the ring */
	FT_LOSS_TABLE_FULL = 1, /* request not followed: the in-flight table had no slot */
	FT_LOSS_TASK_FULL = 2, /* thread state could not be allocated: its scheduling is unknown */
	FT_LOSS_RECURSION = 3, /* program runs skipped by the kernel's recursion protection, and none stood in (bpf_prog_info.recursion_misses; user space) */
	FT_LOSS_UNMATCHED_PICKUP = 4, /* a server took something that could not be matched to its request: that pickup is unknown */
	FT_LOSS_UNREADABLE = 5, /* a request's header could not be read or made no sense */
	FT_LOSS_CLOCK_BACKWARDS = 6, /* a point earlier than the one before it: that stage is left unknown */
	FT_LOSS_TOTALS_FULL = 7, /* running totals had no cell for it */
	FT_LOSS_UNKNOWN_RECORD = 8, /* user space met a ring record of a size it does not know */
};
#define FT_LOSSES 9

/* Requests that cannot be timed whole, without anything being lost. */
enum ft_incomplete {
	FT_INCOMPLETE_BEFORE_START = 0, /* ended in it, queued before the capture or while a program was skipped */
	FT_INCOMPLETE_UNANSWERED = 1, /* queued in it, still open at its end (user space) */
	FT_INCOMPLETE_ABANDONED = 2, /* the client was killed before a server took it */
};
#define FT_INCOMPLETES 3

#define FT_MAX_CPUS 1024 /* CPUs beyond share the counters of those below */

enum ft_idle {
	FT_IDLE_UNKNOWN = 0,
	FT_IDLE_NO = 1,
	FT_IDLE_YES = 2,
};

/* What the programs count on one CPU, mapped into user space; a cache line to itself. */
struct ft_cpu_state {
	ft_u64 lost[FT_LOSSES];
	ft_u64 incomplete[FT_INCOMPLETES];
	ft_u64 stood_in; /* returns of reads for which the kernel had skipped the first program */
	ft_u32 idle; /* enum ft_idle: what the last switch on this CPU went to; other CPUs read it */
	ft_u32 sender __attribute__((aligned(64))); /* thread that last queued a request here */
};
FT_ASSERT(sizeof(struct ft_cpu_state) == 192, "ft_cpu_state layout");

/*
 * A request in flight (the value of the map slots). One cache line is written
 * by the thread that queues, one by the one that serves, one at its end: on two
 * CPUs every line that both write travels twice, and that travel is most of
 * what tracing a request costs.
 */
struct ft_slot {
	ft_u64 req; /* address of struct fuse_req, 0: free */
	ft_u64 client; /* address of the client's task_struct, 0 unless kind sync */
	ft_u64 queued_ns;
	ft_u64 server_waking_ns;
	ft_u32 seq; /* changes with every owner, never 0; odd once somebody hands the record over */
	ft_u32 client_tid;
	ft_u32 woken_tid;
	ft_u32 connection;
	ft_u16 opcode;
	ft_u16 client_cpu;
	ft_u16 server_prev_cpu;
	ft_u16 server_target_cpu;
	ft_u16 server_waker_cpu;
	ft_u16 flags; /* enum ft_request_flag */
	ft_u8 kind;
	ft_u8 wanted; /* passed the filter by process, as client or as server */
	ft_u8 migrations_client_waiting;
	ft_u8 migrations_server_waiting;

	ft_u64 server_running_ns; /* valid only while running_seq equals seq */
	ft_u32 running_seq; /* both written by the woken thread, which need not be the one that serves */

	ft_u32 served_seq; /* from here on valid only while it equals seq */
	ft_u64 picked_up_ns;
	ft_u64 replied_ns;
	ft_u64 client_waking_ns;
	ft_u32 server_tid;
	ft_u32 replier_tid;
	ft_u16 server_cpu;
	ft_u16 reply_cpu;
	ft_u16 client_prev_cpu;
	ft_u16 client_target_cpu;
	ft_u16 client_waker_cpu;
	ft_u16 served_flags; /* enum ft_request_flag, joined with flags */
	ft_u8 transport;
	ft_u8 migrations_server_serving;
	ft_u16 shard; /* ft_request.shard */

	/*
	 * What struct fuse_req keeps, saved when the request ends: before its
	 * client's return is seen the client may be gone, and the request
	 * freed. Valid only while saved_seq equals seq.
	 */
	ft_u64 unique;
	ft_u64 nodeid;
	ft_u64 req_flags;
	ft_u32 bytes_in;
	ft_u32 bytes_out;
	ft_s32 error;
	ft_u32 saved_seq;
	ft_u8 reserved2[24];
};
FT_ASSERT(sizeof(struct ft_slot) == 192, "ft_slot layout: three cache lines");

/*
 * Fills r with what the slot knows of its owner number seq; the fields that
 * struct fuse_req keeps stay 0.
 */
static inline __attribute__((always_inline)) void ft_slot_record(const struct ft_slot *s, ft_u32 seq,
								 struct ft_request *r)
{
	ft_u32 served = s->served_seq == seq;

	__builtin_memset(r, 0, sizeof(*r));
	r->queued_ns = s->queued_ns;
	r->server_waking_ns = s->server_waking_ns;
	r->connection = s->connection;
	r->opcode = s->opcode;
	r->client_tid = s->client_tid;
	r->woken_tid = s->woken_tid;
	r->flags = s->flags;
	r->client_cpu = s->client_cpu;
	r->server_prev_cpu = s->server_prev_cpu;
	r->server_target_cpu = s->server_target_cpu;
	r->server_waker_cpu = s->server_waker_cpu;
	r->kind = s->kind;
	r->migrations_client_waiting = s->migrations_client_waiting;
	r->migrations_server_waiting = s->migrations_server_waiting;
	r->server_cpu = FT_CPU_UNKNOWN;
	r->reply_cpu = FT_CPU_UNKNOWN;
	r->resume_cpu = FT_CPU_UNKNOWN;
	r->client_prev_cpu = FT_CPU_UNKNOWN;
	r->client_target_cpu = FT_CPU_UNKNOWN;
	r->client_waker_cpu = FT_CPU_UNKNOWN;
	r->transport = FT_TRANSPORT_DEV;
	/* The time may yet be that of the slot's former owner, whose server was switched in late. */
	if (s->running_seq == seq && s->server_running_ns >= s->server_waking_ns)
		r->server_running_ns = s->server_running_ns;
	if (!served)
		return;
	r->picked_up_ns = s->picked_up_ns;
	r->replied_ns = s->replied_ns;
	r->client_waking_ns = s->client_waking_ns;
	r->server_tid = s->server_tid;
	r->replier_tid = s->replier_tid;
	r->flags |= s->served_flags;
	r->server_cpu = s->server_cpu;
	r->reply_cpu = s->reply_cpu;
	r->client_prev_cpu = s->client_prev_cpu;
	r->client_target_cpu = s->client_target_cpu;
	r->client_waker_cpu = s->client_waker_cpu;
	r->migrations_server_serving = s->migrations_server_serving;
	r->transport = s->transport;
	r->shard = s->shard;
	if (r->replied_ns && r->picked_up_ns > r->replied_ns) {
		/*
		 * Aborted while the read that took it returned: nobody serves it. Where the
		 * reply was there to be seen, handle_picked_up() has not written this.
		 */
		r->picked_up_ns = 0;
		r->server_tid = 0;
		r->server_cpu = FT_CPU_UNKNOWN;
	}
	if (!r->picked_up_ns)
		return;
	if (s->woken_tid == 0)
		r->pickup = FT_PICKUP_BUSY;
	else if (s->woken_tid == s->server_tid)
		r->pickup = FT_PICKUP_WOKEN;
	else
		r->pickup = FT_PICKUP_POACHED;
}

/* Adds what was saved of struct fuse_req, its flags (req_flags, as the kernel numbers them) aside. */
static inline __attribute__((always_inline)) void ft_slot_saved(const struct ft_slot *s,
								struct ft_request *r)
{
	r->unique = s->unique;
	r->nodeid = s->nodeid;
	r->bytes_in = s->bytes_in;
	if (s->kind != FT_KIND_NOREPLY) {
		r->error = s->error;
		r->bytes_out = s->bytes_out;
	}
}

/* Whether a request is in a sample of one in n: whole requests, chosen by hash. */
static inline __attribute__((always_inline)) ft_u32 ft_sampled(ft_u32 connection, ft_u64 unique,
							       ft_u32 n)
{
	ft_u64 hash = (unique ^ ((ft_u64)connection << 32)) * 0x9E3779B97F4A7C15ull;

	return n <= 1 || (hash >> 32) % n == 0;
}

/*
 * Log-linear histogram of nanoseconds, 32 buckets an octave: values below 32
 * have a bucket each, above that a bucket spans 1/32 of its octave, so that
 * its middle is at most 1/64 (1.6 %) from any value in it. The last bucket
 * takes everything from 2^40 ns (18 minutes) up.
 */
#define FT_HIST_SUB_BITS 5
#define FT_HIST_SUB (1u << FT_HIST_SUB_BITS)
#define FT_HIST_MAX_EXP 40
#define FT_HIST_BUCKETS ((FT_HIST_MAX_EXP - FT_HIST_SUB_BITS + 1) * FT_HIST_SUB + 1)

static inline __attribute__((always_inline)) ft_u32 ft_hist_bucket(ft_u64 ns)
{
	ft_u32 exp = 0;
	ft_u64 v = ns;

	if (ns >= (1ull << FT_HIST_MAX_EXP))
		return FT_HIST_BUCKETS - 1;
	if (ns < FT_HIST_SUB)
		return (ft_u32)ns;
	/* Position of the highest bit; BPF has no instruction for it. */
	if (v >> 32) {
		exp += 32;
		v >>= 32;
	}
	if (v >> 16) {
		exp += 16;
		v >>= 16;
	}
	if (v >> 8) {
		exp += 8;
		v >>= 8;
	}
	if (v >> 4) {
		exp += 4;
		v >>= 4;
	}
	if (v >> 2) {
		exp += 2;
		v >>= 2;
	}
	if (v >> 1)
		exp += 1;
	return (exp - FT_HIST_SUB_BITS + 1) * FT_HIST_SUB +
	       (ft_u32)((ns >> (exp - FT_HIST_SUB_BITS)) & (FT_HIST_SUB - 1));
}

/* Running totals; every number of an enumerator indexes a table of src/model too. */

enum ft_distance {
	FT_DISTANCE_SAME_CPU = 0,
	FT_DISTANCE_SAME_CORE = 1,
	FT_DISTANCE_SAME_LLC = 2,
	FT_DISTANCE_SAME_NODE = 3,
	FT_DISTANCE_CROSS_NODE = 4,
	FT_DISTANCE_UNKNOWN = 5,
};
#define FT_DISTANCES 6

enum ft_stage {
	FT_STAGE_QUEUE = 0,
	FT_STAGE_WAKEUP = 1,
	FT_STAGE_SERVICE = 2,
	FT_STAGE_RETURN = 3,
	FT_STAGE_TOTAL = 4,
};
#define FT_STAGES 5

#define FT_MIGRATIONS 4
#define FT_WAKEUPS (4 * 3 * 4) /* placement, idleness of the target, hint */

/* Pairs of CPUs that are counted for each connection. */
enum ft_pair {
	FT_PAIR_REQUEST = 0, /* client to server */
	FT_PAIR_REPLY = 1, /* replier to client */
	FT_PAIR_SERVER_PLACED = 2, /* slept on, put on */
	FT_PAIR_CLIENT_PLACED = 3,
	FT_PAIR_PICKED = 4, /* woken server put on, picked up on */
};
#define FT_PAIRS 5

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
	ft_u64 hops[2][FT_DISTANCES]; /* request, reply */
	ft_u64 wakeups[2][FT_WAKEUPS]; /* server, client */
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
	ft_u32 latency[2 * FT_DISTANCES]; /* by hop and distance: row of totals_latencies, 0: none yet */
};

/* Numbers that are equal for CPUs that share the thing. */
struct ft_cpu_place {
	ft_u32 core;
	ft_u32 llc;
	ft_u32 node;
	ft_u32 known;
};

#endif /* FUSETRACE_H */
