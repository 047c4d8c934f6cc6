/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The points of a request's life, each through every kind of hook that some
 * kernel needs: tracepoint with types, function entry or exit, kprobe. The
 * probe plan loads one of each. Typed hooks read a request by plain loads; a
 * kprobe must ask for every field.
 */
#ifndef FUSETRACE_HOOKS_H
#define FUSETRACE_HOOKS_H

/* --- queued and replied ---------------------------------------------------------- */

/* A request as a typed hook may read it. */
static __always_inline void view_typed(struct fuse_req *req, struct req_view *view)
{
	view->address = address_of(req);
	view->flags = req->flags;
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
	view->opcode = BPF_CORE_READ(req, in.h.opcode);
	if (bpf_core_field_exists(req->fm))
		view->connection = BPF_CORE_READ(req, fm, fc, dev);
	else
		view->connection = BPF_CORE_READ((struct fuse_req___chan *)req, chan, conn, dev);
}

/*
 * Where programs can be preempted, each of the hooks at which they may be has further
 * programs, which do what those before were skipped for: that is left undone only if as
 * many on one CPU are preempted at once. They have to run later: they stand behind the
 * first at a tracepoint, and before it at a function, whose programs run in the reverse
 * order of their attachment. probe_plan.cpp knows how many there are.
 */
#define STAND_INS(section, name, statement, args...)       \
	STAND_IN(section, name##_again_1, statement, args) \
	STAND_IN(section, name##_again_2, statement, args) \
	STAND_IN(section, name##_again_3, statement, args)

#define STAND_IN(section, name, statement, args...) \
	SEC(section)                                \
	int BPF_PROG(name, args)                    \
	{                                           \
		statement;                          \
		return 0;                           \
	}

/* It cannot have been replied to before it is sent: then the slot is of what lay there before. */
static __always_inline void queued_again(struct fuse_req *req)
{
	struct req_view view;
	struct ft_slot *s;
	__u32 index = 0;

	UNPREEMPTED(view_typed(req, &view); s = slot_find(view.address, &index);
		    if (!s || is_replied(s)) handle_queued(&view, true));
}

static __always_inline void ended_again(struct fuse_req *req)
{
	struct req_view view;
	struct ft_slot *s;
	__u32 index = 0;

	UNPREEMPTED(view_typed(req, &view); s = slot_find(view.address, &index);
		    if (s && !is_replied(s)) handle_ended(&view));
}

SEC("tp_btf/fuse_request_send")
int BPF_PROG(on_fuse_request_send, struct fuse_req *req)
{
	struct req_view view;

	UNPREEMPTED(view_typed(req, &view); handle_queued(&view, false));
	return 0;
}

STAND_INS("tp_btf/fuse_request_send", on_fuse_request_send, queued_again(req), struct fuse_req *req)

/* Before 6.10 there is no tracepoint; this is where 5.x and 6.1 put a request on the queue. */
SEC("fentry/queue_request_and_unlock")
int BPF_PROG(fentry_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_queued(&view, false);
	return 0;
}

SEC("kprobe/queue_request_and_unlock")
int BPF_KPROBE(kprobe_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view, false);
	return 0;
}

/* With tracepoint and kprobe asked for at once: what the tracepoint sits in, since 6.12. */
SEC("kprobe/fuse_dev_queue_req")
int BPF_KPROBE(kprobe_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view, false);
	return 0;
}

/* What virtio-fs has in its place. */
SEC("kprobe/virtio_fs_send_req")
int BPF_KPROBE(kprobe_virtio_fs_send_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view, false);
	return 0;
}

STAND_INS("fentry/fuse_dev_queue_req", fentry_fuse_dev_queue_req, queued_again(req), void *fiq,
	  struct fuse_req *req)

SEC("fentry/fuse_dev_queue_req")
int BPF_PROG(fentry_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	UNPREEMPTED(view_typed(req, &view); handle_queued(&view, false));
	return 0;
}

static __always_inline void taken_from_shard(__u64 req, unsigned int shard, bool stolen)
{
	struct ft_slot *s;
	__u32 index = 0;

	s = slot_find(req, &index);
	if (!s || s->seq & 1)
		return;
	begin_served(s);
	s->shard = shard;
	s->served_flags |= FT_F_SHARD_KNOWN;
	if (stolen)
		s->served_flags |= FT_F_STOLEN;
	else
		s->served_flags &= ~FT_F_STOLEN; /* it may be resent */
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
		UNPREEMPTED(taken_from_shard(address_of(req), shard, stolen));
	return 0;
}

SEC("tp_btf/fuse_request_end")
int BPF_PROG(on_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	UNPREEMPTED(view_typed(req, &view); handle_ended(&view));
	return 0;
}

STAND_INS("tp_btf/fuse_request_end", on_fuse_request_end, ended_again(req), struct fuse_req *req)

STAND_INS("fentry/fuse_request_end", fentry_fuse_request_end, ended_again(req), struct fuse_req *req)

/*
 * The function is entered twice for a request that is aborted while its server copies it:
 * the second time it has ended already.
 */
static __always_inline void function_ended(const struct req_view *view)
{
	if (!flag_set(view->flags, FR_FINISHED))
		handle_ended(view);
}

SEC("fentry/fuse_request_end")
int BPF_PROG(fentry_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	UNPREEMPTED(view_typed(req, &view); function_ended(&view));
	return 0;
}

SEC("kprobe/fuse_request_end")
int BPF_KPROBE(kprobe_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	function_ended(&view);
	return 0;
}

/* --- picked up ---------------------------------------------------------------------- */

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
	struct thread *t;
	struct ft_slot *s;
	__u32 index = 0;

	t = known_server(task);
	if (!t)
		return false;
	if (preemptible)
		t->seen_read = read_number(task);
	if (ret < FUSE_IN_HEADER_LEN)
		return true;
	if (req) {
		s = slot_find(req, &index);
		if (s) {
			announce(t, task);
			handle_picked_up(s, index, task, t, now, bpf_get_smp_processor_id());
			if (device == CUSE_DEV)
				s->transport = FT_TRANSPORT_CUSE;
		}
		return true;
	}
	{
		/* FORGET or INTERRUPT: what it was stands in the server's buffer. */
		struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
		long nr = SYSCALL_NR(regs);

		if (nr == NR_splice || nr == NR_io_uring_enter) {
			count_loss(FT_LOSS_UNMATCHED_PICKUP);
			return true;
		}
		if (!read_header(regs, nr, &header) || header.len != (__u32)ret)
			return true;
		announce(t, task);
		handle_message(&header, connection, device, task, now, bpf_get_smp_processor_id());
	}
	return true;
}

/* Where no slot shows it, the number of the read tells whether its return was seen. */
static __always_inline void read_returned_again(struct fuse_dev *fud, struct file *file,
						struct fuse_copy_state *cs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_lookup(task->pid);
	__u64 req = ret > 0 && cs->req ? address_of(cs->req) : 0;
	struct ft_slot *s;
	__u32 index = 0;

	if (!enabled)
		return;
	if (t && t->seen_read == read_number(task)) {
		s = req ? slot_find(req, &index) : NULL;
		if (!s || is_picked_up(s) || is_replied(s))
			return;
	}
	UNPREEMPTED(if (read_returned(req, connection_of_device(fud), file->f_inode->i_rdev, ret))
			    count_stood_in());
}

STAND_INS("fexit/fuse_dev_do_read", fexit_fuse_dev_do_read, read_returned_again(fud, file, cs, ret),
	  struct fuse_dev *fud, struct file *file, struct fuse_copy_state *cs, unsigned long nbytes,
	  long ret)

SEC("fexit/fuse_dev_do_read")
int BPF_PROG(fexit_fuse_dev_do_read, struct fuse_dev *fud, struct file *file,
	     struct fuse_copy_state *cs, unsigned long nbytes, long ret)
{
	if (!enabled || (ret < FUSE_IN_HEADER_LEN && !preemptible))
		return 0;
	UNPREEMPTED(read_returned(ret > 0 && cs->req ? address_of(cs->req) : 0,
				  connection_of_device(fud), file->f_inode->i_rdev, ret));
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
	__u32 index = 0;

	s = slot_find(req, &index);
	if (!s)
		return;
	read_fuse_req(flags, req, flags);
	if (bpf_core_enum_value_exists(enum fuse_req_flag, FR_URING) && flag_set(flags, FR_URING))
		return; /* seen where its command completes */
	t = known_server(task);
	if (!t)
		return;
	announce(t, task);
	handle_picked_up(s, index, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
	if (t->device == CUSE_DEV)
		s->transport = FT_TRANSPORT_CUSE;
}

/*
 * 7.x tells the pickup of requests itself, under a lock, where a program cannot be
 * preempted. Messages that are no requests are left to the exit of the system call.
 */
SEC("tp_btf/fuse_request_sent")
int BPF_PROG(on_fuse_request_sent, struct fuse_req *req)
{
	if (enabled)
		UNPREEMPTED(request_sent(address_of(req)));
	return 0;
}

/* --- wake flags ------------------------------------------------------------------------ */

static __always_inline void note_wake_flags(struct task_struct *p, struct thread *t, int flags)
{
	struct ft_slot *s = slot_of(&t->waiting);

	if (s && is_replied(s) && s->client_waking_ns) {
		s->served_flags |= FT_F_CLIENT_WAKE_FLAGS_KNOWN;
		if (flags & WF_SYNC)
			s->served_flags |= FT_F_CLIENT_WAKE_SYNC;
		if (flags & WF_CURRENT_CPU)
			s->served_flags |= FT_F_CLIENT_WAKE_CURRENT_CPU;
		return;
	}
	s = slot_of(&t->woken);
	if (s && s->woken_tid == (__u32)p->pid && !is_running(s)) {
		s->flags |= FT_F_SERVER_WAKE_FLAGS_KNOWN;
		if (flags & WF_SYNC)
			s->flags |= FT_F_SERVER_WAKE_SYNC;
		if (flags & WF_CURRENT_CPU)
			s->flags |= FT_F_SERVER_WAKE_CURRENT_CPU;
	}
}

SEC("fentry/select_task_rq_fair")
int BPF_PROG(fentry_select_task_rq_fair, struct task_struct *p, int prev_cpu, int wake_flags)
{
	struct thread *t = thread_lookup(p->pid);

	if (t && enabled)
		note_wake_flags(p, t, wake_flags);
	return 0;
}

#endif /* FUSETRACE_HOOKS_H */
