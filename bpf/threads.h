/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that take part, as clients or servers, and the processes that have a FUSE device open. */
#ifndef FUSETRACE_THREADS_H
#define FUSETRACE_THREADS_H

#include "atomics.h"
#include "counters.h"
#include "rings.h"
#include "slot_layout.h"

/*
 * Hot fields first: they fill one cache line, which is all that a hook touches
 * of a thread that last ran on another CPU. (Task storage is four dependent
 * loads away from the task; on such a thread each of them misses.)
 */
struct thread {
	__u32 tid; /* 0: free */
	__u32 server; /* it has read a FUSE device, or its process has one open */
	ft_slot_ref sending; /* the request this thread queued last */
	ft_slot_ref waiting; /* its sync request: it is the client */
	ft_slot_ref woken; /* it was woken as a server for this one, and has not taken one since */
	ft_slot_ref serving; /* the request it took last */
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

struct threads_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its alignment to a page */
	__uint(max_entries, THREADS);
	__type(key, __u32);
	__type(value, struct thread);
};

extern struct threads_map threads SEC(".maps");

/* One bit for the lowest 16 of each tid in the table: 8 KiB that tell a stranger at once. */
extern __u64 thread_bits[THREADS / 64];

static __always_inline bool maybe_thread(__u32 tid)
{
	return ft_load(&thread_bits[tid / 64 & (THREADS / 64 - 1)]) >> (tid % 64) & 1;
}

static __always_inline struct thread *thread_find(__u32 tid)
{
	for (int i = 0; i < THREAD_PROBES; i++) {
		__u32 key = (tid + i) & (THREADS - 1);
		struct thread *t = bpf_map_lookup_elem(&threads, &key);

		if (t && ft_load(&t->tid) == tid)
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
		owner = ft_load(&t->tid);
		if (!owner)
			owner = ft_cas(&t->tid, 0, tid);
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
		ft_or(&thread_bits[tid / 64 & (THREADS / 64 - 1)], 1ull << (tid % 64));
	return t;
}

/* A thread has ended: its number may be another's tomorrow. */
static __always_inline void thread_forget(__u32 tid)
{
	__u64 *bits = &thread_bits[tid / 64 & (THREADS / 64 - 1)], bit = 1ull << (tid % 64);
	struct thread *t = thread_find(tid);
	bool shared = false;

	if (!t)
		return;
	__builtin_memset(&t->server, 0, sizeof(*t) - sizeof(t->tid));
	ft_publish(&t->tid, 0);
	/*
	 * The bit first, then a look at who shares it: thread_create() enters its thread
	 * and then looks at the bit. All four are full barriers, so that one of the two
	 * sees the other.
	 */
	ft_and(bits, ~bit);
	for (int i = 0; i < THREAD_PROBES; i++) {
		__u32 key = (tid + i) & (THREADS - 1);
		struct thread *other = bpf_map_lookup_elem(&threads, &key);
		__u32 number = other ? ft_load(&other->tid) : 0;

		if (number && (number & (THREADS - 1)) == (tid & (THREADS - 1)))
			shared = true;
	}
	if (shared)
		ft_or(bits, bit);
}

/*
 * Processes that have a FUSE device open, so that a thread which is woken
 * before it was ever seen to read is recognised. Filled by the iterator at the
 * start and by the first read of a new server.
 */
struct servers_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, __u32); /* unused */
};

extern struct servers_map servers SEC(".maps");

/* Current reads a FUSE device: it is a thread of a server. */
static __always_inline struct thread *known_server(struct task_struct *task)
{
	struct thread *t = thread_create(task->pid);
	__u32 tgid = task->tgid, one = 1;

	if (t && !t->server) {
		t->server = true;
		bpf_map_update_elem(&servers, &tgid, &one, BPF_ANY);
	}
	return t;
}

#define NAME_EVERY 64 /* requests of a thread between two looks at its name */

/* Tells user space who current is, and again when its name has changed. */
static __always_inline void announce(struct thread *t, struct task_struct *task)
{
	__u64 comm[2] = {};
	struct ft_task *info;

	if (keep_totals)
		return; /* nobody asks who it was */
	if (t->named) {
		t->named--;
		return;
	}
	bpf_get_current_comm(comm, sizeof(comm));
	if (t->comm[0] == comm[0] && t->comm[1] == comm[1]) {
		t->named = NAME_EVERY;
		return;
	}
	info = ring_reserve(sizeof(*info));
	if (!info)
		return; /* the ring is full: told with the next request */
	info->tid = task->pid;
	info->tgid = task->tgid;
	__builtin_memcpy(info->comm, comm, sizeof(comm));
	ring_submit(info);
	t->comm[0] = comm[0];
	t->comm[1] = comm[1];
	t->named = NAME_EVERY;
}

#endif /* FUSETRACE_THREADS_H */
