/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the programs keep for each CPU: counters of losses, and whether the CPU idles. */
#ifndef FUSETRACE_CPU_STATE_H
#define FUSETRACE_CPU_STATE_H

#include "record.h"

/*
 * CPUs with higher numbers share the counters of those below, which are added up
 * anyway. Nothing else is shared: whether such a CPU idles is unknown.
 */
#define FT_MAX_CPUS 1024

enum ft_idle {
	FT_IDLE_UNKNOWN = 0,
	FT_IDLE_NO = 1,
	FT_IDLE_YES = 2,
};

/* What the programs count on one CPU, mapped into user space; a cache line to itself. */
struct ft_cpu_state {
	ft_u64 lost[FT_LOSSES];
	ft_u64 incomplete[FT_INCOMPLETES];
	ft_u64 stand_in_runs; /* returns of reads that a stand-in saw, since the kernel had skipped the first program */
	ft_u32 idle; /* enum ft_idle: what the last switch on this CPU went to; other CPUs read it */
	ft_u32 sender __attribute__((aligned(64))); /* thread that last queued a request here */
};
FT_ASSERT(sizeof(struct ft_cpu_state) == 192, "ft_cpu_state layout");

#endif /* FUSETRACE_CPU_STATE_H */
