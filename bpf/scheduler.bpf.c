// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler's events. They fire for every task of the machine, so each
 * handler begins with one bit of thread_bits, and a task that is no FUSE
 * client or server costs that and no more.
 *
 * sched_waking runs in the waker before a CPU is chosen. Where the thread is
 * put shows in sched_migrate_task while its state is TASK_WAKING; without one
 * it stays where it slept. sched_wakeup would add nothing and is not hooked.
 */
#include "requests.h"
#include "system_calls.h"

static __always_inline __u32 idle_flags(__u32 cpu, __u32 known, __u32 yes)
{
	__u32 idle;

	if (cpu >= FT_MAX_CPUS)
		return 0;
	barrier_var(cpu); /* the compiler knows it is in bounds, the verifier wants to see it */
	idle = ft_load(&cpus[cpu & (FT_MAX_CPUS - 1)].idle);
	if (idle == FT_IDLE_UNKNOWN)
		return 0;
	return idle == FT_IDLE_YES ? known | yes : known;
}

/*
 * Whether p can be asleep for want of a request: it serves none, or it is in a
 * system call in which servers wait (one thread may read while others answer).
 * Asked only about the first thread that a client wakes after it has queued.
 */
static __always_inline bool waits_for_requests(struct task_struct *p, struct thread *t)
{
	ft_slot_ref serving = ft_load(&t->serving);
	struct ft_slot *s = slot_of(serving);
	struct pt_regs *regs;

	if (t->processing && (!s || is_replied(s, serving) || ft_load(&s->server_tid) != t->tid))
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(p);
	switch (syscall_number(p, regs)) {
	case NR_read:
	case NR_readv:
	case NR_splice:
		return t->fd == -1 || t->fd == (int)syscall_arg0(p, regs);
	case NR_poll:
	case NR_ppoll:
	case NR_select:
	case NR_pselect6:
	case NR_epoll_wait:
	case NR_epoll_pwait:
	case NR_epoll_pwait2:
	case NR_io_uring_enter:
		return true;
	}
	return false;
}

/* Its dequeueing was put off: it sleeps, whatever on_rq says. */
static __always_inline bool delayed(struct task_struct *p)
{
	return bpf_core_field_exists(p->se.sched_delayed) && p->se.sched_delayed;
}

/* Still on its CPU and its run queue: the wakeup only takes back its going to sleep. */
static __always_inline bool never_left(struct task_struct *p)
{
	return p->on_cpu && p->on_rq && !delayed(p);
}

/*
 * May run on without a switch that shows it: picked again before it is switched
 * out, or just being switched in (on_cpu is set after that tracepoint).
 */
static __always_inline bool may_run_unseen(struct task_struct *p)
{
	return p->on_cpu || (p->on_rq && !delayed(p));
}

static __always_inline void server_waking(struct task_struct *p, struct thread *t)
{
	struct thread *waker = thread_lookup(bpf_get_current_task_btf()->pid);
	struct ft_waking waking = {};
	ft_slot_ref ref;
	struct ft_slot *s;

	if (!waker)
		return;
	ref = ft_load(&waker->sending);
	s = slot_of(ref);
	if (!s || ft_load(&s->owner) & (FT_OWNER_WOKEN | FT_OWNER_WAKE_IN) || !waits_for_requests(p, t))
		return;
	waking.tid = p->pid;
	waking.cpu = p->thread_info.cpu;
	waking.waker_cpu = bpf_get_smp_processor_id();
	waking.flags = idle_flags(waking.cpu, FT_F_SERVER_TARGET_IDLE_KNOWN, FT_F_SERVER_TARGET_IDLE);
	waking.at_ns = bpf_ktime_get_ns();
	if (!ft_slot_server_waking(s, ft_ref_seq(ref), &waking))
		return;
	/* Read when p is switched in, which the kernel orders after its wakeup. */
	ft_store(&t->woken, ref);
	ft_store(&t->serving, 0);
}

static __always_inline void client_waking(struct task_struct *p, struct ft_slot *s, ft_slot_ref ref)
{
	__u32 cpu = p->thread_info.cpu;
	struct ft_waking waking = {
		.at_ns = bpf_ktime_get_ns(),
		.tid = p->pid,
		.cpu = cpu,
		.waker_cpu = bpf_get_smp_processor_id(),
		.flags = idle_flags(cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN, FT_F_CLIENT_TARGET_IDLE),
	};
	bool stays = never_left(p);

	/* May run on: unless it is switched in, it never slept. */
	if (!ft_slot_client_waking(s, ft_ref_seq(ref), &waking, !stays && may_run_unseen(p)))
		return;
	if (stays)
		finish(s, ref, FT_RESUME_NEVER_SLEPT, waking.at_ns, cpu);
}

/* A thread of a server process that was never seen to read, woken by one that just queued a request. */
static __always_inline struct thread *adopt_server(struct task_struct *p)
{
	__u32 tgid = p->tgid;
	struct thread *t;

	if (this_cpu()->sender != (__u32)bpf_get_current_task_btf()->pid)
		return NULL;
	if (!bpf_map_lookup_elem(&servers, &tgid))
		return NULL;
	t = thread_create(p->pid);
	if (t)
		t->server = true;
	return t;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_sched_waking, struct task_struct *p)
{
	struct thread *t = thread_lookup(p->pid);
	ft_slot_ref waiting;
	struct ft_slot *s;

	if (!t) {
		t = adopt_server(p);
		if (!t)
			return 0;
	}
	if (!enabled)
		return 0;
	waiting = ft_load(&t->waiting);
	s = slot_of(waiting);
	if (s && is_replied(s, waiting)) {
		client_waking(p, s, waiting);
		return 0;
	}
	if (t->server)
		server_waking(p, t);
	return 0;
}

static __always_inline bool client_was_woken(const struct ft_slot *s, ft_slot_ref ref)
{
	return ft_slot_served(s, ft_ref_seq(ref)) & FT_SERVED_WOKEN;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct *p, int dest_cpu)
{
	struct thread *t = thread_lookup(p->pid);
	ft_slot_ref ref;
	bool placement;
	struct ft_slot *s;

	if (!t || !enabled)
		return 0;
	placement = p->__state == TASK_WAKING;

	ref = ft_load(&t->waiting);
	s = slot_of(ref);
	if (s) {
		ft_slot_client_migrated(s, ft_ref_seq(ref));
		if (placement && client_was_woken(s, ref))
			ft_slot_client_placed(s, ft_ref_seq(ref), dest_cpu,
					      idle_flags(dest_cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN,
							 FT_F_CLIENT_TARGET_IDLE));
	}
	ref = ft_load(&t->woken);
	s = slot_of(ref);
	if (s && ft_slot_woken_tid(s, ft_ref_seq(ref)) == (__u32)p->pid && !is_picked_up(s, ref)) {
		if (placement && !ft_slot_is_running(s, ft_ref_seq(ref)))
			ft_slot_server_placed(s, ft_ref_seq(ref), dest_cpu,
					      idle_flags(dest_cpu, FT_F_SERVER_TARGET_IDLE_KNOWN,
							 FT_F_SERVER_TARGET_IDLE));
		else
			ft_slot_woken_migrated(s, ft_ref_seq(ref));
	}
	ref = ft_load(&t->serving);
	s = slot_of(ref);
	if (s && is_picked_up(s, ref) && !is_replied(s, ref) && ft_load(&s->server_tid) == (__u32)p->pid)
		ft_slot_server_migrated(s, ft_ref_seq(ref));
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 number = bpf_get_smp_processor_id(), idle;
	struct ft_cpu_state *cpu;
	struct thread *t;
	struct ft_slot *s;
	ft_slot_ref ref;

	/*
	 * The last that is seen of a thread. At sched_process_exit it has yet to close its
	 * files, with requests of its own, and the program could be preempted.
	 */
	if (prev->__state & TASK_DEAD && maybe_thread(prev->pid))
		thread_forget(prev->pid);
	idle = next->pid ? FT_IDLE_NO : FT_IDLE_YES;
	if (number < FT_MAX_CPUS) {
		barrier_var(number); /* as in idle_flags() */
		cpu = &cpus[number & (FT_MAX_CPUS - 1)];
		if (cpu->idle != idle) /* seldom written: other CPUs read this line */
			ft_store(&cpu->idle, idle);
	}
	if (idle == FT_IDLE_YES)
		return 0;
	t = thread_lookup(next->pid);
	if (!t || !enabled)
		return 0;

	ref = ft_load(&t->waiting);
	s = slot_of(ref);
	if (s && is_replied(s, ref)) {
		finish(s, ref, FT_RESUME_SWITCHED_IN, bpf_ktime_get_ns(), number);
		ft_store(&t->waiting, 0);
	}
	ref = ft_load(&t->woken);
	s = slot_of(ref);
	if (s && ft_slot_woken_tid(s, ft_ref_seq(ref)) == (__u32)next->pid && !is_picked_up(s, ref))
		ft_slot_server_running(s, ft_ref_seq(ref), bpf_ktime_get_ns());
	return 0;
}

/* --- wake flags ------------------------------------------------------------------------ */

static __always_inline void note_wake_flags(struct task_struct *p, struct thread *t, int flags)
{
	ft_slot_ref ref = ft_load(&t->waiting);
	struct ft_slot *s = slot_of(ref);
	__u32 hints;

	if (s && client_was_woken(s, ref)) {
		hints = FT_F_CLIENT_WAKE_FLAGS_KNOWN;
		if (flags & WF_SYNC)
			hints |= FT_F_CLIENT_WAKE_SYNC;
		if (flags & WF_CURRENT_CPU)
			hints |= FT_F_CLIENT_WAKE_CURRENT_CPU;
		ft_slot_client_hints(s, ft_ref_seq(ref), hints);
		return;
	}
	ref = ft_load(&t->woken);
	s = slot_of(ref);
	if (s && ft_slot_woken_tid(s, ft_ref_seq(ref)) == (__u32)p->pid &&
	    !ft_slot_is_running(s, ft_ref_seq(ref))) {
		hints = FT_F_SERVER_WAKE_FLAGS_KNOWN;
		if (flags & WF_SYNC)
			hints |= FT_F_SERVER_WAKE_SYNC;
		if (flags & WF_CURRENT_CPU)
			hints |= FT_F_SERVER_WAKE_CURRENT_CPU;
		ft_slot_server_hints(s, ft_ref_seq(ref), hints);
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
