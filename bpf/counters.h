/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of what was lost and what is incomplete, a cache line for each CPU. */
#ifndef FUSETRACE_COUNTERS_H
#define FUSETRACE_COUNTERS_H

#include "atomics.h"
#include "cpu_state.h"
#include "kernel.h"

extern struct ft_cpu_state cpus[FT_MAX_CPUS]; /* mapped into user space */

static __always_inline struct ft_cpu_state *this_cpu(void)
{
	return &cpus[bpf_get_smp_processor_id() & (FT_MAX_CPUS - 1)];
}

static __always_inline void count_loss(enum ft_loss reason)
{
	ft_count(&this_cpu()->lost[reason], 1);
}

static __always_inline void count_incomplete(enum ft_incomplete what)
{
	ft_count(&this_cpu()->incomplete[what], 1);
}

static __always_inline void count_stand_in_run(void)
{
	ft_count(&this_cpu()->stand_in_runs, 1);
}

#endif /* FUSETRACE_COUNTERS_H */
