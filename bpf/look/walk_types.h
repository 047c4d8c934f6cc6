/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel types that only the look at open requests reads. Each stands here as
 * a variant of its own ("___open": CO-RE ignores what follows three
 * underscores), with the members that are read and the kernel that made a
 * difference.
 */
#ifndef FUSETRACE_WALK_TYPES_H
#define FUSETRACE_WALK_TYPES_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	long counter;
} atomic_long_t___open;

struct wait_queue_head___open {
	struct list_head head;
};

struct wait_queue_entry___open {
	void *private; /* the task, for those that sleep in wait_event*() */
	struct list_head entry;
};

struct fuse_in_arg___open {
	unsigned int size;
	const void *value;
};

struct fuse_args___open {
	struct fuse_in_arg___open in_args[3]; /* 4 since 6.8; no name is in the fourth */
};

struct fuse_req___open {
	struct list_head list;
	struct fuse_args___open *args;
	unsigned long flags;
	struct {
		struct fuse_in_header h;
	} in;
	struct wait_queue_head___open waitq;
	struct fuse_mount *fm; /* until 7.2; since then chan */
	void *ring_entry; /* since 6.14 */
	unsigned long create_time; /* since 6.15, "fuse: add kernel-enforced timeout option" */
};

struct fuse_iqueue___open {
	struct list_head pending;
};

struct fuse_pqueue___open {
	struct list_head *processing;
	struct list_head io;
};

struct fuse_dev___open {
	struct fuse_pqueue___open pq;
	struct list_head entry; /* on devices */
};

struct fuse_ring_queue___open {
	unsigned int qid;
	struct list_head ent_w_req_queue; /* entries whose request is on its way to the server */
	struct list_head fuse_req_queue;
	struct list_head fuse_req_bg_queue;
	struct fuse_pqueue___open fpq;
};

struct fuse_ring___open {
	unsigned long nr_queues;
	struct fuse_ring_queue___open **queues;
};

enum fuse_ring_req_state___open {
	FRRS_USERSPACE = 4,
};

struct fuse_ring_ent___open {
	struct list_head list;
	enum fuse_ring_req_state___open state;
	struct fuse_req *fuse_req;
};

struct ns_common___open {
	unsigned int inum;
};

struct pid_namespace___open {
	unsigned int level;
	struct ns_common___open ns;
};

struct inode___open;

struct super_block___open {
	u32 s_dev;
	unsigned long s_magic;
	struct list_head s_inodes;
};

struct fuse_mount___open {
	struct super_block___open *sb;
	struct list_head fc_entry; /* on fuse_conn.mounts */
};

/* Until 7.2 the connection has the queues itself. */
struct fuse_conn___open {
	struct pid_namespace___open *pid_ns;
	struct fuse_iqueue___open iq;
	unsigned int max_background;
	unsigned int congestion_threshold;
	unsigned int num_background;
	unsigned int active_background;
	struct list_head bg_queue;
	int initialized;
	int blocked;
	struct wait_queue_head___open blocked_waitq;
	unsigned int connected;
	atomic_t num_waiting;
	u32 dev;
	struct list_head devices;
	struct list_head mounts;
	struct fuse_ring___open *ring; /* since 6.14 */
};

/* By 7.3 they have moved to the channel. */
struct fuse_chan___open {
	struct fuse_conn *conn;
	struct fuse_iqueue___open iq;
	struct list_head devices;
	unsigned int max_background;
	unsigned int num_background;
	unsigned int active_background;
	struct list_head bg_queue;
	int initialized;
	int blocked;
	struct wait_queue_head___open blocked_waitq;
	unsigned int connected;
	atomic_t num_waiting;
	struct fuse_ring___open *ring;
};

struct rwsem_waiter___open {
	struct list_head list;
	struct task_struct *task;
};

struct rw_semaphore___open {
	atomic_long_t___open owner;
	struct list_head wait_list; /* by 7.3 first_waiter */
};

/* By 7.3 a lock points at the first of a ring of waiters. */
struct rw_semaphore___first {
	struct rwsem_waiter___open *first_waiter;
};

struct mutex_waiter___open {
	struct list_head list;
	struct task_struct *task;
};

struct mutex___open {
	atomic_long_t___open owner;
	struct list_head wait_list; /* by 7.3 first_waiter */
};

struct mutex___first {
	struct mutex_waiter___open *first_waiter;
};

struct inode___open {
	struct super_block___open *i_sb;
	struct rw_semaphore___open i_rwsem;
	struct list_head i_sb_list;
};

struct fuse_inode___open {
	struct inode___open inode;
	u64 nodeid;
	struct mutex___open mutex; /* of a directory, unless the server said PARALLEL_DIROPS */
};

struct file___open {
	struct inode___open *f_inode;
};

struct upid___open {
	int nr;
};

struct pid___open {
	unsigned int level;
	struct upid___open numbers[1];
};

struct cred___open {
	struct {
		u32 val;
	} uid;
};

struct kernfs_node___open {
	u64 id;
};

struct cgroup___open {
	struct kernfs_node___open *kn;
};

struct css_set___open {
	struct cgroup___open *dfl_cgrp;
};

struct signal_struct___open {
	unsigned int flags;
};

struct sched_info___open {
	unsigned long long last_arrival; /* rq_clock() when it last got a CPU */
};

struct sched_entity___open {
	u64 sum_exec_runtime;
	u64 prev_sum_exec_runtime; /* the same when it was last put on the CPU */
};

struct task_struct___open {
	unsigned int __state;
	unsigned int flags;
	int exit_state;
	struct sched_entity___open se;
	struct sched_info___open sched_info; /* with CONFIG_SCHED_INFO */
	struct task_struct *group_leader;
	struct pid___open *thread_pid;
	const struct cred___open *real_cred;
	struct signal_struct___open *signal;
	struct css_set___open *cgroups;
};

#pragma clang attribute pop

/* fs/fuse/fuse_dev_i.h, fuse_i.h: bits of fuse_req.flags beside those in kernel.h. */
#define FR_BIT_ISREPLY 0
#define FR_BIT_BACKGROUND 2
#define FR_BIT_INTERRUPTED 5
#define FR_BIT_LOCKED 6
#define FR_BIT_SENT 8
#define FR_BIT_FINISHED 9

/* include/linux/sched.h, include/linux/sched/signal.h, include/uapi/linux/magic.h */
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_NOLOAD 0x0400
#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004
#define FUSE_SUPER_MAGIC 0x65735546

#endif /* FUSETRACE_WALK_TYPES_H */
