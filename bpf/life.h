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
	__u64 unique;
	__u64 nodeid;
	__u32 connection;
	__u32 opcode;
	__u32 bytes_in;
	__u32 bytes_out;
	__s32 error;
};

#define req_flag(view, flag) ((view)->flags >> bpf_core_enum_value(enum fuse_req_flag, flag) & 1)

static __always_inline bool passes_filters(__u32 connection, __u32 opcode)
{
	bool found = false;

	if (filter_opcodes && (opcode >= 128 || !(filter_opcode_bits[opcode / 64 & 1] >> (opcode % 64) & 1)))
		return false;
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

/* Tells user space who current is, once, and again when its name changes. */
static __always_inline void announce(struct task_state *ts, struct task_struct *task)
{
	struct ft_task info = {};
	__u64 *comm = (__u64 *)info.comm;

	bpf_get_current_comm(info.comm, sizeof(info.comm));
	if (ts->comm[0] == comm[0] && ts->comm[1] == comm[1])
		return;
	info.tid = task->pid;
	info.tgid = task->tgid;
	if (emit(&info, sizeof(info)))
		return; /* the ring is full: told with the next request */
	ts->comm[0] = comm[0];
	ts->comm[1] = comm[1];
}

/* Hands a finished request over and frees its slot. */
static __always_inline void finish(struct ft_slot *s)
{
	struct ft_cpu_state *cpu = this_cpu();
	bool keep = !filter_tgids_n || s->wanted;

	if (keep && sample_n > 1) {
		__u64 hash = (s->r.unique ^ ((__u64)s->r.connection << 32)) * 0x9E3779B97F4A7C15ull;

		keep = (hash >> 32) % sample_n == 0;
	}
	if (keep) {
		cpu->finished++;
		if (emit(&s->r, sizeof(s->r)))
			count_loss(FT_LOSS_RING_FULL);
	}
	s->state = 0;
	s->req = 0;
}

static __always_inline void handle_queued(const struct req_view *view)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *ts;
	struct ft_slot *s;
	__u32 index = 0;

	if (!enabled || !passes_filters(view->connection, view->opcode))
		return;
	if (filter_cgroups_n && !in_wanted_cgroup())
		return;

	s = slot_find(view->address, &index);
	if (s) {
		/* Its former owner went away without an end: a client that was killed while it waited. */
		count_incomplete(FT_INCOMPLETE_ABANDONED);
	} else {
		s = slot_claim(view->address, &index);
		if (!s) {
			table_was_full = true;
			count_loss(FT_LOSS_TABLE_FULL);
			return;
		}
	}

	if (++s->seq == 0)
		s->seq = 1;
	s->state = SLOT_QUEUED;
	__builtin_memset(&s->r, 0, sizeof(s->r));
	s->client = 0;
	s->wanted = tgid_wanted(task->tgid);
	s->r.connection = view->connection;
	s->r.opcode = view->opcode;
	s->r.client_tid = task->pid;
	s->r.client_cpu = bpf_get_smp_processor_id();
	s->r.server_cpu = FT_CPU_UNKNOWN;
	s->r.reply_cpu = FT_CPU_UNKNOWN;
	s->r.resume_cpu = FT_CPU_UNKNOWN;
	s->r.server_prev_cpu = FT_CPU_UNKNOWN;
	s->r.server_target_cpu = FT_CPU_UNKNOWN;
	s->r.server_waker_cpu = FT_CPU_UNKNOWN;
	s->r.client_prev_cpu = FT_CPU_UNKNOWN;
	s->r.client_target_cpu = FT_CPU_UNKNOWN;
	s->r.client_waker_cpu = FT_CPU_UNKNOWN;
	s->r.kind = req_flag(view, FR_BACKGROUND) ? FT_KIND_ASYNC : FT_KIND_SYNC;
	if (!req_flag(view, FR_ISREPLY))
		s->r.kind = FT_KIND_NOREPLY;
	s->r.transport = FT_TRANSPORT_DEV;

	ts = task_create(task);
	if (ts) {
		announce(ts, task);
		ts->sending.index = index;
		ts->sending.seq = s->seq;
		if (s->r.kind == FT_KIND_SYNC) {
			struct ft_slot *old = slot_of(&ts->waiting);

			/* It runs on without having been switched in: it never slept. */
			if (old && old->state == SLOT_REPLIED && old->r.resumed_ns == 0) {
				old->r.resumed_ns = old->r.replied_ns;
				old->r.flags |= FT_F_CLIENT_NEVER_SLEPT;
				finish(old);
			} else if (old && old->state == SLOT_QUEUED) {
				/* Killed while it waited, before a server took the request. */
				count_incomplete(FT_INCOMPLETE_ABANDONED);
				old->state = 0;
				old->req = 0;
			}
			ts->waiting = ts->sending;
			s->client = (__u64)task;
		}
	}
	this_cpu()->sender = task->pid;
	s->r.queued_ns = bpf_ktime_get_ns();
}

/* A server thread took this request off the queue; at is when, cpu where. */
static __always_inline void handle_picked_up(struct ft_slot *s, __u32 index, struct task_struct *task,
					     struct task_state *ts, __u64 at, __u32 cpu)
{
	__u32 tid = task->pid;

	if (s->r.picked_up_ns)
		s->r.flags |= FT_F_RESENT;
	s->r.server_tid = tid;
	s->r.server_cpu = cpu;
	s->r.picked_up_ns = at;
	s->r.pickup = s->r.woken_tid == 0   ? FT_PICKUP_BUSY :
		      s->r.woken_tid == tid ? FT_PICKUP_WOKEN :
					      FT_PICKUP_POACHED;
	s->state = SLOT_PICKED_UP;
	if (tgid_wanted(task->tgid))
		s->wanted = true;
	if (ts) {
		ts->woken.seq = 0;
		ts->serving.index = index;
		ts->serving.seq = s->seq;
	}
}

static __always_inline bool client_is_running(__u64 client)
{
	struct task_struct *task = (struct task_struct *)client;
	unsigned int state = 0;
	int on_cpu = 0;

	if (bpf_core_read(&on_cpu, sizeof(on_cpu), &task->on_cpu) || !on_cpu)
		return false;
	return !bpf_core_read(&state, sizeof(state), &task->__state) && state == TASK_RUNNING;
}

static __always_inline void handle_ended(const struct req_view *view)
{
	struct task_struct *task;
	struct ft_slot *s;
	__u32 index = 0;
	__u32 cpu;
	__u64 now;

	if (!enabled)
		return;
	s = slot_find(view->address, &index);
	if (!s) {
		if (!table_was_full && !filter_cgroups_n && passes_filters(view->connection, view->opcode))
			count_incomplete(FT_INCOMPLETE_BEFORE_START);
		return;
	}
	now = bpf_ktime_get_ns();
	cpu = bpf_get_smp_processor_id();
	task = bpf_get_current_task_btf();
	s->r.unique = view->unique;
	s->r.nodeid = view->nodeid;
	s->r.bytes_in = view->bytes_in;
	if (bpf_core_enum_value_exists(enum fuse_req_flag, FR_URING) && req_flag(view, FR_URING))
		s->r.transport = FT_TRANSPORT_IO_URING;
	if (req_flag(view, FR_INTERRUPTED))
		s->r.flags |= FT_F_INTERRUPTED;
	if (req_flag(view, FR_ABORTED))
		s->r.flags |= FT_F_ABORTED;

	if (s->r.kind == FT_KIND_NOREPLY) {
		/* The server's read ends it, before anything can be replied. */
		handle_picked_up(s, index, task, task_lookup(task), now, cpu);
		finish(s);
		return;
	}
	s->r.error = view->error;
	s->r.bytes_out = view->bytes_out;
	s->r.replied_ns = now;
	s->r.reply_cpu = cpu;
	s->r.replier_tid = task->pid;
	s->state = SLOT_REPLIED;
	if (!s->client) {
		finish(s);
	} else if (client_is_running(s->client)) {
		struct task_struct *client = (struct task_struct *)s->client;
		__u32 client_cpu = FT_CPU_UNKNOWN;

		bpf_core_read(&client_cpu, sizeof(client_cpu), &client->thread_info.cpu);
		s->r.resumed_ns = now;
		s->r.resume_cpu = client_cpu;
		s->r.flags |= FT_F_CLIENT_NEVER_SLEPT;
		finish(s);
	}
}

/* FORGET, BATCH_FORGET and INTERRUPT travel without a struct fuse_req: seen at the read alone. */
static __always_inline void handle_message(const struct fuse_in_header *header, __u32 connection,
					   __u32 device, struct task_struct *task, __u64 at, __u32 cpu)
{
	struct ft_request r = {};

	if (!enabled || filter_cgroups_n || !passes_filters(connection, header->opcode))
		return;
	if (filter_tgids_n && !tgid_wanted(task->tgid))
		return;
	r.picked_up_ns = at;
	r.unique = header->unique;
	r.nodeid = header->nodeid;
	r.connection = connection;
	r.opcode = header->opcode;
	r.bytes_in = header->len;
	r.server_tid = task->pid;
	r.client_cpu = FT_CPU_UNKNOWN;
	r.server_cpu = cpu;
	r.reply_cpu = FT_CPU_UNKNOWN;
	r.resume_cpu = FT_CPU_UNKNOWN;
	r.server_prev_cpu = FT_CPU_UNKNOWN;
	r.server_target_cpu = FT_CPU_UNKNOWN;
	r.server_waker_cpu = FT_CPU_UNKNOWN;
	r.client_prev_cpu = FT_CPU_UNKNOWN;
	r.client_target_cpu = FT_CPU_UNKNOWN;
	r.client_waker_cpu = FT_CPU_UNKNOWN;
	r.kind = FT_KIND_NOREPLY;
	r.transport = device == CUSE_DEV ? FT_TRANSPORT_CUSE : FT_TRANSPORT_DEV;
	if (sample_n > 1 && (((r.unique ^ ((__u64)connection << 32)) * 0x9E3779B97F4A7C15ull) >> 32) % sample_n)
		return;
	this_cpu()->finished++;
	if (emit(&r, sizeof(r)))
		count_loss(FT_LOSS_RING_FULL);
}

#endif /* FUSETRACE_LIFE_H */
