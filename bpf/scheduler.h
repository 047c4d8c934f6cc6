/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's events. They fire for every task of the machine, so each
 * handler begins with one bit of thread_bits, and a task that is no FUSE
 * client or server costs that and no more.
 *
 * sched_waking runs in the waker before a CPU is chosen. Where the thread is
 * put shows in sched_migrate_task while its state is TASK_WAKING; without one
 * it stays where it slept. sched_wakeup would add nothing and is not hooked.
 */
#ifndef FUSETRACE_SCHEDULER_H
#define FUSETRACE_SCHEDULER_H

static __always_inline __u32 idle_flags(__u32 cpu, __u32 known, __u32 yes)
{
	__u32 idle = cpus[cpu & (FT_MAX_CPUS - 1)].idle;

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
	struct ft_slot *s = slot_of(&t->serving);
	struct pt_regs *regs;

	if (t->processing && (!s || is_replied(s) || s->server_tid != t->tid))
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(p);
	switch (SYSCALL_NR(regs)) {
	case NR_read:
	case NR_readv:
	case NR_splice:
		return t->fd == -1 || t->fd == (int)SYSCALL_ARG0(regs);
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
	struct ft_slot *s;
	__u32 cpu;

	if (!waker)
		return;
	s = slot_of(&waker->sending);
	if (!s || s->woken_tid || is_picked_up(s) || !waits_for_requests(p, t))
		return;
	cpu = p->thread_info.cpu;
	s->woken_tid = p->pid;
	s->server_prev_cpu = cpu;
	s->server_target_cpu = cpu;
	s->server_waker_cpu = bpf_get_smp_processor_id();
	s->flags |= idle_flags(cpu, FT_F_SERVER_TARGET_IDLE_KNOWN, FT_F_SERVER_TARGET_IDLE);
	/* Before t->woken, which tells p's switch that it was woken, on another CPU perhaps. */
	s->server_waking_ns = bpf_ktime_get_ns();
	t->woken = waker->sending;
	t->serving.seq = 0;
}

static __always_inline void client_waking(struct task_struct *p, struct ft_slot *s, __u32 seq)
{
	__u32 cpu = p->thread_info.cpu;
	__u64 now = bpf_ktime_get_ns();

	s->client_waking_ns = now;
	s->client_prev_cpu = cpu;
	s->client_target_cpu = cpu;
	s->client_waker_cpu = bpf_get_smp_processor_id();
	s->served_flags |= idle_flags(cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN, FT_F_CLIENT_TARGET_IDLE);
	if (never_left(p))
		finish(s, seq, now, cpu, FT_F_CLIENT_NEVER_SLEPT);
	else if (may_run_unseen(p))
		s->served_flags |= FT_F_CLIENT_NEVER_SLEPT; /* unless it is switched in */
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
	struct ft_slot *s;

	if (!t) {
		t = adopt_server(p);
		if (!t)
			return 0;
	}
	if (!enabled)
		return 0;
	s = slot_of(&t->waiting);
	if (s && is_replied(s)) {
		if (!s->client_waking_ns)
			client_waking(p, s, t->waiting.seq);
		return 0;
	}
	if (t->server)
		server_waking(p, t);
	return 0;
}

static __always_inline void saturating_inc(__u8 *count)
{
	if (*count < 255)
		(*count)++;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct *p, int dest_cpu)
{
	struct thread *t = thread_lookup(p->pid);
	bool placement;
	struct ft_slot *s;

	if (!t || !enabled)
		return 0;
	placement = p->__state == TASK_WAKING;

	s = slot_of(&t->waiting);
	if (s) {
		saturating_inc(&s->migrations_client_waiting);
		if (placement && is_replied(s) && s->client_waking_ns) {
			s->client_target_cpu = dest_cpu;
			s->served_flags &= ~(FT_F_CLIENT_TARGET_IDLE_KNOWN | FT_F_CLIENT_TARGET_IDLE);
			s->served_flags |= idle_flags(dest_cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN,
						      FT_F_CLIENT_TARGET_IDLE);
		}
	}
	s = slot_of(&t->woken);
	if (s && s->woken_tid == (__u32)p->pid && !is_picked_up(s)) {
		if (placement && !is_running(s)) {
			s->server_target_cpu = dest_cpu;
			s->flags &= ~(FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_TARGET_IDLE);
			s->flags |= idle_flags(dest_cpu, FT_F_SERVER_TARGET_IDLE_KNOWN,
					       FT_F_SERVER_TARGET_IDLE);
		} else {
			saturating_inc(&s->migrations_server_waiting);
		}
	}
	s = slot_of(&t->serving);
	if (s && is_picked_up(s) && !s->replied_ns && s->server_tid == (__u32)p->pid)
		saturating_inc(&s->migrations_server_serving);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct ft_cpu_state *cpu;
	struct slot_ref woken;
	struct thread *t;
	struct ft_slot *s;
	__u32 idle;

	/*
	 * The last that is seen of a thread. At sched_process_exit it has yet to close its
	 * files, with requests of its own, and the program could be preempted.
	 */
	if (prev->__state & TASK_DEAD && maybe_thread(prev->pid))
		thread_forget(prev->pid);
	cpu = this_cpu();
	idle = next->pid ? FT_IDLE_NO : FT_IDLE_YES;
	if (cpu->idle != idle) /* seldom written: other CPUs read this line */
		cpu->idle = idle;
	if (idle == FT_IDLE_YES)
		return 0;
	t = thread_lookup(next->pid);
	if (!t || !enabled)
		return 0;

	s = slot_of(&t->waiting);
	if (s && is_replied(s)) {
		if (s->served_flags & FT_F_CLIENT_NEVER_SLEPT)
			s->served_flags &= ~FT_F_CLIENT_NEVER_SLEPT;
		finish(s, t->waiting.seq, bpf_ktime_get_ns(), bpf_get_smp_processor_id(), 0);
		t->waiting.seq = 0;
	}
	woken = t->woken;
	s = slot_of(&woken);
	if (s && s->woken_tid == (__u32)next->pid && !is_running(s) && !is_picked_up(s)) {
		s->server_running_ns = bpf_ktime_get_ns();
		/* Not s->seq: another thread may have served it meanwhile, and the slot gone on. */
		s->running_seq = woken.seq;
	}
	return 0;
}

#endif /* FUSETRACE_SCHEDULER_H */
