/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preemption off for the rest of a block. A program that is preempted keeps itself from
 * running for every other task on that CPU until it resumes. Two windows remain: before
 * preemption is switched off, and while it is switched on again, when a task goes
 * whose CPU was wanted meanwhile. stand_in.h has what helps there.
 */
#ifndef FUSETRACE_GUARD_H
#define FUSETRACE_GUARD_H

#include "settings.h"

extern void bpf_preempt_disable(void) KERNEL_FUNCTION; /* since 6.10 */
extern void bpf_preempt_enable(void) KERNEL_FUNCTION;

static __always_inline bool hold_cpu(void)
{
	if (!preemptible || !bpf_preempt_disable || !bpf_preempt_enable)
		return false;
	bpf_preempt_disable();
	return true;
}

static __always_inline void release_cpu(const bool *held)
{
	if (*held)
		bpf_preempt_enable();
}

#define GUARD_CPU() bool __held __attribute__((cleanup(release_cpu), unused)) = hold_cpu()

#endif /* FUSETRACE_GUARD_H */
