/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the kernel side tells user space: the record of a finished request, the
 * name of a thread, and the ways to lose something. It compiles as BPF C, as C
 * and as C++; the layout is fixed (asserted below), and a number that was given
 * to an enumerator is never given to another one.
 *
 * Units: every *_ns is CLOCK_MONOTONIC nanoseconds since boot
 * (bpf_ktime_get_ns()), 0 meaning unknown; a CPU is the kernel's number,
 * FT_CPU_UNKNOWN meaning unknown; a tid or tgid is the number in the initial
 * pid namespace, 0 meaning unknown.
 */
#ifndef FUSETRACE_RECORD_H
#define FUSETRACE_RECORD_H

#include "types.h"

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

#endif /* FUSETRACE_RECORD_H */
