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

SEC("tp_btf/fuse_request_send")
int BPF_PROG(on_fuse_request_send, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_queued(&view);
	return 0;
}

/* Before 6.10 there is no tracepoint; this is where 5.x and 6.1 put a request on the queue. */
SEC("fentry/queue_request_and_unlock")
int BPF_PROG(fentry_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_queued(&view);
	return 0;
}

SEC("kprobe/queue_request_and_unlock")
int BPF_KPROBE(kprobe_queue_request_and_unlock, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view);
	return 0;
}

/* With tracepoint and kprobe asked for at once: what the tracepoint sits in, since 6.12. */
SEC("kprobe/fuse_dev_queue_req")
int BPF_KPROBE(kprobe_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view);
	return 0;
}

/* What virtio-fs has in its place. */
SEC("kprobe/virtio_fs_send_req")
int BPF_KPROBE(kprobe_virtio_fs_send_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view);
	return 0;
}

SEC("fentry/fuse_dev_queue_req")
int BPF_PROG(fentry_fuse_dev_queue_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_queued(&view);
	return 0;
}

SEC("tp_btf/fuse_request_end")
int BPF_PROG(on_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_ended(&view);
	return 0;
}

SEC("fentry/fuse_request_end")
int BPF_PROG(fentry_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	view_typed(req, &view);
	handle_ended(&view);
	return 0;
}

SEC("kprobe/fuse_request_end")
int BPF_KPROBE(kprobe_fuse_request_end, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_ended(&view);
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

/* fuse_dev_do_read() returns ret; req is what it copied, 0 for a message that is no request. */
static __always_inline void read_returned(__u64 req, __u32 connection, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct fuse_in_header header;
	struct thread *t;
	struct ft_slot *s;
	__u32 index = 0;

	t = known_server(task);
	if (!t)
		return;
	if (req) {
		s = slot_find(req, &index);
		if (s) {
			announce(t, task);
			handle_picked_up(s, index, task, t, now, bpf_get_smp_processor_id());
		}
		return;
	}
	{
		/* FORGET or INTERRUPT: what it was stands in the server's buffer. */
		struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
		long nr = SYSCALL_NR(regs);

		if (nr == NR_splice || nr == NR_io_uring_enter) {
			count_loss(FT_LOSS_UNMATCHED_PICKUP);
			return;
		}
		if (!read_header(regs, nr, &header) || header.len != (__u32)ret)
			return;
		announce(t, task);
		handle_message(&header, connection, FUSE_DEV, task, now, bpf_get_smp_processor_id());
	}
}

SEC("fexit/fuse_dev_do_read")
int BPF_PROG(fexit_fuse_dev_do_read, struct fuse_dev *fud, struct file *file,
	     struct fuse_copy_state *cs, unsigned long nbytes, long ret)
{
	struct fuse_req *req;

	if (!enabled || ret < FUSE_IN_HEADER_LEN)
		return 0;
	req = cs->req;
	read_returned(req ? address_of(req) : 0, connection_of_device(fud), ret);
	return 0;
}

SEC("kprobe/fuse_dev_do_read")
int BPF_KPROBE(kprobe_fuse_dev_do_read, struct fuse_dev *fud, struct file *file,
	       struct fuse_copy_state *cs)
{
	struct thread *t = known_server(bpf_get_current_task_btf());

	if (t) {
		t->reading = (__u64)cs;
		t->connection = connection_of_device(fud);
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
		read_returned((__u64)BPF_CORE_READ(cs, req), t->connection, ret);
	return 0;
}

/* 7.x tells the pickup itself, for the device and for io_uring. */
SEC("tp_btf/fuse_request_sent")
int BPF_PROG(on_fuse_request_sent, struct fuse_req *req)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t;
	struct ft_slot *s;
	__u32 index = 0;

	if (!enabled)
		return 0;
	t = known_server(task);
	if (!t)
		return 0;
	s = slot_find(address_of(req), &index);
	if (!s)
		return 0;
	announce(t, task);
	handle_picked_up(s, index, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
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
