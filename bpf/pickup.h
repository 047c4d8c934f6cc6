/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeing a server take a request, without hooking a function: at the exit of
 * the system call that read the FUSE device. The header just read tells the
 * unique; the device's own hash of requests being served tells the request.
 */
#ifndef FUSETRACE_PICKUP_H
#define FUSETRACE_PICKUP_H

static __always_inline struct file *file_of(struct task_struct *task, unsigned int fd)
{
	struct fdtable *fdt = task->files->fdt;
	struct file *file = NULL;

	if (fd >= fdt->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd);
	return file;
}

/* What a FUSE or CUSE device file leads to; false when it is none, or not mounted yet. */
struct device_view {
	__u64 processing;
	__u32 connection;
	__u32 device;
};

static __always_inline struct fuse_conn *conn_of_device(struct fuse_dev *fud)
{
	struct fuse_chan *chan;

	if (bpf_core_field_exists(fud->fc))
		return BPF_CORE_READ(fud, fc);
	chan = BPF_CORE_READ((struct fuse_dev___chan *)fud, chan);
	return (__u64)chan < 4096 ? NULL : BPF_CORE_READ(chan, conn);
}

static __always_inline __u32 connection_of_device(struct fuse_dev *fud)
{
	struct fuse_conn *fc = conn_of_device(fud);

	return fc ? BPF_CORE_READ(fc, dev) : 0;
}

static __always_inline bool read_device(struct file *file, struct device_view *view)
{
	__u32 device = BPF_CORE_READ(file, f_inode, i_rdev);
	struct fuse_dev *fud;
	struct fuse_conn *fc;

	/* By number: fuse_dev_operations cannot be resolved without KALLSYMS_ALL. */
	if (device != FUSE_DEV && device != CUSE_DEV)
		return false;
	fud = BPF_CORE_READ(file, private_data);
	if ((__u64)fud < 4096) /* NULL or a marker: no connection yet */
		return false;
	fc = conn_of_device(fud);
	if ((__u64)fc < 4096)
		return false;
	view->device = device;
	view->processing = (__u64)BPF_CORE_READ(fud, pq.processing);
	view->connection = BPF_CORE_READ(fc, dev);
	return true;
}

static __always_inline void remember_device(struct thread *t, struct task_struct *task,
					    unsigned int fd, const struct device_view *view)
{
	__u32 tgid = task->tgid, one = 1;

	t->fd = fd;
	t->processing = view->processing;
	t->connection = view->connection;
	t->device = view->device;
	if (!t->server) {
		t->server = true;
		bpf_map_update_elem(&servers, &tgid, &one, BPF_ANY);
	}
}

/* Makes t describe the device behind fd; NULL when that is no FUSE device. */
static __always_inline struct thread *server_of(struct task_struct *task, struct thread *t,
						unsigned int fd)
{
	struct device_view view = {};
	struct file *file;

	if (t && t->server && t->fd == (int)fd && t->processing)
		return t;
	file = file_of(task, fd);
	if (!file || !read_device(file, &view))
		return NULL;
	if (!t)
		t = thread_create(task->pid);
	if (t)
		remember_device(t, task, fd, &view);
	return t;
}

#define HASH_DEPTH 16

/*
 * The request with this unique in the device's hash of requests being served
 * (fs/fuse/dev.c: fuse_req_hash()). fuse_dev_do_read() appends it at the tail,
 * so it is found at once unless others of the same bucket came since.
 */
static __always_inline __u64 find_request(__u64 processing, __u64 unique)
{
	__u64 key = unique & ~FUSE_INT_REQ_BIT; /* with the bit of a request that is sent again */
	__u64 bucket = (key * 0x61C8864680B583EBull) >> (64 - FUSE_PQ_HASH_BITS);
	__u64 head = processing + bucket * sizeof(struct list_head);
	__u64 at = head;

	for (int i = 0; i < HASH_DEPTH; i++) {
		__u64 previous = 0, req, found = 0;

		read_address(previous, struct list_head, at, prev);
		at = previous;
		if (!at || at == head)
			return 0;
		req = at - bpf_core_field_offset(struct fuse_req, list);
		read_fuse_req(found, req, in.h.unique);
		if (found == key)
			return req;
	}
	return 0;
}

static __always_inline void take(struct task_struct *task, struct thread *t,
				 const struct fuse_in_header *header, __u64 at, __u32 cpu)
{
	__u32 index = 0;
	struct ft_slot *s;
	__u64 req;

	if (header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET ||
	    header->opcode == FUSE_INTERRUPT) {
		announce(t, task);
		handle_message(header, t->connection, t->device, task, at, cpu);
		/* FUSE_FORGET is also sent as a request, which has ended by now. */
		return;
	}
	if (requests_told)
		return;
	req = find_request(t->processing, header->unique);
	if (!req) {
		/* A request without a reply is not kept; one that was aborted meanwhile has ended. */
		return;
	}
	s = slot_find(req, &index);
	if (!s)
		return; /* queued before the capture, or filtered out */
	announce(t, task);
	handle_picked_up(s, index, task, t, at, cpu);
	if (t->device == CUSE_DEV)
		s->transport = FT_TRANSPORT_CUSE;
}

/* The header in the buffer of the system call that is returning. */
static __always_inline bool read_header(struct pt_regs *regs, long nr, struct fuse_in_header *header)
{
	const void *buffer = (const void *)SYSCALL_ARG1(regs);

	if (nr == NR_readv || nr == NR_preadv || nr == NR_preadv2) {
		struct {
			const void *base;
			__u64 len;
		} iov = {};

		if (bpf_probe_read_user(&iov, sizeof(iov), buffer) || iov.len < FUSE_IN_HEADER_LEN) {
			count_loss(FT_LOSS_UNREADABLE);
			return false;
		}
		buffer = iov.base;
	}
	if (bpf_probe_read_user(header, sizeof(*header), buffer)) {
		count_loss(FT_LOSS_UNREADABLE);
		return false;
	}
	return true;
}

static __always_inline void syscall_returned(struct pt_regs *regs, long ret)
{
	struct fuse_in_header header;
	struct task_struct *task;
	struct thread *t;
	long nr;

	nr = SYSCALL_NR(regs);
	task = bpf_get_current_task_btf();
	t = thread_lookup(task->pid);

	if (t && t->spliced_len && nr != NR_splice) {
		/* It reads the pipe into which it spliced a request. */
		__u32 len = t->spliced_len;

		t->spliced_len = 0;
		if (!read_header(regs, nr, &header))
			return;
		if (header.len == len) {
			take(task, t, &header, t->spliced_ns, t->spliced_cpu);
			return;
		}
		count_loss(FT_LOSS_UNMATCHED_PICKUP);
	}
	t = server_of(task, t, SYSCALL_ARG0(regs));
	if (!t)
		return;
	if (nr == NR_splice) {
		t->spliced_len = ret;
		t->spliced_ns = bpf_ktime_get_ns();
		t->spliced_cpu = bpf_get_smp_processor_id();
		return;
	}
	if (!read_header(regs, nr, &header))
		return;
	if (header.len != (__u32)ret) {
		/* The descriptor is another file's by now. */
		t->fd = -1;
		return;
	}
	take(task, t, &header, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);

	if (ret < FUSE_IN_HEADER_LEN)
		return 0;
	if (nr != NR_read && nr != NR_readv && nr != NR_splice && nr != NR_pread64 && nr != NR_preadv &&
	    nr != NR_preadv2)
		return 0;
	if (enabled)
		UNPREEMPTED(syscall_returned(regs, ret));
	return 0;
}

#endif /* FUSETRACE_PICKUP_H */
