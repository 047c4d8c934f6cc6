// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at what is open now, without a capture before it (`fusetrace stuck`):
 * one pass over all open files finds the FUSE devices, and walks the lists of
 * each connection once; a second pass over all threads tells what those that
 * wait for FUSE, may do so, or belong to a server are blocked in.
 *
 * Only kernel memory is read. No stack, argument or mapping of a process is,
 * since a page of it may lie on the very file system that hangs.
 */
#include "look/walk.h"
#include <bpf/bpf_tracing.h>

/* Processes that have a FUSE device open: their thread group's number in the kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} server_processes SEC(".maps");

struct ft_symbol_batch symbols;
__u64 jiffies_now; /* when the requests were walked, as fuse_req.create_time counts */
static struct ft_blocked_task blocked;

/* The number of a thread as the process that looks sees it. */
static __always_inline __u32 number_of(struct task_struct *task)
{
	struct task_struct___open *own = (void *)bpf_get_current_task();
	__u32 level = BPF_CORE_READ(own, thread_pid, level);
	struct pid___open *pid = BPF_CORE_READ((struct task_struct___open *)task, thread_pid);
	__u32 number = 0;

	if (!is_kernel_address((__u64)pid) || BPF_CORE_READ(pid, level) < level)
		return 0;
	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)((__u64)&pid->numbers +
				       level * bpf_core_type_size(struct upid___open) +
				       bpf_core_field_offset(struct upid___open, nr)));
	return number;
}

static __always_inline void read_connection(struct ft_open_connection *out, __u64 channel,
					    struct fuse_conn *fc, __u32 device)
{
	out->address = channel;
	out->connection = BPF_CORE_READ(fc, dev);
	out->pid_namespace = BPF_CORE_READ((struct fuse_conn___open *)fc, pid_ns, ns.inum);
	out->congestion_threshold = BPF_CORE_READ(fc, congestion_threshold);
	out->max_background = CHANNEL_READ(channel, max_background);
	out->background = CHANNEL_READ(channel, num_background);
	out->background_active = CHANNEL_READ(channel, active_background);
	out->waiting = CHANNEL_READ(channel, num_waiting.counter);
	out->blocked = CHANNEL_READ(channel, blocked) != 0;
	out->connected = CHANNEL_READ(channel, connected) != 0;
	out->initialized = CHANNEL_READ(channel, initialized) != 0;
	out->cuse = device == CUSE_DEV;
	if (bpf_core_type_exists(struct fuse_ring___open))
		out->io_uring = CHANNEL_READ(channel, ring) != NULL;
}

SEC("iter/task_file")
int stuck_devices(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ft_device_holder holder = {};
	struct ft_open_connection connection = {};
	struct walk *w = &walk;
	__u64 channel;
	struct fuse_conn *fc;
	struct fuse_dev *device;
	__u32 number, tgid, one = 1;

	if (!task || !file)
		return 0;
	number = BPF_CORE_READ(file, f_inode, i_rdev);
	if (number != FUSE_DEV && number != CUSE_DEV)
		return 0;
	device = BPF_CORE_READ(file, private_data);
	if (!is_kernel_address((__u64)device)) /* no connection yet */
		return 0;
	if (HAS_CHANNEL) {
		struct fuse_chan *chan = BPF_CORE_READ((struct fuse_dev___chan *)device, chan);

		channel = (__u64)chan;
		if (!is_kernel_address(channel))
			return 0;
		fc = BPF_CORE_READ(chan, conn);
	} else {
		fc = BPF_CORE_READ(device, fc);
		channel = (__u64)fc;
	}
	if (!is_kernel_address((__u64)fc))
		return 0;
	tgid = task->tgid;
	bpf_map_update_elem(&server_processes, &tgid, &one, BPF_ANY);

	holder.device = (__u64)device;
	holder.channel = channel;
	holder.connection = BPF_CORE_READ(fc, dev);
	holder.tid = number_of(task);
	holder.tgid = number_of(task->group_leader);
	holder.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &holder, sizeof(holder));

	if (bpf_map_lookup_elem(&open_connections, &channel))
		return 0;
	read_connection(&connection, channel, fc, number);
	__builtin_memset(w, 0, sizeof(*w));
	w->channel = channel;
	w->conn = (__u64)fc;
	w->connection = connection.connection;
	jiffies_now = bpf_jiffies64();
	bpf_loop(WALK_STEPS, walk_step, NULL, 0);
	connection.devices = w->devices;
	connection.requests = w->requests;
	connection.admission_waiters = w->admission_waiters;
	connection.lists_torn = w->torn;
	if (w->phase != WALK_DONE || w->head) {
		if (w->list == FT_WALK_INODES)
			connection.inodes_cut = 1;
		else
			connection.walk_cut = 1;
	}
	if (bpf_map_update_elem(&open_connections, &channel, &connection, BPF_ANY) != 0)
		requests_not_kept++;
	return 0;
}

/*
 * For how long a thread has not run, at least: since it last got a CPU, less
 * the time that it then ran. The clock is the scheduler's; what this thread,
 * which runs now, had last got of it stands for the present.
 */
static __always_inline __u64 asleep_ns(struct task_struct___open *task)
{
	struct task_struct___open *own = (void *)bpf_get_current_task();
	__u64 now, since;

	if (!bpf_core_field_exists(task->sched_info))
		return 0;
	now = BPF_CORE_READ(own, sched_info.last_arrival) + BPF_CORE_READ(own, se.sum_exec_runtime) -
	      BPF_CORE_READ(own, se.prev_sum_exec_runtime);
	since = BPF_CORE_READ(task, sched_info.last_arrival) +
		BPF_CORE_READ(task, se.sum_exec_runtime) -
		BPF_CORE_READ(task, se.prev_sum_exec_runtime);
	return now > since ? now - since : 0;
}

/* Whether the first argument of its system call is a descriptor of a file on FUSE, and which. */
static __always_inline void read_file(struct task_struct *task, __u64 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file;
	struct file___open *view;
	struct fuse_inode___open *inode;

	if (!is_kernel_address((__u64)table) || descriptor >= BPF_CORE_READ(table, max_fds))
		return;
	file = (struct file *)read_pointer((__u64)(BPF_CORE_READ(table, fd) + descriptor));
	view = (void *)file;
	if (!is_kernel_address((__u64)file) ||
	    BPF_CORE_READ(view, f_inode, i_sb, s_magic) != FUSE_SUPER_MAGIC)
		return;
	blocked.flags |= FT_BLOCKED_IN_FUSE_FILE;
	blocked.file_connection = BPF_CORE_READ(view, f_inode, i_sb, s_dev);
	inode = (void *)BPF_CORE_READ(view, f_inode);
	blocked.file_nodeid = BPF_CORE_READ(inode, nodeid);
}

SEC("iter/task")
int stuck_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_struct___open *view = (void *)task;
	struct ft_wait *wait;
	__u64 key = (__u64)task;
	__u32 tgid, state, flags;
	bool is_server;
	long size;

	if (!task)
		return 0;
	tgid = task->tgid;
	state = task->__state;
	wait = bpf_map_lookup_elem(&waits, &key);
	is_server = bpf_map_lookup_elem(&server_processes, &tgid) != NULL;
	if (!wait && !is_server &&
	    (!(state & TASK_UNINTERRUPTIBLE) || (state & TASK_NOLOAD)))
		return 0;

	__builtin_memset(&blocked, 0, sizeof(blocked));
	blocked.address = key;
	if (wait)
		blocked.wait = *wait;
	blocked.state = state | BPF_CORE_READ(view, exit_state);
	blocked.tid = number_of(task);
	blocked.tgid = number_of(task->group_leader);
	blocked.uid = BPF_CORE_READ(view, real_cred, uid.val);
	blocked.cgroup = BPF_CORE_READ(view, cgroups, dfl_cgrp, kn, id);
	blocked.system_call = -1;
	bpf_probe_read_kernel_str(blocked.comm, sizeof(blocked.comm), task->comm);
	flags = BPF_CORE_READ(view, flags);
	if (is_server)
		blocked.flags |= FT_BLOCKED_SERVER;
	if (BPF_CORE_READ(view, signal, flags) & SIGNAL_GROUP_EXIT)
		blocked.flags |= FT_BLOCKED_DYING;
	if (state != TASK_RUNNING) {
		blocked.asleep_ns = asleep_ns(view);
		size = bpf_get_task_stack(task, blocked.stack, sizeof(blocked.stack), 0);
		blocked.frames = size > 0 ? size / sizeof(__u64) : 0;
	}
	if (flags & PF_KTHREAD) {
		blocked.flags |= FT_BLOCKED_KERNEL_THREAD;
	} else if (state != TASK_RUNNING) {
		struct pt_regs *regs = (void *)bpf_task_pt_regs(task);

		blocked.system_call = SYSCALL_NR(regs);
		blocked.system_call_argument = SYSCALL_ARG0(regs);
		if (blocked.system_call >= 0)
			read_file(task, blocked.system_call_argument);
	}
	bpf_seq_write(ctx->meta->seq, &blocked, sizeof(blocked));
	return 0;
}

static long name_symbol(__u64 index, void *unused)
{
	if (index >= FT_SYMBOL_BATCH)
		return 1;
	/* A return address may be that of the next function, hence one less. */
	BPF_SNPRINTF(symbols.names[index], FT_SYMBOL_LEN, "%ps",
		     (void *)(symbols.addresses[index] - 1));
	return 0;
}

/* Writes the names of a batch of addresses; unlike /proc/kallsyms it needs no CAP_SYSLOG. */
SEC("syscall")
int stuck_symbols(void *ctx)
{
	bpf_loop(symbols.count, name_symbol, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
