/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs keep: settings fixed before load, one slot for every
 * request in flight, a little state for every thread that takes part, and
 * per-CPU counters.
 */
#ifndef FUSETRACE_STATE_H
#define FUSETRACE_STATE_H

/* --- settings: read-only data, set before load ---------------------------- */

#define MAX_FILTER 16

const volatile __u32 slot_mask = 32768 - 1; /* slots - 1, a power of two minus one */
const volatile __u32 filter_connections_n;
const volatile __u32 filter_connections[MAX_FILTER];
const volatile __u32 filter_tgids_n;
const volatile __u32 filter_tgids[MAX_FILTER];
const volatile __u32 filter_cgroups_n;
const volatile bool filter_opcodes;
const volatile __u64 filter_opcode_bits[2]; /* opcodes below 128; others never pass a filter */
const volatile __u32 sample_n = 1;
const volatile bool preemptible; /* programs can be preempted: then counting is atomic */

const volatile bool requests_told; /* fuse_request_sent tells of the pickup of requests */

extern void bpf_preempt_disable(void) __ksym __weak; /* since 6.10 */
extern void bpf_preempt_enable(void) __ksym __weak;

/*
 * Where a program can be preempted, the kernel skips it for all who come to its hook on
 * that CPU meanwhile. Between these two it cannot; what is left is the moment before the
 * first, and the second itself, where a task goes whose CPU was wanted meanwhile.
 */
static __always_inline bool hold_cpu(void)
{
	if (!preemptible || !bpf_preempt_disable || !bpf_preempt_enable)
		return false;
	bpf_preempt_disable();
	return true;
}

static __always_inline void release_cpu(bool held)
{
	if (held)
		bpf_preempt_enable();
}

#define UNPREEMPTED(statement)            \
	do {                              \
		bool __held = hold_cpu(); \
		statement;                \
		release_cpu(__held);      \
	} while (0)

/* Set by user space once everything is attached, cleared before detaching. */
bool enabled;
/* Set when the slot table was full once: a later end without a slot may be its doing. */
bool table_was_full;

/*
 * A typed pointer as a number. The verifier refuses arithmetic on it, but the
 * difference of two pointers is a number, and this variable holds its own
 * address (written by iter_devices, which runs first).
 */
__u64 own_address;

static __always_inline __u64 address_of(const void *pointer)
{
	__u64 difference = (__u64)pointer;

	asm volatile("%0 -= %1"
		     : "+r"(difference)
		     : "r"(&own_address));
	return difference + own_address;
}

/* --- per-CPU ---------------------------------------------------------------- */

struct ft_cpu_state cpus[FT_MAX_CPUS] __attribute__((aligned(64)));

static __always_inline struct ft_cpu_state *this_cpu(void)
{
	return &cpus[bpf_get_smp_processor_id() & (FT_MAX_CPUS - 1)];
}

static __always_inline void count_loss(enum ft_loss reason)
{
	__sync_fetch_and_add(&this_cpu()->lost[reason], 1);
}

static __always_inline void count_incomplete(enum ft_incomplete what)
{
	__sync_fetch_and_add(&this_cpu()->incomplete[what], 1);
}

static __always_inline void count_stood_in(void)
{
	__sync_fetch_and_add(&this_cpu()->stood_in, 1);
}

/* --- requests in flight ------------------------------------------------------ */

/*
 * A slot belongs to the request whose address is in req. The table is an
 * array with open addressing by that address: two loads where a hash map takes
 * a bucket lock twice, and it cannot grow. seq changes with every owner, so
 * that a thread that remembers a slot notices when it is somebody else's.
 * Mapped into user space, which counts those still open at the end.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct ft_slot);
} slots SEC(".maps");

#define PROBES 8

static __always_inline __u32 slot_hash(__u64 req)
{
	return (__u32)((req * 0x9E3779B97F4A7C15ull) >> 40);
}

/*
 * The slot of this request; *index becomes its number. An odd seq is that of an
 * owner whose record is just being handed over: its struct fuse_req may be
 * another's by now.
 */
static __always_inline struct ft_slot *slot_find(__u64 req, __u32 *index)
{
	__u32 hash = slot_hash(req);

	for (int i = 0; i < PROBES; i++) {
		__u32 key = (hash + i) & slot_mask;
		struct ft_slot *s = bpf_map_lookup_elem(&slots, &key);

		if (s && s->req == req && !(s->seq & 1)) {
			*index = key;
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

		if (s && s->req == 0 && __sync_val_compare_and_swap(&s->req, 0, req) == 0) {
			*index = key;
			return s;
		}
	}
	return NULL;
}

/* Whether the half of the slot that servers write is about this request, and not an earlier one. */
static __always_inline bool is_served(const struct ft_slot *s)
{
	return s->served_seq == s->seq;
}

static __always_inline bool is_picked_up(const struct ft_slot *s)
{
	return is_served(s) && s->picked_up_ns;
}

static __always_inline bool is_replied(const struct ft_slot *s)
{
	return is_served(s) && s->replied_ns;
}

/* The thread that was woken for it has been switched in. */
static __always_inline bool is_running(const struct ft_slot *s)
{
	return s->running_seq == s->seq;
}

/* Before the first write to that half, by the thread that takes or ends the request. */
static __always_inline void begin_served(struct ft_slot *s)
{
	if (is_served(s))
		return;
	__builtin_memset(&s->picked_up_ns, 0,
			 offsetof(struct ft_slot, unique) - offsetof(struct ft_slot, picked_up_ns));
	s->server_cpu = FT_CPU_UNKNOWN;
	s->reply_cpu = FT_CPU_UNKNOWN;
	s->client_prev_cpu = FT_CPU_UNKNOWN;
	s->client_target_cpu = FT_CPU_UNKNOWN;
	s->client_waker_cpu = FT_CPU_UNKNOWN;
	s->transport = FT_TRANSPORT_DEV;
	s->served_seq = s->seq;
}

/* --- threads that take part ---------------------------------------------------- */

/* A slot as a thread remembers it. */
struct slot_ref {
	__u32 index;
	__u32 seq; /* 0: none; slots count from 1 */
};

/*
 * Hot fields first: they fill one cache line, which is all that a hook touches
 * of a thread that last ran on another CPU. (Task storage is four dependent
 * loads away from the task; on such a thread each of them misses.)
 */
struct thread {
	__u32 tid; /* 0: free */
	__u32 server; /* it has read a FUSE device, or its process has one open */
	struct slot_ref sending; /* the request this thread queued last */
	struct slot_ref waiting; /* its sync request: it is the client */
	struct slot_ref woken; /* it was woken as a server for this one, and has not taken one since */
	struct slot_ref serving; /* the request it took last */
	int fd; /* the FUSE device it reads, -1: not seen yet */
	__u32 connection;
	__u64 processing; /* address of that device's hash of requests being served */
	__u32 device; /* FUSE_DEV or CUSE_DEV */
	union {
		__u32 named; /* requests until its name is compared again */
		__u32 taken; /* requests it took, where running totals are kept: those have no names */
	};

	__u64 reading; /* struct fuse_copy_state of the read it is in (kprobes only) */
	__u64 spliced_ns; /* it spliced a request into a pipe then, and has not read it yet */
	__u32 spliced_len;
	__u32 spliced_cpu;
	__u64 comm[2]; /* as last told to user space */
	__u64 seen_read; /* number of its read whose return was seen last */
	__u64 pad[2];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct thread) == 128, "two cache lines");

#define THREADS 65536 /* threads that take part at a time; 8 MiB */
#define THREAD_PROBES 4

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its alignment to a page */
	__uint(max_entries, THREADS);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

/* One bit for the lowest 16 of each tid in the table: 8 KiB that tell a stranger at once. */
__u64 thread_bits[THREADS / 64] __attribute__((aligned(64)));

static __always_inline bool maybe_thread(__u32 tid)
{
	return thread_bits[tid / 64 & (THREADS / 64 - 1)] >> (tid % 64) & 1;
}

static __always_inline struct thread *thread_find(__u32 tid)
{
	for (int i = 0; i < THREAD_PROBES; i++) {
		__u32 key = (tid + i) & (THREADS - 1);
		struct thread *t = bpf_map_lookup_elem(&threads, &key);

		if (t && t->tid == tid)
			return t;
	}
	return NULL;
}

static __always_inline struct thread *thread_lookup(__u32 tid)
{
	return maybe_thread(tid) ? thread_find(tid) : NULL;
}

/* Finds or makes the entry; NULL, counted, when all its places are taken. */
static __always_inline struct thread *thread_create(__u32 tid)
{
	struct thread *t = thread_find(tid);
	__u32 owner;

	for (int i = 0; !t && i < THREAD_PROBES; i++) {
		__u32 key = (tid + i) & (THREADS - 1);

		t = bpf_map_lookup_elem(&threads, &key);
		if (!t)
			return NULL;
		owner = t->tid;
		if (!owner)
			owner = __sync_val_compare_and_swap(&t->tid, 0, tid);
		if (!owner)
			t->fd = -1;
		else if (owner != tid) /* else another CPU was faster, for the same thread */
			t = NULL;
	}
	if (!t) {
		count_loss(FT_LOSS_TASK_FULL);
		return NULL;
	}
	if (!maybe_thread(tid))
		__sync_fetch_and_or(&thread_bits[tid / 64 & (THREADS / 64 - 1)], 1ull << (tid % 64));
	return t;
}

/* A thread has ended: its number may be another's tomorrow. */
static __always_inline void thread_forget(__u32 tid)
{
	struct thread *t = thread_find(tid);
	bool shared = false;

	if (!t)
		return;
	__builtin_memset(&t->server, 0, sizeof(*t) - sizeof(t->tid));
	t->tid = 0;
	for (int i = 0; i < THREAD_PROBES; i++) {
		__u32 key = (tid + i) & (THREADS - 1);
		struct thread *other = bpf_map_lookup_elem(&threads, &key);

		if (other && other->tid && (other->tid & (THREADS - 1)) == (tid & (THREADS - 1)))
			shared = true;
	}
	if (!shared)
		__sync_fetch_and_and(&thread_bits[tid / 64 & (THREADS / 64 - 1)], ~(1ull << (tid % 64)));
}

static __always_inline struct ft_slot *slot_of(const struct slot_ref *ref)
{
	__u32 key = ref->index;
	struct ft_slot *s;

	if (!ref->seq)
		return NULL;
	s = bpf_map_lookup_elem(&slots, &key);
	return s && s->seq == ref->seq && s->req ? s : NULL;
}

/*
 * Processes that have a FUSE device open, so that a thread which is woken
 * before it was ever seen to read is recognised. Filled by the iterator at the
 * start and by the first read of a new server.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, __u32); /* unused */
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, MAX_FILTER);
	__type(key, __u32);
	__type(value, __u32);
} cgroups SEC(".maps");

/*
 * Reads memory by its address like a typed pointer, at the cost of a plain
 * load: bpf_rdonly_cast() since 6.2, before that a helper call.
 */
extern void *bpf_rdonly_cast(void *object, __u32 type) __ksym __weak;

#define read_as(result, type, address, field, as)                                              \
	({                                                                                     \
		__u64 __address = (__u64)(address);                                            \
		if (bpf_rdonly_cast) {                                                         \
			type *__typed = bpf_rdonly_cast((void *)__address,                     \
							bpf_core_type_id_kernel(type));        \
			(result) = as(__typed->field);                                         \
		} else {                                                                       \
			bpf_core_read(&(result), sizeof(result), &((type *)__address)->field); \
		}                                                                              \
	})

#define read_field(result, type, address, field) \
	read_as(result, type, address, field, (__typeof__(result)))

/* A field that is itself a pointer: as a number. */
#define read_address(result, type, address, field) \
	read_as(result, type, address, field, address_of)

/*
 * struct fuse_req among the kernel's own types; 0 where FUSE is a module, whose types
 * cannot be cast to. Not by a relocation: several modules may have that type.
 */
const volatile __u32 fuse_req_type;

#define read_fuse_req(result, address, field)                                      \
	({                                                                         \
		__u64 __address = (__u64)(address);                                \
		if (bpf_rdonly_cast && fuse_req_type) {                            \
			struct fuse_req *__typed =                                 \
				bpf_rdonly_cast((void *)__address, fuse_req_type); \
			(result) = (__typeof__(result))__typed->field;             \
		} else {                                                           \
			bpf_core_read(&(result), sizeof(result),                   \
				      &((struct fuse_req *)__address)->field);     \
		}                                                                  \
	})

/* --- the way out ------------------------------------------------------------------ */

/* One ring a CPU (or for several), so that producers do not meet; made by user space. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

const volatile __u32 rings_n = 1;

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

#endif /* FUSETRACE_STATE_H */
