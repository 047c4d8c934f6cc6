/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The buckets of the latency histograms. */
#ifndef FUSETRACE_HISTOGRAM_H
#define FUSETRACE_HISTOGRAM_H

#include "types.h"

/*
 * Log-linear histogram of nanoseconds, 32 buckets an octave: values below 32
 * have a bucket each, above that a bucket spans 1/32 of its octave, so that
 * its middle is at most 1/64 (1.6 %) from any value in it. The last bucket
 * takes everything from 2^40 ns (18 minutes) up.
 */
#define FT_HIST_SUB_BITS 5
#define FT_HIST_SUB (1u << FT_HIST_SUB_BITS)
#define FT_HIST_MAX_EXP 40
#define FT_HIST_BUCKETS ((FT_HIST_MAX_EXP - FT_HIST_SUB_BITS + 1) * FT_HIST_SUB + 1)

FT_INLINE ft_u32 ft_hist_bucket(ft_u64 ns)
{
	ft_u32 exp = 0;
	ft_u64 v = ns;

	if (ns >= (1ull << FT_HIST_MAX_EXP))
		return FT_HIST_BUCKETS - 1;
	if (ns < FT_HIST_SUB)
		return (ft_u32)ns;
	/* Position of the highest bit; BPF has no instruction for it. */
	if (v >> 32) {
		exp += 32;
		v >>= 32;
	}
	if (v >> 16) {
		exp += 16;
		v >>= 16;
	}
	if (v >> 8) {
		exp += 8;
		v >>= 8;
	}
	if (v >> 4) {
		exp += 4;
		v >>= 4;
	}
	if (v >> 2) {
		exp += 2;
		v >>= 2;
	}
	if (v >> 1)
		exp += 1;
	return (exp - FT_HIST_SUB_BITS + 1) * FT_HIST_SUB +
	       (ft_u32)((ns >> (exp - FT_HIST_SUB_BITS)) & (FT_HIST_SUB - 1));
}

#endif /* FUSETRACE_HISTOGRAM_H */
