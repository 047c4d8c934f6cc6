/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Which requests a sample holds. */
#ifndef FUSETRACE_SAMPLING_H
#define FUSETRACE_SAMPLING_H

#include "types.h"

/* Whether a request is in a sample of one in n: whole requests, chosen by hash. */
FT_INLINE ft_u32 ft_sampled(ft_u32 connection, ft_u64 unique, ft_u32 n)
{
	ft_u64 hash = (unique ^ ((ft_u64)connection << 32)) * 0x9E3779B97F4A7C15ull;

	return n <= 1 || (hash >> 32) % n == 0;
}

#endif /* FUSETRACE_SAMPLING_H */
