/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's events. They fire for every task of the machine, so each
 * handler begins with one task-storage look-up, and a task that is no FUSE
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

/* System calls in which a server waits for requests. */
static __always_inline bool waits_for_requests(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	switch (SYSCALL_NR(regs)) {
	case NR_read:
	case NR_readv:
	case NR_pread64:
	case NR_preadv:
	case NR_preadv2:
	case NR_splice:
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

/* Still on its CPU and its run queue: the wakeup only takes back its going to sleep. */
static __always_inline bool never_left(struct task_struct *p)
{
	if (!p->on_cpu || !p->on_rq)
		return false;
	if (bpf_core_field_exists(p->se.sched_delayed) && p->se.sched_delayed)
		return false;
	return true;
}

static __always_inline void server_waking(struct task_struct *p, struct task_state *ts)
{
	struct task_state *waker = task_lookup(bpf_get_current_task_btf());
	struct ft_slot *s;
	__u32 cpu;

	if (!waker)
		return;
	s = slot_of(&waker->sending);
	if (!s || s->state != SLOT_QUEUED || s->r.woken_tid || !waits_for_requests(p))
		return;
	cpu = p->thread_info.cpu;
	s->r.woken_tid = p->pid;
	s->r.server_prev_cpu = cpu;
	s->r.server_target_cpu = cpu;
	s->r.server_waker_cpu = bpf_get_smp_processor_id();
	s->r.flags |= idle_flags(cpu, FT_F_SERVER_TARGET_IDLE_KNOWN, FT_F_SERVER_TARGET_IDLE);
	ts->woken = waker->sending;
	ts->serving.seq = 0;
	s->r.server_waking_ns = bpf_ktime_get_ns();
}

static __always_inline void client_waking(struct task_struct *p, struct ft_slot *s)
{
	__u32 cpu = p->thread_info.cpu;
	__u64 now = bpf_ktime_get_ns();

	s->r.client_waking_ns = now;
	s->r.client_prev_cpu = cpu;
	s->r.client_target_cpu = cpu;
	s->r.client_waker_cpu = bpf_get_smp_processor_id();
	s->r.flags |= idle_flags(cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN, FT_F_CLIENT_TARGET_IDLE);
	if (never_left(p)) {
		s->r.resumed_ns = now;
		s->r.resume_cpu = cpu;
		s->r.flags |= FT_F_CLIENT_NEVER_SLEPT;
		finish(s);
	}
}

/* A thread of a server process that was never seen to read, woken by one that just queued a request. */
static __always_inline struct task_state *adopt_server(struct task_struct *p)
{
	__u32 tgid = p->tgid;
	struct task_state *ts;

	if (this_cpu()->sender != (__u32)bpf_get_current_pid_tgid())
		return NULL;
	if (!bpf_map_lookup_elem(&servers, &tgid))
		return NULL;
	ts = task_create(p);
	if (ts) {
		ts->server = true;
		ts->fd = -1;
	}
	return ts;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_sched_waking, struct task_struct *p)
{
	struct task_state *ts = task_lookup(p);
	struct ft_slot *s;

	if (!ts) {
		ts = adopt_server(p);
		if (!ts)
			return 0;
	}
	if (!enabled)
		return 0;
	s = slot_of(&ts->waiting);
	if (s && s->state == SLOT_REPLIED) {
		if (!s->r.client_waking_ns)
			client_waking(p, s);
		return 0;
	}
	if (ts->server)
		server_waking(p, ts);
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
	struct task_state *ts = task_lookup(p);
	bool placement;
	struct ft_slot *s;

	if (!ts || !enabled)
		return 0;
	placement = p->__state == TASK_WAKING;

	s = slot_of(&ts->waiting);
	if (s) {
		saturating_inc(&s->r.migrations_client_waiting);
		if (placement && s->r.client_waking_ns) {
			s->r.client_target_cpu = dest_cpu;
			s->r.flags &= ~(FT_F_CLIENT_TARGET_IDLE_KNOWN | FT_F_CLIENT_TARGET_IDLE);
			s->r.flags |= idle_flags(dest_cpu, FT_F_CLIENT_TARGET_IDLE_KNOWN,
						 FT_F_CLIENT_TARGET_IDLE);
		}
	}
	s = slot_of(&ts->woken);
	if (s && s->r.woken_tid == p->pid && !s->r.picked_up_ns) {
		if (placement && !s->r.server_running_ns) {
			s->r.server_target_cpu = dest_cpu;
			s->r.flags &= ~(FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_TARGET_IDLE);
			s->r.flags |= idle_flags(dest_cpu, FT_F_SERVER_TARGET_IDLE_KNOWN,
						 FT_F_SERVER_TARGET_IDLE);
		} else {
			saturating_inc(&s->r.migrations_server_waiting);
		}
	}
	s = slot_of(&ts->serving);
	if (s && s->state == SLOT_PICKED_UP && s->r.server_tid == p->pid)
		saturating_inc(&s->r.migrations_server_serving);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct task_state *ts;
	struct ft_slot *s;

	if (next->pid == 0) {
		this_cpu()->idle = FT_IDLE_YES;
		return 0;
	}
	if (prev->pid == 0)
		this_cpu()->idle = FT_IDLE_NO;
	ts = task_lookup(next);
	if (!ts || !enabled)
		return 0;

	if (ts->waiting.seq) {
		s = slot_of(&ts->waiting);
		if (s && s->state == SLOT_REPLIED) {
			s->r.resume_cpu = bpf_get_smp_processor_id();
			s->r.resumed_ns = bpf_ktime_get_ns();
			ts->waiting.seq = 0;
			finish(s);
		}
	}
	if (ts->woken.seq) {
		s = slot_of(&ts->woken);
		if (s && s->r.woken_tid == (__u32)next->pid && !s->r.server_running_ns)
			s->r.server_running_ns = bpf_ktime_get_ns();
	}
	return 0;
}

#endif /* FUSETRACE_SCHEDULER_H */
