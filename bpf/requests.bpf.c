// SPDX-License-Identifier: GPL-2.0-only
/*
 * The points of a request's life that FUSE itself shows, each through every kind of hook
 * that some kernel needs: tracepoint with types, function entry or exit, kprobe. The
 * probe plan loads one of each. Typed hooks read a request by plain loads; a
 * kprobe must ask for every field.
 */
#define DECLARES_KERNEL_FUNCTIONS
#include "devices.h"
#include "guard.h"
#include "requests.h"
#include "stand_in.h"
#include "system_calls.h"

/* --- queued and replied ---------------------------------------------------------- */

/* A request as a typed hook may read it. */
static __always_inline void view_typed(struct fuse_req *req, struct req_view *view)
{
	view->address = address_of(req);
	view->flags = req->flags;
	view->unique = req->in.h.unique;
	view->opcode = req->in.h.opcode;
	if (bpf_core_field_exists(req->fm))
		view->connection = req->fm->fc->dev;
	else
		view->connection = ((struct fuse_req___chan *)req)->chan->conn->dev;
}

static __always_inline void view_untyped(struct fuse_req *req, struct req_view *view)
{
	view->address = (__u64)req;
	view->flags = BPF_CORE_READ(req, flags);
	view->unique = BPF_CORE_READ(req, in.h.unique);
	view->opcode = BPF_CORE_READ(req, in.h.opcode);
	if (bpf_core_field_exists(req->fm))
		view->connection = BPF_CORE_READ(req, fm, fc, dev);
	else
		view->connection = BPF_CORE_READ((struct fuse_req___chan *)req, chan, conn, dev);
}

static __always_inline void queued_typed(struct fuse_req *req)
{
	struct req_view view;

	GUARD_CPU();
	view_typed(req, &view);
	request_queued(&view, false);
}

static __always_inline void queued_untyped(struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	request_queued(&view, false);
}

/* A slot that has its reply already belongs to the previous request at this address. */
static __always_inline void queued_stand_in(struct fuse_req *req)
{
	struct req_view view;
	struct ft_slot *s;
	ft_slot_ref ref;

	GUARD_CPU();
	view_typed(req, &view);
	s = slot_find(view.address, &ref);
	if (!s || is_replied(s, ref) || !ft_slot_owns(s, ft_ref_seq(ref), view.connection, view.unique))
		request_queued(&view, true);
}

static __always_inline void ended_typed(struct fuse_req *req)
{
	struct req_view view;

	GUARD_CPU();
	view_typed(req, &view);
	request_ended(&view);
}

static __always_inline void ended_stand_in(struct fuse_req *req)
{
	struct req_view view;
	struct ft_slot *s;
	ft_slot_ref ref;

	GUARD_CPU();
	view_typed(req, &view);
	s = slot_find(view.address, &ref);
	if (s && !is_replied(s, ref))
		request_ended(&view);
}

SEC("tp_btf/fuse_request_send")
int BPF_PROG(on_fuse_request_send, struct fuse_req *req)
{
	queued_typed(req);
	return 0;
}

STAND_IN("tp_btf/fuse_request_send", fuse_request_send_stand_in_1, queued_stand_in(req), struct fuse_req *req)
STAND_IN("tp_btf/fuse_request_send", fuse_request_send_stand_in_2, queued_stand_in(req), struct fuse_req *req)
STAND_IN("tp_btf/fuse_request_send", fuse_request_send_stand_in_3, queued_stand_in(req), struct fuse_req *req)

/* Before 6.10 there is no tracepoint; this is where 5.x and 6.1 put a request on the queue, under a lock. */
SEC("fentry/queue_request_and_unlock")
int BPF_PROG(fentry_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	queued_typed(req);
	return 0;
}

SEC("kprobe/queue_request_and_unlock")
int BPF_KPROBE(kprobe_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	queued_untyped(req);
	return 0;
}

/* With tracepoint and kprobe asked for at once: what the tracepoint sits in, since 6.12. */
SEC("kprobe/fuse_dev_queue_req")
int BPF_KPROBE(kprobe_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	queued_untyped(req);
	return 0;
}

/* What virtio-fs has in its place. */
SEC("kprobe/virtio_fs_send_req")
int BPF_KPROBE(kprobe_virtio_fs_send_req, void *fiq, struct fuse_req *req)
{
	queued_untyped(req);
	return 0;
}

/* Queueing over io_uring where its tracepoint is not used; a background request before it waits for its turn. */
SEC("kprobe/fuse_uring_queue_fuse_req")
int BPF_KPROBE(kprobe_fuse_uring_queue_fuse_req, void *fiq, struct fuse_req *req)
{
	queued_untyped(req);
	return 0;
}

SEC("kprobe/fuse_uring_queue_bq_req")
int BPF_KPROBE(kprobe_fuse_uring_queue_bq_req, struct fuse_req *req)
{
	queued_untyped(req);
	return 0;
}

SEC("fentry/fuse_dev_queue_req")
int BPF_PROG(fentry_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	queued_typed(req);
	return 0;
}

STAND_IN("fentry/fuse_dev_queue_req", fuse_dev_queue_req_stand_in_1, queued_stand_in(req), void *fiq,
	 struct fuse_req *req)
STAND_IN("fentry/fuse_dev_queue_req", fuse_dev_queue_req_stand_in_2, queued_stand_in(req), void *fiq,
	 struct fuse_req *req)
STAND_IN("fentry/fuse_dev_queue_req", fuse_dev_queue_req_stand_in_3, queued_stand_in(req), void *fiq,
	 struct fuse_req *req)

SEC("tp_btf/fuse_request_end")
int BPF_PROG(on_fuse_request_end, struct fuse_req *req)
{
	ended_typed(req);
	return 0;
}

STAND_IN("tp_btf/fuse_request_end", fuse_request_end_stand_in_1, ended_stand_in(req), struct fuse_req *req)
STAND_IN("tp_btf/fuse_request_end", fuse_request_end_stand_in_2, ended_stand_in(req), struct fuse_req *req)
STAND_IN("tp_btf/fuse_request_end", fuse_request_end_stand_in_3, ended_stand_in(req), struct fuse_req *req)

/*
 * The function is entered twice for a request that is aborted while its server copies it:
 * the second time it has ended already.
 */
static __always_inline void function_ended(const struct req_view *view)
{
	if (!flag_set(view->flags, FR_FINISHED))
		request_ended(view);
}

SEC("fentry/fuse_request_end")
int BPF_PROG(fentry_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	GUARD_CPU();
	view_typed(req, &view);
	function_ended(&view);
	return 0;
}

STAND_IN("fentry/fuse_request_end", fentry_fuse_request_end_stand_in_1, ended_stand_in(req),
	 struct fuse_req *req)
STAND_IN("fentry/fuse_request_end", fentry_fuse_request_end_stand_in_2, ended_stand_in(req),
	 struct fuse_req *req)
STAND_IN("fentry/fuse_request_end", fentry_fuse_request_end_stand_in_3, ended_stand_in(req),
	 struct fuse_req *req)

SEC("kprobe/fuse_request_end")
int BPF_KPROBE(kprobe_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	function_ended(&view);
	return 0;
}

/* --- picked up ---------------------------------------------------------------------- */

static __always_inline void taken_from_shard(__u64 req, unsigned int shard, bool stolen)
{
	ft_slot_ref ref;
	struct ft_slot *s;

	GUARD_CPU();
	s = slot_find(req, &ref);
	if (s)
		ft_slot_taken_from(s, ft_ref_seq(ref), shard, stolen);
}

/*
 * Where a kernel with several input queues takes a request from one, before it is copied
 * to the reader (patches/v7.3/part2).
 */
SEC("tp_btf/fuse_iqueue_dequeue")
int BPF_PROG(on_fuse_iqueue_dequeue, struct fuse_req *req, __u32 connection, unsigned int shard,
	     bool stolen, __u64 age)
{
	if (enabled)
		taken_from_shard(address_of(req), shard, stolen);
	return 0;
}

static __always_inline __u64 unique_of(__u64 req)
{
	__u64 unique = 0;

	read_fuse_req(unique, req, in.h.unique);
	return unique;
}

static __always_inline __u32 transport_of(__u32 device)
{
	return device == CUSE_DEV ? FT_TRANSPORT_CUSE : FT_TRANSPORT_DEV;
}

/* Differs from one read() or readv() of a thread to the next, never 0. */
static __always_inline __u64 read_number(struct task_struct *task)
{
	return bpf_core_field_exists(task->ioac.syscr) ? task->ioac.syscr + 1 : 0;
}

/*
 * fuse_dev_do_read() of a FUSE or CUSE device returns ret; req is what it copied, 0 for a
 * message that is no request. False when the thread cannot be followed.
 */
static __always_inline bool read_returned(__u64 req, __u32 connection, __u32 device, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct fuse_in_header header;
	struct pt_regs *regs;
	struct thread *t;
	struct ft_slot *s;
	ft_slot_ref ref;
	long nr;

	t = known_server(task);
	if (!t)
		return false;
	if (preemptible)
		t->seen_read = read_number(task);
	if (ret < FUSE_IN_HEADER_LEN)
		return true;
	if (req) {
		s = slot_find(req, &ref);
		if (s) {
			announce(t, task);
			request_taken(s, ref, task, t, now, bpf_get_smp_processor_id(), unique_of(req),
				      transport_of(device));
		}
		return true;
	}
	/* FORGET or INTERRUPT: what it was stands in the server's buffer. */
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	nr = syscall_number(task, regs);
	if (nr == NR_splice || nr == NR_io_uring_enter) {
		count_loss(FT_LOSS_UNMATCHED_PICKUP);
		return true;
	}
	if (!read_header(task, regs, nr, &header) || header.len != (__u32)ret)
		return true;
	announce(t, task);
	message_taken(&header, connection, device, task, now, bpf_get_smp_processor_id());
	return true;
}

static __always_inline void read_stand_in(struct fuse_dev *fud, struct file *file,
					  struct fuse_copy_state *cs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_lookup(task->pid);
	__u64 req = ret > 0 && cs->req ? address_of(cs->req) : 0;
	struct ft_slot *s;
	ft_slot_ref ref;

	if (!enabled)
		return;
	/* Where no slot shows it, the number of the read tells whether its return was seen. */
	if (t && t->seen_read == read_number(task)) {
		s = req ? slot_find(req, &ref) : NULL;
		if (!s || is_picked_up(s, ref) || is_replied(s, ref))
			return;
	}
	GUARD_CPU();
	if (read_returned(req, connection_of_device(fud), file->f_inode->i_rdev, ret))
		count_stand_in_run();
}

STAND_IN("fexit/fuse_dev_do_read", fuse_dev_do_read_stand_in_1, read_stand_in(fud, file, cs, ret),
	 struct fuse_dev *fud, struct file *file, struct fuse_copy_state *cs, unsigned long nbytes, long ret)
STAND_IN("fexit/fuse_dev_do_read", fuse_dev_do_read_stand_in_2, read_stand_in(fud, file, cs, ret),
	 struct fuse_dev *fud, struct file *file, struct fuse_copy_state *cs, unsigned long nbytes, long ret)
STAND_IN("fexit/fuse_dev_do_read", fuse_dev_do_read_stand_in_3, read_stand_in(fud, file, cs, ret),
	 struct fuse_dev *fud, struct file *file, struct fuse_copy_state *cs, unsigned long nbytes, long ret)

SEC("fexit/fuse_dev_do_read")
int BPF_PROG(fexit_fuse_dev_do_read, struct fuse_dev *fud, struct file *file,
	     struct fuse_copy_state *cs, unsigned long nbytes, long ret)
{
	if (!enabled || (ret < FUSE_IN_HEADER_LEN && !preemptible))
		return 0;
	GUARD_CPU();
	read_returned(ret > 0 && cs->req ? address_of(cs->req) : 0, connection_of_device(fud),
		      file->f_inode->i_rdev, ret);
	return 0;
}

SEC("kprobe/fuse_dev_do_read")
int BPF_KPROBE(kprobe_fuse_dev_do_read, struct fuse_dev *fud, struct file *file,
	       struct fuse_copy_state *cs)
{
	struct thread *t = known_server(bpf_get_current_task_btf());

	if (t) {
		/* Returns are seen of so many threads at a time (kretprobe's maxactive). */
		if (enabled && t->reading)
			count_loss(FT_LOSS_UNMATCHED_PICKUP);
		t->reading = (__u64)cs;
		t->connection = connection_of_device(fud);
		t->device = BPF_CORE_READ(file, f_inode, i_rdev);
	}
	return 0;
}

SEC("kretprobe/fuse_dev_do_read")
int BPF_KRETPROBE(kretprobe_fuse_dev_do_read, long ret)
{
	struct thread *t = thread_lookup((__u32)bpf_get_current_pid_tgid());
	struct fuse_copy_state *cs;

	if (!t || !t->reading)
		return 0;
	cs = (struct fuse_copy_state *)t->reading;
	t->reading = 0;
	if (enabled && ret >= FUSE_IN_HEADER_LEN)
		read_returned((__u64)BPF_CORE_READ(cs, req), t->connection, t->device, ret);
	return 0;
}

static __always_inline void request_sent(__u64 req)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t;
	struct ft_slot *s;
	__u64 flags = 0;
	ft_slot_ref ref;

	GUARD_CPU();
	s = slot_find(req, &ref);
	if (!s)
		return;
	read_fuse_req(flags, req, flags);
	if (bpf_core_enum_value_exists(enum fuse_req_flag, FR_URING) && flag_set(flags, FR_URING))
		return; /* seen where its command completes */
	t = known_server(task);
	if (!t)
		return;
	announce(t, task);
	request_taken(s, ref, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id(), unique_of(req),
		      transport_of(t->device));
}

/*
 * 7.x tells the pickup of requests itself, under a lock, where a program cannot be
 * preempted. Messages that are no requests are left to the exit of the system call.
 */
SEC("tp_btf/fuse_request_sent")
int BPF_PROG(on_fuse_request_sent, struct fuse_req *req)
{
	if (enabled)
		request_sent(address_of(req));
	return 0;
}
