/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where programs can be preempted, each of the hooks at which they may be has further
 * programs, stand-ins, which do what those before were skipped for: that is left
 * undone only if as many on one CPU are preempted at once. The probe plan
 * (src/capture/probe_plan.cpp) names them, and says when they are attached.
 */
#ifndef FUSETRACE_STAND_IN_H
#define FUSETRACE_STAND_IN_H

#include "kernel.h"

#define STAND_IN(section, name, call, args...) \
	SEC(section)                           \
	int BPF_PROG(name, args)               \
	{                                      \
		call;                          \
		return 0;                      \
	}

#endif /* FUSETRACE_STAND_IN_H */
