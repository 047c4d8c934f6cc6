/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request from its queueing to the moment its record is handed over. The
 * hooks differ between kernels; they all end in the functions here.
 */
#ifndef FUSETRACE_LIFE_H
#define FUSETRACE_LIFE_H

/* What a hook knows of a struct fuse_req, read the way that hook may read it. */
struct req_view {
	__u64 address;
	__u64 flags;
	__u32 connection;
	__u32 opcode;
};

#define flag_set(flags, flag) ((flags) >> bpf_core_enum_value(enum fuse_req_flag, flag) & 1)

static __always_inline bool passes_filters(__u32 connection, __u32 opcode)
{
	bool found = false;

	if (filter_opcodes) {
		/* Without an index: 6.1's verifier forgets the bound of one that was spilled. */
		__u64 bits = opcode & 64 ? filter_opcode_bits[1] : filter_opcode_bits[0];

		if (opcode >= 128 || !(bits >> (opcode % 64) & 1))
			return false;
	}
	if (!filter_connections_n)
		return true;
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_connections_n && filter_connections[i] == connection)
			found = true;
	return found;
}

static __always_inline bool tgid_wanted(__u32 tgid)
{
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_tgids_n && filter_tgids[i] == tgid)
			return true;
	return false;
}

static __always_inline bool in_wanted_cgroup(void)
{
	for (int i = 0; i < MAX_FILTER; i++)
		if (i < filter_cgroups_n && bpf_current_task_under_cgroup(&cgroups, i) == 1)
			return true;
	return false;
}

#define NAME_EVERY 64 /* requests of a thread between two looks at its name */

/* Tells user space who current is, and again when its name has changed. */
static __always_inline void announce(struct thread *t, struct task_struct *task)
{
	__u64 comm[2] = {};
	struct ft_task *info;

	if (keep_totals)
		return; /* nobody asks who it was */
	if (t->named) {
		t->named--;
		return;
	}
	bpf_get_current_comm(comm, sizeof(comm));
	if (t->comm[0] == comm[0] && t->comm[1] == comm[1]) {
		t->named = NAME_EVERY;
		return;
	}
	info = ring_reserve(sizeof(*info));
	if (!info)
		return; /* the ring is full: told with the next request */
	info->tid = task->pid;
	info->tgid = task->tgid;
	__builtin_memcpy(info->comm, comm, sizeof(comm));
	ring_submit(info);
	t->comm[0] = comm[0];
	t->comm[1] = comm[1];
	t->named = NAME_EVERY;
}

/*
 * Keeps what is known from struct fuse_req, for a client that may be gone, and
 * the request freed, before its return is noticed.
 */
static __always_inline void save_request(struct ft_slot *s, __u32 seq)
{
	__u64 address = s->req;

	read_fuse_req(s->unique, address, in.h.unique);
	read_fuse_req(s->nodeid, address, in.h.nodeid);
	read_fuse_req(s->bytes_in, address, in.h.len);
	read_fuse_req(s->error, address, out.h.error);
	read_fuse_req(s->bytes_out, address, out.h.len);
	read_fuse_req(s->req_flags, address, flags);
	s->saved_seq = seq;
}

static __always_inline void fill_record(struct ft_request *r, const struct ft_slot *s, __u32 seq,
					__u64 resumed_ns, __u32 resume_cpu, __u32 flags)
{
	ft_slot_record(s, seq, r);
	r->resumed_ns = resumed_ns;
	r->resume_cpu = resume_cpu;
	r->flags |= flags;
	ft_slot_saved(s, r);
	if (flag_set(s->req_flags, FR_INTERRUPTED))
		r->flags |= FT_F_INTERRUPTED;
	if (flag_set(s->req_flags, FR_ABORTED))
		r->flags |= FT_F_ABORTED;
	if (bpf_core_enum_value_exists(enum fuse_req_flag, FR_URING) && flag_set(s->req_flags, FR_URING))
		r->transport = FT_TRANSPORT_IO_URING;
}

/*
 * Hands over the record of a finished request, the slot's owner number seq, and
 * frees the slot. Whoever sees the client run may try, on two CPUs at once: the
 * first one does it. The struct fuse_req is still there, or what it held was
 * saved: this runs in fuse_request_end(), or before its client, which holds a
 * reference, runs again.
 */
static __always_inline void finish(struct ft_slot *s, __u32 seq, __u64 resumed_ns, __u32 resume_cpu,
				   __u32 flags)
{
	if (s->saved_seq != seq)
		save_request(s, seq);
	if (__sync_val_compare_and_swap(&s->seq, seq, seq | 1) != seq)
		return;
	if (filter_tgids_n && !s->wanted)
		goto out;
	if (!ft_sampled(s->connection, s->unique, sample_n))
		goto out;
	if (keep_totals) {
		struct ft_request r;

		fill_record(&r, s, seq, resumed_ns, resume_cpu, flags);
		totals_add(&r);
	} else {
		struct ft_request *r = ring_reserve(sizeof(*r));

		if (!r) {
			count_loss(FT_LOSS_RING_FULL);
			goto out;
		}
		fill_record(r, s, seq, resumed_ns, resume_cpu, flags);
		ring_submit(r);
	}
out:
	s->req = 0;
}

/* Where a client went on that was not seen to: unknown when it has moved since it queued. */
static __always_inline __u32 client_stayed_on(const struct ft_slot *s)
{
	return s->migrations_client_waiting ? FT_CPU_UNKNOWN : s->client_cpu;
}

/*
 * The client of a request that was replied to runs, and was not seen to be
 * switched in: the wakeup found it on its way to sleep, and it never got there.
 * Where it did sleep, the switch was not shown (seen of switches away from a
 * thread that the system keeps for itself), and when it resumed is unknown.
 */
static __always_inline void finish_unslept(struct ft_slot *s, __u32 seq)
{
	if (!s->client_waking_ns)
		finish(s, seq, s->replied_ns, client_stayed_on(s), FT_F_CLIENT_NEVER_SLEPT);
	else if (s->served_flags & FT_F_CLIENT_NEVER_SLEPT)
		finish(s, seq, s->client_waking_ns, s->client_target_cpu, 0);
	else
		finish(s, seq, 0, client_stayed_on(s), 0);
}

/*
 * FR_FINISHED is set before fuse_request_end() is seen: a client that looks at it just
 * then goes on, and virtio-fs, whose requests are not seen to be taken, gives no other
 * sign. Until the end is seen the request cannot be freed.
 */
static __always_inline bool has_ended(const struct ft_slot *s)
{
	__u64 address = s->req, flags = 0;

	read_fuse_req(flags, address, flags);
	return flag_set(flags, FR_FINISHED);
}

static __always_inline void handle_queued(const struct req_view *view, bool again)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t;
	struct ft_slot *s;
	__u32 index = 0;

	if (!enabled || !passes_filters(view->connection, view->opcode))
		return;
	if (filter_cgroups_n && !in_wanted_cgroup())
		return;

	t = thread_create(task->pid);
	if (t) {
		struct ft_slot *old = slot_of(&t->waiting);

		if (old && is_replied(old)) {
			finish_unslept(old, t->waiting.seq);
		} else if (old && !is_picked_up(old) && old->kind == FT_KIND_SYNC && !has_ended(old)) {
			/* Killed while it waited, before a server took the request. */
			count_incomplete(FT_INCOMPLETE_ABANDONED);
			old->req = 0;
		}
		t->waiting.seq = 0;
	}
	s = slot_find(view->address, &index);
	if (s && is_replied(s) && s->saved_seq == s->seq) {
		/* Its former client has gone on, and was not seen to: the switch was not shown. */
		finish_unslept(s, s->seq);
		s = NULL;
	}
	if (s) {
		/* Its former owner went away without an end: a client that was killed while it waited. */
		count_incomplete(FT_INCOMPLETE_ABANDONED);
	} else {
		s = slot_claim(view->address, &index);
		if (!s) {
			table_was_full = true;
			if (!again)
				count_loss(FT_LOSS_TABLE_FULL);
			return;
		}
	}

	s->seq = (s->seq | 1) + 1;
	if (s->seq == 0)
		s->seq = 2;
	s->client = 0;
	s->server_waking_ns = 0;
	s->client_tid = task->pid;
	s->woken_tid = 0;
	s->connection = view->connection;
	s->opcode = view->opcode;
	s->client_cpu = bpf_get_smp_processor_id();
	s->server_prev_cpu = FT_CPU_UNKNOWN;
	s->server_target_cpu = FT_CPU_UNKNOWN;
	s->server_waker_cpu = FT_CPU_UNKNOWN;
	s->flags = 0;
	s->kind = flag_set(view->flags, FR_BACKGROUND) ? FT_KIND_ASYNC : FT_KIND_SYNC;
	if (!flag_set(view->flags, FR_ISREPLY))
		s->kind = FT_KIND_NOREPLY;
	s->wanted = tgid_wanted(task->tgid);
	s->migrations_client_waiting = 0;
	s->migrations_server_waiting = 0;

	if (t) {
		announce(t, task);
		t->sending.index = index;
		t->sending.seq = s->seq;
		if (s->kind == FT_KIND_SYNC) {
			t->waiting = t->sending;
			s->client = (__u64)task;
		}
	}
	this_cpu()->sender = task->pid;
	s->queued_ns = bpf_ktime_get_ns();
}

/*
 * A server thread took this request off the queue; at is when, cpu where. One that was
 * aborted before the server's read returned had its reply then: nobody serves it.
 */
static __always_inline void handle_picked_up(struct ft_slot *s, __u32 index, struct task_struct *task,
					     struct thread *t, __u64 at, __u32 cpu)
{
	if (is_replied(s))
		return;
	begin_served(s);
	if (s->picked_up_ns)
		s->served_flags |= FT_F_RESENT;
	s->server_tid = task->pid;
	s->server_cpu = cpu;
	s->picked_up_ns = at;
	if (tgid_wanted(task->tgid))
		s->wanted = true;
	if (t) {
		if (keep_totals)
			t->taken++;
		t->woken.seq = 0;
		t->serving.index = index;
		t->serving.seq = s->seq;
	}
}

/*
 * FR_FINISHED is set before the tracepoint: a client that looks at it just then
 * goes on without sleeping, and may have queued its next request by now.
 */
static __always_inline bool still_waits(const struct ft_slot *s, __u32 index)
{
	struct thread *t = thread_find(s->client_tid);

	return t && t->waiting.seq == s->seq && t->waiting.index == index;
}

static __always_inline bool client_is_running(__u64 client)
{
	unsigned int state = ~0u;
	int on_cpu = 0;

	read_field(on_cpu, struct task_struct, client, on_cpu);
	if (!on_cpu)
		return false;
	read_field(state, struct task_struct, client, __state);
	return state == TASK_RUNNING;
}

/* virtio-fs: its input queue has something of its own, that of the devices has not. */
static __always_inline bool over_virtio_fs(__u64 address)
{
	struct fuse_req *req = (struct fuse_req *)address;

	if (bpf_core_field_exists(req->fm))
		return BPF_CORE_READ(req, fm, fc, iq.priv);
	return BPF_CORE_READ((struct fuse_req___chan *)req, chan, iq.priv);
}

static __always_inline void handle_ended(const struct req_view *view)
{
	struct task_struct *task;
	struct thread *server;
	struct ft_slot *s;
	__u32 index = 0;
	__u32 cpu, seq;
	__u64 now;

	if (!enabled)
		return;
	s = slot_find(view->address, &index);
	if (!s) {
		if (!table_was_full && !filter_cgroups_n && passes_filters(view->connection, view->opcode))
			count_incomplete(FT_INCOMPLETE_BEFORE_START);
		return;
	}
	seq = s->seq;
	if (seq & 1)
		return;
	now = bpf_ktime_get_ns();
	cpu = bpf_get_smp_processor_id();
	task = bpf_get_current_task_btf();
	if (s->kind == FT_KIND_NOREPLY) {
		/* The server's read ends it, before anything can be replied. */
		handle_picked_up(s, index, task, thread_lookup(task->pid), now, cpu);
		finish(s, seq, 0, FT_CPU_UNKNOWN, 0);
		return;
	}
	server = thread_lookup(task->pid);
	if (server && server->serving.seq == seq)
		server->serving.seq = 0;
	begin_served(s);
	if (!s->picked_up_ns && over_virtio_fs(view->address))
		s->transport = FT_TRANSPORT_VIRTIOFS;
	s->reply_cpu = cpu;
	s->replier_tid = task->pid;
	barrier(); /* a client that goes on by itself hands the record over once it has this */
	s->replied_ns = now;
	if (!s->client) {
		finish(s, seq, 0, FT_CPU_UNKNOWN, 0);
	} else if (!still_waits(s, index)) {
		finish(s, seq, now, client_stayed_on(s), FT_F_CLIENT_NEVER_SLEPT);
	} else if (client_is_running(s->client)) {
		__u32 client_cpu = FT_CPU_UNKNOWN;

		read_field(client_cpu, struct task_struct, s->client, thread_info.cpu);
		finish(s, seq, now, client_cpu, FT_F_CLIENT_NEVER_SLEPT);
	} else {
		/* The capture may end, or the client run on, before its return is seen. */
		save_request(s, seq);
	}
}

static __always_inline void fill_message(struct ft_request *r, const struct fuse_in_header *header,
					 __u32 connection, __u32 device, struct task_struct *task,
					 __u64 at, __u32 cpu)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->picked_up_ns = at;
	r->unique = header->unique;
	r->nodeid = header->nodeid;
	r->connection = connection;
	r->opcode = header->opcode;
	r->bytes_in = header->len;
	r->server_tid = task->pid;
	r->client_cpu = FT_CPU_UNKNOWN;
	r->server_cpu = cpu;
	r->reply_cpu = FT_CPU_UNKNOWN;
	r->resume_cpu = FT_CPU_UNKNOWN;
	r->server_prev_cpu = FT_CPU_UNKNOWN;
	r->server_target_cpu = FT_CPU_UNKNOWN;
	r->server_waker_cpu = FT_CPU_UNKNOWN;
	r->client_prev_cpu = FT_CPU_UNKNOWN;
	r->client_target_cpu = FT_CPU_UNKNOWN;
	r->client_waker_cpu = FT_CPU_UNKNOWN;
	r->kind = FT_KIND_NOREPLY;
	r->transport = device == CUSE_DEV ? FT_TRANSPORT_CUSE : FT_TRANSPORT_DEV;
}

/* FORGET, BATCH_FORGET and INTERRUPT travel without a struct fuse_req: seen at the read alone. */
static __always_inline void handle_message(const struct fuse_in_header *header, __u32 connection,
					   __u32 device, struct task_struct *task, __u64 at, __u32 cpu)
{
	if (!enabled || filter_cgroups_n || !passes_filters(connection, header->opcode))
		return;
	if (filter_tgids_n && !tgid_wanted(task->tgid))
		return;
	if (!ft_sampled(connection, header->unique, sample_n))
		return;
	if (keep_totals) {
		struct ft_request r;

		fill_message(&r, header, connection, device, task, at, cpu);
		totals_add(&r);
	} else {
		struct ft_request *r = ring_reserve(sizeof(*r));

		if (!r) {
			count_loss(FT_LOSS_RING_FULL);
			return;
		}
		fill_message(r, header, connection, device, task, at, cpu);
		ring_submit(r);
	}
}

#endif /* FUSETRACE_LIFE_H */
