/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request from its queueing to the moment its record is handed over. The hooks
 * differ between kernels; each gathers what it knows, and the functions here tell the
 * protocol (slot.h).
 */
#ifndef FUSETRACE_REQUESTS_H
#define FUSETRACE_REQUESTS_H

#include "counters.h"
#include "filters.h"
#include "reading.h"
#include "rings.h"
#include "sampling.h"
#include "slot_record.h"
#include "slots.h"
#include "threads.h"
#include "totals.h"

/* What a hook knows of a struct fuse_req, read the way that hook may read it. */
struct req_view {
	__u64 address;
	__u64 flags;
	__u64 unique; /* 0: not numbered yet (fuse_request_send before 6.13) */
	__u32 connection;
	__u32 opcode;
};

#define flag_set(flags, flag) ((flags) >> bpf_core_enum_value(enum fuse_req_flag, flag) & 1)

/* Set when the slot table was full once: a later end without a slot may be its doing. */
extern bool table_was_full;

/* What struct fuse_req keeps, for a client that may be gone, and the request freed, before its return is noticed. */
static __always_inline void save_request(struct ft_saved *saved, __u64 address)
{
	read_fuse_req(saved->unique, address, in.h.unique);
	read_fuse_req(saved->nodeid, address, in.h.nodeid);
	read_fuse_req(saved->bytes_in, address, in.h.len);
	read_fuse_req(saved->error, address, out.h.error);
	read_fuse_req(saved->bytes_out, address, out.h.len);
	read_fuse_req(saved->req_flags, address, flags);
}

/* Of a request that nobody replies to: it ends in the read that took it, and is still there. */
static __always_inline __u64 read_noreply(const struct ft_slot *s, struct ft_request *r)
{
	__u64 address = ft_get(&s->req), flags = 0;

	read_fuse_req(r->unique, address, in.h.unique);
	read_fuse_req(r->nodeid, address, in.h.nodeid);
	read_fuse_req(r->bytes_in, address, in.h.len);
	read_fuse_req(flags, address, flags);
	return flags;
}

static __always_inline void fill_record(struct ft_request *r, const struct ft_slot *s,
					const struct ft_closed *closed, enum ft_resume how,
					__u64 resumed_ns, __u32 resume_cpu)
{
	__u64 flags;

	ft_slot_record(s, closed, r);
	ft_slot_resumed(s, closed, how, resumed_ns, resume_cpu, r);
	if (ft_closed_replied(closed)) {
		flags = ft_slot_saved(s, r);
		barrier(); /* as in in_sample() */
	} else {
		flags = read_noreply(s, r);
	}
	if (flag_set(flags, FR_INTERRUPTED))
		r->flags |= FT_F_INTERRUPTED;
	if (flag_set(flags, FR_ABORTED))
		r->flags |= FT_F_ABORTED;
	if (bpf_core_enum_value_exists(enum fuse_req_flag, FR_URING) && flag_set(flags, FR_URING))
		r->transport = FT_TRANSPORT_IO_URING;
}

/* In the sample; only the number is read for that. */
static __always_inline bool in_sample(const struct ft_slot *s, const struct ft_closed *closed)
{
	__u64 unique = 0;

	if (sample_n <= 1)
		return true;
	if (ft_closed_replied(closed)) {
		unique = ft_get(&s->unique);
		/* One load of either pointer would do for the compiler; the verifier refuses it. */
		barrier();
	} else {
		read_fuse_req(unique, ft_get(&s->req), in.h.unique);
	}
	return ft_sampled(ft_get(&s->connection), unique, sample_n);
}

/*
 * Hands over the record of a finished request and frees its slot. Whoever sees the
 * client run may try, on two CPUs at once: the first one does it. A function of its own,
 * since a program has several ways to get here.
 */
static __noinline void finish(struct ft_slot *s, ft_slot_ref ref, enum ft_resume how, __u64 resumed_ns,
			      __u32 resume_cpu)
{
	struct ft_closed closed;

	if (!ft_slot_close(s, ft_ref_seq(ref), &closed))
		return;
	if (filter_tgids_n && !ft_closed_wanted(s, &closed))
		goto out;
	if (!in_sample(s, &closed))
		goto out;
	if (keep_totals) {
		struct ft_request r;

		fill_record(&r, s, &closed, how, resumed_ns, resume_cpu);
		totals_add(&r);
	} else {
		struct ft_request *r = ring_reserve(sizeof(*r));

		if (!r) {
			count_loss(FT_LOSS_RING_FULL);
			goto out;
		}
		fill_record(r, s, &closed, how, resumed_ns, resume_cpu);
		ring_submit(r);
	}
out:
	ft_slot_release(s, &closed);
}

/* Its client was killed before a server took it; nothing is handed over. */
static __always_inline void abandon(struct ft_slot *s, ft_slot_ref ref)
{
	struct ft_closed closed;

	if (!ft_slot_close(s, ft_ref_seq(ref), &closed))
		return;
	count_incomplete(FT_INCOMPLETE_ABANDONED);
	ft_slot_release(s, &closed);
}

/* The owner of a slot whose address another request has now: its end, or its client's return, was not seen. */
static __always_inline void evict(struct ft_slot *s, ft_slot_ref ref)
{
	if (is_replied(s, ref))
		finish(s, ref, FT_RESUME_UNSEEN, 0, FT_CPU_UNKNOWN);
	else
		abandon(s, ref);
}

/*
 * FR_FINISHED is set before fuse_request_end() is seen: a client that looks at it just
 * then goes on, and virtio-fs, whose requests are not seen to be taken, gives no other
 * sign. Until the end is seen the request cannot be freed.
 */
static __always_inline bool has_ended(const struct ft_slot *s)
{
	__u64 address = ft_load(&s->req), flags = 0;

	read_fuse_req(flags, address, flags);
	return flag_set(flags, FR_FINISHED);
}

/* The current thread queues a request: it no longer waits for the one before. */
static __always_inline void leave_behind(struct thread *t)
{
	ft_slot_ref ref = ft_load(&t->waiting);
	struct ft_slot *s;

	if (!ref)
		return;
	/*
	 * The end of that request looks at `waiting` after it has stored the reply; here
	 * the reply is looked at after `waiting` was stored. Both stores are full
	 * barriers, so at least one side finishes the request.
	 */
	ft_xchg(&t->waiting, 0);
	s = slot_of(ref);
	if (!s)
		return;
	if (is_replied(s, ref))
		finish(s, ref, FT_RESUME_UNSEEN, 0, FT_CPU_UNKNOWN);
	else if (!is_picked_up(s, ref) && !has_ended(s))
		abandon(s, ref);
}

static __always_inline void request_queued(const struct req_view *view, bool is_retry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ft_queued queued = {};
	struct thread *t;
	struct ft_slot *s;
	ft_slot_ref ref;
	__u32 index = 0;

	if (!enabled)
		return;
	if (!passes_filters(view->connection, view->opcode) ||
	    (filter_cgroups_n && !in_wanted_cgroup())) {
		/*
		 * A slot may be left at this address by a request whose client was killed. The
		 * end of this one is not taken for its end, since they have different numbers;
		 * where requests have none yet, the slot has to go now. Only there does a
		 * request that is filtered out cost a look at the table.
		 */
		if (!view->unique) {
			s = slot_find(view->address, &ref);
			if (s)
				evict(s, ref);
		}
		return;
	}
	t = thread_create(task->pid);
	if (t)
		leave_behind(t);
	s = slot_find(view->address, &ref);
	if (s)
		evict(s, ref);
	s = slot_claim(view->address, &index);
	if (!s) {
		table_was_full = true;
		if (!is_retry)
			count_loss(FT_LOSS_TABLE_FULL);
		return;
	}
	queued.kind = flag_set(view->flags, FR_BACKGROUND) ? FT_KIND_ASYNC : FT_KIND_SYNC;
	if (!flag_set(view->flags, FR_ISREPLY))
		queued.kind = FT_KIND_NOREPLY;
	if (t) {
		announce(t, task);
		if (queued.kind == FT_KIND_SYNC)
			queued.client = (__u64)task;
	}
	queued.unique = view->unique;
	queued.client_tid = task->pid;
	queued.connection = view->connection;
	queued.opcode = view->opcode;
	queued.cpu = bpf_get_smp_processor_id();
	queued.wanted = tgid_wanted(task->tgid);
	this_cpu()->sender = task->pid;
	queued.at_ns = bpf_ktime_get_ns();
	ref = ft_ref(index, ft_slot_begin(s, &queued));
	if (t) {
		/* Before the kernel puts it on the queue, under a lock. */
		ft_store(&t->sending, ref);
		if (queued.client)
			ft_store(&t->waiting, ref);
	}
}

/* A server thread took this request off the queue; false where its end or another taker was faster. */
static __always_inline bool request_taken(struct ft_slot *s, ft_slot_ref ref, struct task_struct *task,
					  struct thread *t, __u64 at_ns, __u32 cpu, __u64 unique,
					  __u32 transport)
{
	struct ft_taken taken = {
		.at_ns = at_ns,
		.unique = unique,
		.tid = task->pid,
		.cpu = cpu,
		.transport = transport,
		.wanted = tgid_wanted(task->tgid),
	};

	if (!ft_slot_take(s, ft_ref_seq(ref), &taken))
		return false;
	if (t) {
		if (keep_totals)
			t->taken++;
		ft_store(&t->woken, 0);
		ft_store(&t->serving, ref);
	}
	return true;
}

/*
 * FR_FINISHED is set before the tracepoint: a client that looks at it just then
 * goes on without sleeping, and may have queued its next request by now.
 */
static __always_inline bool still_waits(__u32 client_tid, ft_slot_ref ref)
{
	struct thread *t = thread_find(client_tid);

	return t && ft_load(&t->waiting) == ref;
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

/* fuse_request_end(): holds a reference to the request, so that no other one can have its address meanwhile. */
static __always_inline void request_ended(const struct req_view *view)
{
	__u32 client_cpu = FT_CPU_UNKNOWN, client_tid;
	struct ft_replied reply = {};
	struct task_struct *task;
	struct thread *server;
	struct ft_slot *s;
	ft_slot_ref ref;
	__u64 client;

	if (!enabled)
		return;
	s = slot_find(view->address, &ref);
	if (s && !ft_slot_owns(s, ft_ref_seq(ref), view->connection, view->unique)) {
		/* The slot was left by another request, whose client was killed while it waited. */
		evict(s, ref);
		s = NULL;
	}
	if (!s) {
		if (!table_was_full && !filter_cgroups_n && passes_filters(view->connection, view->opcode))
			count_incomplete(FT_INCOMPLETE_BEFORE_START);
		return;
	}
	reply.at_ns = bpf_ktime_get_ns();
	reply.cpu = bpf_get_smp_processor_id();
	task = bpf_get_current_task_btf();
	server = thread_lookup(task->pid);
	if (ft_load(&s->kind) == FT_KIND_NOREPLY) {
		/* The server's read ends it, before anything can be replied. */
		request_taken(s, ref, task, server, reply.at_ns, reply.cpu, view->unique,
			      FT_TRANSPORT_DEV);
		finish(s, ref, FT_RESUME_NOBODY, 0, FT_CPU_UNKNOWN);
		return;
	}
	if (server && ft_load(&server->serving) == ref)
		ft_store(&server->serving, 0);
	reply.tid = task->pid;
	if (!is_picked_up(s, ref) && over_virtio_fs(view->address))
		reply.transport = FT_TRANSPORT_VIRTIOFS;
	save_request(&reply.saved, view->address);
	client = ft_load(&s->client);
	client_tid = ft_load(&s->client_tid);
	if (!ft_slot_reply(s, ft_ref_seq(ref), &reply))
		return;
	/* From here on the client may have handed it over: finish() then does nothing. */
	if (!client) {
		finish(s, ref, FT_RESUME_NOBODY, 0, FT_CPU_UNKNOWN);
	} else if (!still_waits(client_tid, ref)) {
		finish(s, ref, FT_RESUME_NEVER_SLEPT, reply.at_ns, FT_CPU_UNKNOWN);
	} else if (client_is_running(client)) {
		read_field(client_cpu, struct task_struct, client, thread_info.cpu);
		finish(s, ref, FT_RESUME_NEVER_SLEPT, reply.at_ns, client_cpu);
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
static __always_inline void message_taken(const struct fuse_in_header *header, __u32 connection,
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

#endif /* FUSETRACE_REQUESTS_H */
