/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What one look at the kernel's FUSE objects brings to user space: open
 * requests, connections, open devices, and threads that are blocked or serve.
 * `fusetrace stuck` is made of it. It compiles as BPF C, as C and as C++, and
 * both sides are always built together: nothing of it is ever stored.
 *
 * Addresses of kernel objects are identities within one look and are never
 * shown. Numbers of processes and threads are those that the process which
 * looks sees, 0 meaning that it sees none.
 */
#ifndef FUSETRACE_OPEN_REQUESTS_H
#define FUSETRACE_OPEN_REQUESTS_H

#include "fusetrace.h"

/* The list on which a request was found. */
enum ft_open_list {
	FT_OPEN_PENDING = 0, /* fuse_iqueue.pending: no server thread took it yet */
	FT_OPEN_BACKGROUND = 1, /* bg_queue: held back by max_background */
	FT_OPEN_IO = 2, /* fuse_pqueue.io: being copied to or from a server thread */
	FT_OPEN_PROCESSING = 3, /* fuse_pqueue.processing: with the server */
	FT_OPEN_RING_PENDING = 4, /* fuse_req_queue: waits for a ring entry */
	FT_OPEN_RING_BACKGROUND = 5, /* fuse_req_bg_queue: held back by max_background */
	FT_OPEN_RING_PROCESSING = 6, /* the ring queue's fpq.processing: has a ring entry */
};

enum ft_open_flag {
	FT_OPEN_IN_BACKGROUND = 1u << 0, /* FR_BACKGROUND: nobody waits for the reply itself */
	FT_OPEN_INTERRUPTED = 1u << 1, /* FR_INTERRUPTED: the client got a signal meanwhile */
	FT_OPEN_SENT = 1u << 2, /* FR_SENT */
	FT_OPEN_LOCKED = 1u << 3, /* FR_LOCKED: its data are being copied right now */
	FT_OPEN_RANGE = 1u << 4, /* offset and size are those of a READ or WRITE */
	FT_OPEN_RING_FETCHED = 1u << 5, /* its ring entry is in user space (FRRS_USERSPACE) */
	FT_OPEN_EXPECTS_REPLY = 1u << 6, /* FR_ISREPLY */
};

#define FT_OPEN_NAME_LEN 256

struct ft_open_request {
	ft_u64 address; /* struct fuse_req */
	ft_u64 waiter; /* the task_struct on its wait queue; 0: none waits there */
	ft_u64 device; /* the fuse_dev on whose list it was found; 0: on none's */
	ft_u64 unique;
	ft_u64 nodeid;
	ft_u64 created_jiffies; /* fuse_req.create_time; 0 where the kernel keeps none */
	ft_u64 offset; /* FT_OPEN_RANGE */
	ft_u32 size; /* FT_OPEN_RANGE */
	ft_u32 connection;
	ft_u32 opcode;
	ft_u32 uid; /* as the file system's user namespace numbers it */
	ft_u32 issuer; /* fuse_in_header.pid: a thread, as the mounter's pid namespace numbers it */
	ft_u32 flags; /* enum ft_open_flag */
	ft_u32 list; /* enum ft_open_list */
	ft_u32 ring_queue; /* fuse_ring_queue.qid, on a FT_OPEN_RING_* list */
	char name[FT_OPEN_NAME_LEN]; /* NUL-terminated; empty where the kernel has none */
};
FT_ASSERT(sizeof(struct ft_open_request) == 88 + FT_OPEN_NAME_LEN, "ft_open_request layout");

struct ft_open_connection {
	ft_u64 address; /* the structure that owns the queues: fuse_conn, or fuse_chan */
	ft_u32 connection; /* fuse_conn.dev */
	ft_u32 pid_namespace; /* inode number of fuse_conn.pid_ns */
	ft_u32 max_background;
	ft_u32 congestion_threshold;
	ft_u32 background; /* num_background: allowed and not finished */
	ft_u32 background_active; /* active_background: let on the queue */
	ft_u32 waiting; /* num_waiting, as fusectl shows it */
	ft_u32 blocked; /* nobody may start a background request */
	ft_u32 connected;
	ft_u32 initialized; /* the server answered INIT */
	ft_u32 cuse;
	ft_u32 io_uring;
	ft_u32 devices; /* how many struct fuse_dev it has */
	ft_u32 requests; /* found by the walk */
	ft_u32 admission_waiters; /* tasks on blocked_waitq */
	ft_u32 lists_torn; /* lists that changed under the walk three times: only begun */
	ft_u32 walk_cut; /* the walk ended at its bound of steps */
	ft_u32 inodes_cut; /* so did that over the inodes */
};
FT_ASSERT(sizeof(struct ft_open_connection) == 80, "ft_open_connection layout");

/* An open file descriptor of a FUSE device. */
struct ft_device_holder {
	ft_u64 device; /* struct fuse_dev */
	ft_u64 channel; /* ft_open_connection.address */
	ft_u32 tid;
	ft_u32 tgid;
	ft_u32 fd;
	ft_u32 connection;
};
FT_ASSERT(sizeof(struct ft_device_holder) == 32, "ft_device_holder layout");

/* What a wait queue says that a task waits for. */
enum ft_wait_kind {
	FT_WAIT_UNKNOWN = 0,
	FT_WAIT_REQUEST = 1, /* on fuse_req.waitq; what = the request */
	FT_WAIT_ADMISSION = 2, /* on blocked_waitq: max_background, or INIT not answered */
	FT_WAIT_INODE = 3, /* on i_rwsem of a FUSE inode; what = the task that holds it */
};

struct ft_wait {
	ft_u64 what;
	ft_u64 nodeid;
	ft_u32 kind; /* enum ft_wait_kind */
	ft_u32 connection;
};
FT_ASSERT(sizeof(struct ft_wait) == 24, "ft_wait layout");

enum ft_blocked_flag {
	FT_BLOCKED_SERVER = 1u << 0, /* its process has a FUSE device open */
	FT_BLOCKED_KERNEL_THREAD = 1u << 1,
	FT_BLOCKED_DYING = 1u << 2, /* its process was killed or exits */
	FT_BLOCKED_IN_FUSE_FILE = 1u << 3, /* file_* are known: argument 0 is a descriptor of a FUSE file */
};

#define FT_BLOCKED_FRAMES 28

/* A thread that waits for FUSE, may do so, or belongs to a server. */
struct ft_blocked_task {
	ft_u64 address; /* task_struct */
	ft_u64 asleep_ns; /* for how long it has not run, at least; 0 unknown */
	ft_u64 cgroup; /* id of its cgroup v2 */
	ft_u64 file_nodeid; /* node of the FUSE file whose descriptor the system call was given */
	ft_u64 system_call_argument; /* the first one */
	struct ft_wait wait;
	ft_s32 system_call; /* number; -1: in none */
	ft_u32 file_connection; /* s_dev of that file */
	ft_u32 tid;
	ft_u32 tgid;
	ft_u32 uid; /* in the initial user namespace */
	ft_u32 state; /* task_struct.__state | exit_state */
	ft_u32 flags; /* enum ft_blocked_flag */
	ft_u32 frames; /* how many return addresses are known; 0: none */
	char comm[FT_COMM_LEN];
	ft_u64 stack[FT_BLOCKED_FRAMES]; /* kernel addresses, innermost first */
};
FT_ASSERT(sizeof(struct ft_blocked_task) == 64 + 32 + FT_COMM_LEN + 8 * FT_BLOCKED_FRAMES,
	  "ft_blocked_task layout");

/* Names for kernel addresses, a batch at a time; the kernel writes only the symbol's name. */
#define FT_SYMBOL_BATCH 256
#define FT_SYMBOL_LEN 64

struct ft_symbol_batch {
	ft_u32 count;
	ft_u32 reserved;
	ft_u64 addresses[FT_SYMBOL_BATCH];
	char names[FT_SYMBOL_BATCH][FT_SYMBOL_LEN]; /* NUL-terminated */
};

#endif /* FUSETRACE_OPEN_REQUESTS_H */
