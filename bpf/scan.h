/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the iterators of iterators.bpf.c write: open FUSE devices, and the threads of servers. */
#ifndef FUSETRACE_SCAN_H
#define FUSETRACE_SCAN_H

#include "record.h"

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

#endif /* FUSETRACE_SCAN_H */
