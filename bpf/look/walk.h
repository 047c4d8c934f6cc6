/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk over the lists of one connection: what is queued, held back, and
 * with the server, who sleeps on the wait queues, and, on request, who waits
 * for the lock of an inode.
 *
 * No lock is taken: every list may change under the walk. An element is taken
 * only when its list points back at where the walk came from and when it names
 * this connection as its owner. When either fails the list is begun anew, up
 * to twice, and then counted as torn. All memory is read with
 * bpf_probe_read_kernel(), which fails on an address that is not mapped, and
 * the number of steps is bounded.
 */
#ifndef FUSETRACE_WALK_H
#define FUSETRACE_WALK_H

#include "kernel.h"
#include "look/walk_types.h"
#define __VMLINUX_H__ /* the kernel's names of registers, as in kernel.h */
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "look/open_requests.h"

#define WALK_STEPS (1u << 20)
#define WALK_ATTEMPTS 3
#define WALK_WAITERS 64

/* What the walks found, for user space to read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* ft_open_request.address */
	__type(value, struct ft_open_request);
} open_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* ft_open_connection.address */
	__type(value, struct ft_open_connection);
} open_connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64); /* task_struct */
	__type(value, struct ft_wait);
} waits SEC(".maps");

__u64 requests_not_kept; /* a map was full */
bool walk_inodes; /* set by user space: who waits for the lock of an inode too */

/* One look runs at a time, so one scratch record is enough; it is too large for the stack. */
static struct ft_open_request scratch;

enum walk_phase {
	WALK_PENDING,
	WALK_BACKGROUND,
	WALK_ADMISSION,
	WALK_DEVICE,
	WALK_DEVICE_IO,
	WALK_DEVICE_BUCKET,
	WALK_RING,
	WALK_RING_PENDING,
	WALK_RING_BACKGROUND,
	WALK_RING_ENTRIES,
	WALK_RING_BUCKET,
	WALK_MOUNTS,
	WALK_INODES,
	WALK_DONE,
};

struct walk {
	__u64 channel; /* the structure with the queues */
	__u64 conn; /* struct fuse_conn */
	__u64 head; /* list that is being walked; 0: the next one is to be chosen */
	__u64 position;
	__u64 outer_head; /* list of devices or mounts */
	__u64 outer; /* the device or mount on it */
	__u64 object; /* struct fuse_dev, fuse_ring_queue or super_block that head belongs to */
	__u64 queues;
	__u32 queues_n;
	__u32 connection;
	__u32 phase; /* enum walk_phase: what comes after this list */
	__u32 list; /* enum ft_open_list, FT_WALK_TASKS or FT_WALK_INODES: what is on it */
	__u32 bucket;
	__u32 attempt;
	__u32 requests;
	__u32 admission_waiters;
	__u32 devices;
	__u32 torn;
};
#define FT_WALK_TASKS 100u
#define FT_WALK_INODES 101u
#define FT_WALK_ENTRIES 102u

/*
 * In a map, not on the stack: what the verifier knows nothing about it does not
 * follow through every turn of the loop.
 */
static struct walk walk;

/* By 7.3 the queues of a connection are in struct fuse_chan. */
#define HAS_CHANNEL (!bpf_core_field_exists(((struct fuse_dev *)0)->fc))
#define CHANNEL_MEMBER(channel, member) \
	(HAS_CHANNEL ? (__u64) & ((struct fuse_chan___open *)(channel))->member : (__u64) & ((struct fuse_conn___open *)(channel))->member)
#define CHANNEL_READ(channel, member)                                                        \
	({                                                                                   \
		struct fuse_chan___open *__chan = (void *)(channel);                         \
		struct fuse_conn___open *__conn = (void *)(channel);                         \
		HAS_CHANNEL ? BPF_CORE_READ(__chan, member) : BPF_CORE_READ(__conn, member); \
	})

static __always_inline bool is_kernel_address(__u64 address)
{
	return address >> 63 && address < -4096ull;
}

static __always_inline __u64 read_pointer(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* Where in in_args the name of a file stands; -1: such a request names none. */
static __always_inline int name_argument(__u32 opcode)
{
	switch (opcode) {
	case 1: /* LOOKUP */
	case 6: /* SYMLINK */
	case 10: /* UNLINK */
	case 11: /* RMDIR */
	case 24: /* REMOVEXATTR: behind an empty argument on kernels with "fuse_set_zero_arg0" */
		return 0;
	case 8: /* MKNOD */
	case 9: /* MKDIR */
	case 12: /* RENAME: the old name */
	case 13: /* LINK */
	case 21: /* SETXATTR */
	case 22: /* GETXATTR */
	case 35: /* CREATE */
	case 45: /* RENAME2 */
	case 51: /* TMPFILE */
		return 1;
	}
	return -1;
}

static __always_inline void read_arguments(struct fuse_req___open *req)
{
	struct fuse_args___open *args = BPF_CORE_READ(req, args);
	__u32 opcode = scratch.opcode;
	int index = name_argument(opcode);
	__u64 value;

	if (!is_kernel_address((__u64)args))
		return;
	if (opcode == 15 || opcode == 16) { /* READ, WRITE: fh, offset, size in both */
		value = (__u64)BPF_CORE_READ(args, in_args[0].value);
		if (bpf_probe_read_kernel(&scratch.offset, 8, (void *)(value + 8)) == 0 &&
		    bpf_probe_read_kernel(&scratch.size, 4, (void *)(value + 16)) == 0)
			scratch.flags |= FT_OPEN_RANGE;
		return;
	}
	if (index < 0)
		return;
	if (index == 0 && BPF_CORE_READ(args, in_args[0].size) != 0)
		value = (__u64)BPF_CORE_READ(args, in_args[0].value);
	else
		value = (__u64)BPF_CORE_READ(args, in_args[1].value);
	if (is_kernel_address(value))
		bpf_probe_read_kernel_str(scratch.name, sizeof(scratch.name), (void *)value);
}

static __always_inline void add_wait(__u64 task, __u64 what, __u64 nodeid, __u32 kind,
				     __u32 connection)
{
	struct ft_wait wait = {
		.what = what, .nodeid = nodeid, .kind = kind, .connection = connection};

	if (!is_kernel_address(task))
		return;
	if (bpf_map_update_elem(&waits, &task, &wait, BPF_ANY) != 0)
		requests_not_kept++;
}

static __always_inline bool is_of_connection(const struct walk *w, struct fuse_req___open *req)
{
	if (HAS_CHANNEL)
		return (__u64)BPF_CORE_READ((struct fuse_req___chan *)req, chan) == w->channel;
	return (__u64)BPF_CORE_READ(req, fm, fc) == w->conn;
}

static __always_inline bool take_request(struct walk *w, __u64 node)
{
	struct fuse_req___open *req =
		(void *)(node - bpf_core_field_offset(struct fuse_req___open, list));
	__u64 key = (__u64)req, flags, waiters, first;

	if (!is_of_connection(w, req))
		return false;
	__builtin_memset(&scratch, 0, sizeof(scratch));
	flags = BPF_CORE_READ(req, flags);
	if (flags & (1ull << FR_BIT_FINISHED))
		return true;
	scratch.address = key;
	scratch.connection = w->connection;
	scratch.list = w->list == FT_WALK_ENTRIES ? FT_OPEN_RING_PROCESSING : w->list;
	scratch.unique = BPF_CORE_READ(req, in.h.unique);
	scratch.nodeid = BPF_CORE_READ(req, in.h.nodeid);
	scratch.opcode = BPF_CORE_READ(req, in.h.opcode);
	scratch.uid = BPF_CORE_READ(req, in.h.uid);
	scratch.issuer = BPF_CORE_READ(req, in.h.pid);
	if (bpf_core_field_exists(req->create_time))
		scratch.created_jiffies = BPF_CORE_READ(req, create_time);
	if (flags & (1ull << FR_BIT_BACKGROUND))
		scratch.flags |= FT_OPEN_IN_BACKGROUND;
	if (flags & (1ull << FR_BIT_INTERRUPTED))
		scratch.flags |= FT_OPEN_INTERRUPTED;
	if (flags & (1ull << FR_BIT_SENT))
		scratch.flags |= FT_OPEN_SENT;
	if (flags & (1ull << FR_BIT_LOCKED))
		scratch.flags |= FT_OPEN_LOCKED;
	if (flags & (1ull << FR_BIT_ISREPLY))
		scratch.flags |= FT_OPEN_EXPECTS_REPLY;
	if (w->list == FT_OPEN_IO || w->list == FT_OPEN_PROCESSING)
		scratch.device = w->object;
	if (w->list >= FT_OPEN_RING_PENDING && bpf_core_field_exists(req->ring_entry)) {
		struct fuse_ring_ent___open *entry = BPF_CORE_READ(req, ring_entry);
		struct fuse_ring_queue___open *queue = (void *)w->object;

		scratch.ring_queue = BPF_CORE_READ(queue, qid);
		if (is_kernel_address((__u64)entry) && BPF_CORE_READ(entry, state) == FRRS_USERSPACE)
			scratch.flags |= FT_OPEN_RING_FETCHED;
	}
	read_arguments(req);

	waiters = (__u64)&req->waitq.head;
	first = read_pointer(waiters);
	if (is_kernel_address(first) && first != waiters) {
		struct wait_queue_entry___open *entry =
			(void *)(first - bpf_core_field_offset(struct wait_queue_entry___open, entry));

		scratch.waiter = (__u64)BPF_CORE_READ(entry, private);
		add_wait(scratch.waiter, key, scratch.nodeid, FT_WAIT_REQUEST, w->connection);
	}
	if (bpf_map_update_elem(&open_requests, &key, &scratch, BPF_ANY) != 0)
		requests_not_kept++;
	w->requests++;
	return true;
}

static __always_inline bool take_admission_waiter(struct walk *w, __u64 node)
{
	struct wait_queue_entry___open *entry =
		(void *)(node - bpf_core_field_offset(struct wait_queue_entry___open, entry));

	add_wait((__u64)BPF_CORE_READ(entry, private), 0, 0, FT_WAIT_ADMISSION, w->connection);
	w->admission_waiters++;
	return true;
}

/* Notes all who wait for one lock: they are on a list from waiter to waiter. */
static __always_inline void take_lock(struct walk *w, __u64 head, __u64 first, __u64 task_offset,
				      __u64 owner, __u64 nodeid)
{
	__u64 waiter = first;

	if (!is_kernel_address(waiter) || waiter == head)
		return;
	if (!head)
		head = waiter;
	for (int i = 0; i < WALK_WAITERS; i++) {
		/* list is the first member of a waiter; the lowest bits of the owner are flags */
		add_wait(read_pointer(waiter + task_offset), owner & ~7ull, nodeid, FT_WAIT_INODE,
			 w->connection);
		waiter = read_pointer(waiter);
		if (!is_kernel_address(waiter) || waiter == head)
			break;
	}
}

static __always_inline bool take_inode(struct walk *w, __u64 node)
{
	struct inode___open *inode =
		(void *)(node - bpf_core_field_offset(struct inode___open, i_sb_list));
	struct fuse_inode___open *of_fuse = (void *)inode;
	__u64 first, head = 0, nodeid;

	if ((__u64)BPF_CORE_READ(inode, i_sb) != w->object)
		return false;
	nodeid = BPF_CORE_READ(of_fuse, nodeid);
	if (bpf_core_field_exists(((struct rw_semaphore___first *)0)->first_waiter)) {
		struct rw_semaphore___first *lock = (void *)&inode->i_rwsem;

		first = (__u64)BPF_CORE_READ(lock, first_waiter);
	} else {
		head = (__u64)&inode->i_rwsem.wait_list;
		first = read_pointer(head);
	}
	take_lock(w, head, first, bpf_core_field_offset(struct rwsem_waiter___open, task),
		  BPF_CORE_READ(inode, i_rwsem.owner.counter), nodeid);
	if (bpf_core_field_exists(((struct mutex___first *)0)->first_waiter)) {
		struct mutex___first *lock = (void *)&of_fuse->mutex;

		head = 0;
		first = (__u64)BPF_CORE_READ(lock, first_waiter);
	} else {
		head = (__u64)&of_fuse->mutex.wait_list;
		first = read_pointer(head);
	}
	take_lock(w, head, first, bpf_core_field_offset(struct mutex_waiter___open, task),
		  BPF_CORE_READ(of_fuse, mutex.owner.counter), nodeid);
	return true;
}

/* Chooses the list to walk next; w->head stays 0 where that step chose none. */
static __always_inline void choose_list(struct walk *w)
{
	struct fuse_dev___open *device;
	struct fuse_ring_queue___open *queue;
	__u64 list = 0;

	switch (w->phase) {
	case WALK_PENDING:
		w->list = FT_OPEN_PENDING;
		list = CHANNEL_MEMBER(w->channel, iq.pending);
		w->phase = WALK_BACKGROUND;
		break;
	case WALK_BACKGROUND:
		w->list = FT_OPEN_BACKGROUND;
		list = CHANNEL_MEMBER(w->channel, bg_queue);
		w->phase = WALK_ADMISSION;
		break;
	case WALK_ADMISSION:
		w->list = FT_WALK_TASKS;
		list = CHANNEL_MEMBER(w->channel, blocked_waitq.head);
		w->outer_head = w->outer = CHANNEL_MEMBER(w->channel, devices);
		w->phase = WALK_DEVICE;
		break;
	case WALK_DEVICE:
		w->outer = read_pointer(w->outer);
		if (!is_kernel_address(w->outer) || w->outer == w->outer_head) {
			w->phase = WALK_RING;
			break;
		}
		w->devices++;
		w->object = w->outer - bpf_core_field_offset(struct fuse_dev___open, entry);
		w->phase = WALK_DEVICE_IO;
		break;
	case WALK_DEVICE_IO:
		device = (void *)w->object;
		w->list = FT_OPEN_IO;
		list = (__u64)&device->pq.io;
		w->bucket = 0;
		w->phase = WALK_DEVICE_BUCKET;
		break;
	case WALK_DEVICE_BUCKET:
		if (w->bucket >= 1u << FUSE_PQ_HASH_BITS) {
			w->phase = WALK_DEVICE;
			break;
		}
		device = (void *)w->object;
		w->list = FT_OPEN_PROCESSING;
		list = (__u64)(BPF_CORE_READ(device, pq.processing) + w->bucket);
		w->bucket++;
		break;
	case WALK_RING:
		w->phase = WALK_MOUNTS;
		w->outer_head = 0;
		if (bpf_core_type_exists(struct fuse_ring___open)) {
			struct fuse_ring___open *ring = CHANNEL_READ(w->channel, ring);

			if (!is_kernel_address((__u64)ring))
				break;
			w->queues = (__u64)BPF_CORE_READ(ring, queues);
			w->queues_n = BPF_CORE_READ(ring, nr_queues);
			w->outer = 0;
			w->phase = WALK_RING_PENDING;
		}
		break;
	case WALK_RING_PENDING:
		if (!is_kernel_address(w->queues) || w->outer >= w->queues_n) {
			w->phase = WALK_MOUNTS;
			break;
		}
		w->object = read_pointer(w->queues + 8 * w->outer);
		w->outer++;
		if (!is_kernel_address(w->object)) /* no entry was registered for this CPU */
			break;
		if (bpf_core_type_exists(struct fuse_ring___open)) {
			queue = (void *)w->object;
			w->list = FT_OPEN_RING_PENDING;
			list = (__u64)&queue->fuse_req_queue;
			w->phase = WALK_RING_BACKGROUND;
		}
		break;
	case WALK_RING_BACKGROUND:
		if (bpf_core_type_exists(struct fuse_ring___open)) {
			queue = (void *)w->object;
			w->list = FT_OPEN_RING_BACKGROUND;
			list = (__u64)&queue->fuse_req_bg_queue;
		}
		w->phase = WALK_RING_ENTRIES;
		break;
	case WALK_RING_ENTRIES:
		/* Its request is on no list until the server's task has run. */
		if (bpf_core_type_exists(struct fuse_ring___open)) {
			queue = (void *)w->object;
			w->list = FT_WALK_ENTRIES;
			list = (__u64)&queue->ent_w_req_queue;
		}
		w->bucket = 0;
		w->phase = WALK_RING_BUCKET;
		break;
	case WALK_RING_BUCKET:
		if (w->bucket >= 1u << FUSE_PQ_HASH_BITS) {
			w->phase = WALK_RING_PENDING;
			break;
		}
		if (bpf_core_type_exists(struct fuse_ring___open)) {
			queue = (void *)w->object;
			w->list = FT_OPEN_RING_PROCESSING;
			list = (__u64)(BPF_CORE_READ(queue, fpq.processing) + w->bucket);
		}
		w->bucket++;
		break;
	case WALK_MOUNTS:
		if (!w->outer_head) {
			w->outer_head = (__u64) & ((struct fuse_conn___open *)w->conn)->mounts;
			w->outer = w->outer_head;
		}
		w->outer = read_pointer(w->outer);
		if (!walk_inodes || !is_kernel_address(w->outer) || w->outer == w->outer_head) {
			w->phase = WALK_DONE;
			break;
		}
		w->phase = WALK_INODES;
		break;
	case WALK_INODES: {
		struct fuse_mount___open *mount =
			(void *)(w->outer - bpf_core_field_offset(struct fuse_mount___open, fc_entry));

		w->phase = WALK_MOUNTS;
		w->object = (__u64)BPF_CORE_READ(mount, sb);
		if (!is_kernel_address(w->object))
			break;
		w->list = FT_WALK_INODES;
		list = (__u64) & ((struct super_block___open *)w->object)->s_inodes;
		break;
	}
	}
	w->head = is_kernel_address(list) ? list : 0;
	w->position = w->head;
	w->attempt = 0;
}

static long walk_step(__u64 step, void *unused)
{
	struct walk *w = &walk;
	__u64 next;
	bool taken = false;

	if (!w->head) {
		choose_list(w);
		return w->phase == WALK_DONE && !w->head;
	}
	next = read_pointer(w->position);
	if (next == w->head) {
		w->head = 0;
		return 0;
	}
	if (is_kernel_address(next) && read_pointer(next + 8) == w->position) {
		__u64 request = next;

		if (w->list == FT_WALK_ENTRIES && bpf_core_type_exists(struct fuse_ring___open)) {
			struct fuse_ring_ent___open *entry =
				(void *)(next - bpf_core_field_offset(struct fuse_ring_ent___open, list));

			request = (__u64)BPF_CORE_READ(entry, fuse_req) +
				  bpf_core_field_offset(struct fuse_req___open, list);
		}
		if (w->list == FT_WALK_TASKS)
			taken = take_admission_waiter(w, next);
		else if (w->list == FT_WALK_INODES)
			taken = take_inode(w, next);
		else
			taken = take_request(w, request);
	}
	if (taken) {
		w->position = next;
	} else if (++w->attempt < WALK_ATTEMPTS) {
		w->position = w->head;
	} else {
		w->torn++;
		w->head = 0;
	}
	return 0;
}

#endif /* FUSETRACE_WALK_H */
