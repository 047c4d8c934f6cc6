// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeing a server take a request, without hooking a function: at the exit of
 * the system call that read the FUSE device. The header just read tells the
 * unique; the device's own hash of requests being served tells the request.
 */
#include "devices.h"
#include "guard.h"
#include "requests.h"
#include "system_calls.h"

static __always_inline struct file *file_of(struct task_struct *task, unsigned int fd)
{
	struct fdtable *fdt = task->files->fdt;
	struct file *file = NULL;

	if (fd >= fdt->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd);
	return file;
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

/* Makes t describe the device behind fd, looking at the file itself; NULL when that is no FUSE device. */
static __always_inline struct thread *look_at_file(struct task_struct *task, struct thread *t,
						   unsigned int fd)
{
	struct device_view view = {};
	struct file *file = file_of(task, fd);

	if (!file || !read_device(file, &view))
		return NULL;
	if (!t)
		t = thread_create(task->pid);
	if (t)
		remember_device(t, task, fd, &view);
	return t;
}

/* The same from memory where the thread read this descriptor before. */
static __always_inline struct thread *server_of(struct task_struct *task, struct thread *t,
						unsigned int fd)
{
	if (t && t->server && t->fd == (int)fd && t->processing)
		return t;
	return look_at_file(task, t, fd);
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

static __always_inline bool is_message(const struct fuse_in_header *header)
{
	return header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET ||
	       header->opcode == FUSE_INTERRUPT;
}

/* What the thread read from its device. A message is no struct fuse_req: the header is all there is of it. */
static __always_inline void take(struct task_struct *task, struct thread *t,
				 const struct fuse_in_header *header, __u64 at, __u32 cpu)
{
	struct ft_slot *s;
	ft_slot_ref ref;
	__u64 req;

	if (is_message(header)) {
		announce(t, task);
		message_taken(header, t->connection, t->device, task, at, cpu);
		/* FUSE_FORGET is also sent as a request, which has ended by now. */
		return;
	}
	if (has_sent_tracepoint)
		return;
	req = find_request(t->processing, header->unique);
	if (!req) {
		/* A request without a reply is not kept; one that was aborted meanwhile has ended. */
		return;
	}
	s = slot_find(req, &ref);
	if (!s || !ft_slot_owns(s, ft_ref_seq(ref), t->connection, header->unique))
		return; /* queued before the capture, or filtered out */
	announce(t, task);
	request_taken(s, ref, task, t, at, cpu, header->unique,
		      t->device == CUSE_DEV ? FT_TRANSPORT_CUSE : FT_TRANSPORT_DEV);
}

static __always_inline void syscall_returned(struct pt_regs *regs, long nr, long ret)
{
	struct fuse_in_header header;
	struct task_struct *task;
	struct thread *t;
	unsigned int fd;

	GUARD_CPU();
	task = bpf_get_current_task_btf();
	t = thread_lookup(task->pid);

	if (t && t->spliced_len && nr != NR_splice) {
		/* It reads the pipe into which it spliced a request. */
		__u32 len = t->spliced_len;

		t->spliced_len = 0;
		if (!read_header(task, regs, nr, &header))
			return;
		if (header.len == len) {
			take(task, t, &header, t->spliced_ns, t->spliced_cpu);
			return;
		}
		count_loss(FT_LOSS_UNMATCHED_PICKUP);
	}
	fd = syscall_arg0(task, regs);
	if (nr == NR_splice) {
		t = look_at_file(task, t, fd);
		if (!t)
			return;
		t->spliced_len = ret;
		t->spliced_ns = bpf_ktime_get_ns();
		t->spliced_cpu = bpf_get_smp_processor_id();
		return;
	}
	t = server_of(task, t, fd);
	if (!t || !read_header(task, regs, nr, &header))
		return;
	if (header.len != (__u32)ret) {
		/* The descriptor is another file's by now. */
		t->fd = -1;
		return;
	}
	/*
	 * A request is found in the kernel's own hash, whatever the buffer says. For a
	 * message the buffer is all there is: it is believed only when the file behind the
	 * descriptor is a FUSE device now, and not when it was one before.
	 */
	if (is_message(&header) && !look_at_file(task, t, fd)) {
		t->fd = -1;
		return;
	}
	take(task, t, &header, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	long nr;

	if (ret < FUSE_IN_HEADER_LEN)
		return 0;
	nr = syscall_number(bpf_get_current_task_btf(), regs);
	if (nr != NR_read && nr != NR_readv && nr != NR_splice && nr != NR_pread64 && nr != NR_preadv &&
	    nr != NR_preadv2)
		return 0;
	if (enabled)
		syscall_returned(regs, nr, ret);
	return 0;
}
