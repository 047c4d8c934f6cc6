/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Integer types and two macros that mean the same in BPF C, C and C++. Every
 * header that the BPF programs share with user space begins with this one.
 */
#ifndef FUSETRACE_TYPES_H
#define FUSETRACE_TYPES_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t ft_u8;
typedef uint16_t ft_u16;
typedef uint32_t ft_u32;
typedef uint64_t ft_u64;
typedef int32_t ft_s32;
typedef int64_t ft_s64;
#else
typedef unsigned char ft_u8;
typedef unsigned short ft_u16;
typedef unsigned int ft_u32;
typedef unsigned long long ft_u64;
typedef int ft_s32;
typedef long long ft_s64;
#endif

#ifdef __cplusplus
#define FT_ASSERT(cond, why) static_assert(cond, why)
#else
#define FT_ASSERT(cond, why) _Static_assert(cond, why)
#endif

/* Inlined even without optimisation: a BPF function of its own would need its arguments checked anew. */
#define FT_INLINE static inline __attribute__((always_inline))

/* Before a loop that stays a loop: unrolled, each of its passes would be verified as code of its own. */
#ifdef __bpf__
#define FT_LOOP _Pragma("clang loop unroll(disable)")
#else
#define FT_LOOP
#endif

#endif /* FUSETRACE_TYPES_H */
