/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Every access of the protocol in slot.h to memory that several CPUs share, and
 * what order each of them keeps. The same functions are compiled three times:
 * as BPF, for user space, and for a test (FT_MODEL) which supplies the accesses
 * itself and tries all their interleavings.
 *
 * What BPF offers. Load-acquire and store-release are instructions only since
 * Linux 6.15, so the protocol does without. What is left, and what the two JITs
 * make of it (arch/x86/net/bpf_jit_comp.c, emit_atomic();
 * arch/arm64/net/bpf_jit_comp.c, emit_lse_atomic() and emit_ll_sc_atomic()):
 *
 *   access                    x86-64          arm64 (LSE)           order on arm64
 *   ft_load, ft_store         mov             ldr, str              none
 *   ft_cas                    lock cmpxchg    casal                 full barrier if it stored
 *   ft_xchg                   xchg            swpal                 full barrier
 *   ft_add, ft_or, ft_and     lock xadd, or a ldaddal, ldsetal,     full barrier
 *    (they return the value)  cmpxchg loop    ldclral
 *   ft_count                  lock add        stadd                 none
 *
 * Without LSE arm64 loops over ldxr and stlxr and ends with dmb ish where a
 * value is returned. On both, a load whose address was computed from the value
 * of an earlier load comes after that load (an address dependency): the JITs
 * translate instruction by instruction and drop none. A branch on that value is not
 * enough: it orders later stores, and no later loads. ft_load_from() names that
 * earlier load where the protocol relies on it; ft_follow() makes a pointer
 * depend on a value where it would not by itself.
 *
 * ft_observe() is a load that is executed before all later accesses of this CPU. On
 * x86-64 every load is that; on arm64 it has to be an atomic operation.
 *
 * ft_publish() is a store before which all earlier accesses of this CPU are
 * visible. On x86-64 every store is that; on arm64 it has to be an exchange.
 *
 * ft_get() and ft_put() are for fields that only one CPU may be using at that
 * moment, by the protocol. The test reports two CPUs that use such a field at
 * once, one of them writing, as a failure. A field that is read while it may be
 * written is read with ft_load(); what comes of a wrong value is then harmless, and
 * the code says why.
 *
 * FT_RULE(name) guards an ordering or a check of the protocol: it is true, but
 * the test may take it away to show that it is needed.
 */
#ifndef FUSETRACE_ATOMICS_H
#define FUSETRACE_ATOMICS_H

#include "types.h"

#ifdef FT_MODEL

/*
 * The test's side. size is 1, 2, 4 or 8 bytes. A load's dependency is the
 * address of the location from whose value the address p was computed, by this
 * thread's latest load of it, or NULL. ft_model_cas() returns the former value;
 * one that does not store orders nothing. The other value-returning accesses are
 * full barriers. ft_model_publish() is a plain store under sequential and total
 * store order, and an exchange under weak memory.
 */
#ifdef __cplusplus
extern "C" {
#endif
ft_u64 ft_model_load(const volatile void *p, unsigned size, const volatile void *dependency);
void ft_model_store(volatile void *p, unsigned size, ft_u64 value);
void ft_model_publish(volatile void *p, unsigned size, ft_u64 value);
ft_u64 ft_model_cas(volatile void *p, unsigned size, ft_u64 expected, ft_u64 value);
ft_u64 ft_model_xchg(volatile void *p, unsigned size, ft_u64 value);
ft_u64 ft_model_add(volatile void *p, unsigned size, ft_u64 value);
ft_u64 ft_model_or(volatile void *p, unsigned size, ft_u64 value);
ft_u64 ft_model_and(volatile void *p, unsigned size, ft_u64 value);
void ft_model_count(volatile void *p, unsigned size, ft_u64 value); /* adds; orders nothing */
/* A plain load under sequential and total store order, an atomic operation under weak memory. */
ft_u64 ft_model_observe(const volatile void *p, unsigned size);
/* A compare-and-exchange that orders nothing: what is left of ft_cas() when its order is taken away. */
ft_u64 ft_model_cas_loose(volatile void *p, unsigned size, ft_u64 expected, ft_u64 value);
/* p, computed from the value of this thread's latest load of the location `from`. */
const volatile void *ft_model_follow(const volatile void *p, const volatile void *from);
ft_u64 ft_model_get(const volatile void *p, unsigned size);
void ft_model_put(volatile void *p, unsigned size, ft_u64 value);
int ft_model_rule(const char *name); /* 0: this rule is taken away */
#ifdef __cplusplus
}
#endif

#define FT_MODEL_SIZE(p) ((unsigned)sizeof(*(p)))
#define FT_MODEL_AS(p, value) ((__typeof__(*(p) + 0))(value))
#define ft_load(p) FT_MODEL_AS(p, ft_model_load(p, FT_MODEL_SIZE(p), 0))
#define ft_load_from(p, from) FT_MODEL_AS(p, ft_model_load(p, FT_MODEL_SIZE(p), from))
#define ft_store(p, value) ft_model_store(p, FT_MODEL_SIZE(p), (ft_u64)(value))
#define ft_publish(p, value) ft_model_publish(p, FT_MODEL_SIZE(p), (ft_u64)(value))
#define ft_cas(p, expected, value) \
	FT_MODEL_AS(p, ft_model_cas(p, FT_MODEL_SIZE(p), (ft_u64)(expected), (ft_u64)(value)))
#define ft_cas_loose(p, expected, value) \
	FT_MODEL_AS(p, ft_model_cas_loose(p, FT_MODEL_SIZE(p), (ft_u64)(expected), (ft_u64)(value)))
#define ft_observe(p) FT_MODEL_AS(p, ft_model_observe(p, FT_MODEL_SIZE(p)))
#define ft_follow(p, from, value) ((void)(value), (__typeof__(p))ft_model_follow(p, from))
#define ft_xchg(p, value) FT_MODEL_AS(p, ft_model_xchg(p, FT_MODEL_SIZE(p), (ft_u64)(value)))
#define ft_add(p, value) FT_MODEL_AS(p, ft_model_add(p, FT_MODEL_SIZE(p), (ft_u64)(value)))
#define ft_or(p, value) FT_MODEL_AS(p, ft_model_or(p, FT_MODEL_SIZE(p), (ft_u64)(value)))
#define ft_and(p, value) FT_MODEL_AS(p, ft_model_and(p, FT_MODEL_SIZE(p), (ft_u64)(value)))
#define ft_count(p, value) ft_model_count(p, FT_MODEL_SIZE(p), (ft_u64)(value))
#define ft_get(p) FT_MODEL_AS(p, ft_model_get(p, FT_MODEL_SIZE(p)))
#define ft_put(p, value) ft_model_put(p, FT_MODEL_SIZE(p), (ft_u64)(value))
#define FT_RULE(name) ft_model_rule(#name)

#else /* BPF, and user space, which only reads */

#define FT_VOLATILE(p) (*(volatile __typeof__(*(p)) *)(p))
#define ft_load(p) FT_VOLATILE(p)
#define ft_load_from(p, from) FT_VOLATILE(p)
#define ft_store(p, value) ((void)(FT_VOLATILE(p) = (value)))
#define ft_cas(p, expected, value) __sync_val_compare_and_swap(p, expected, value)
#define ft_cas_loose(p, expected, value) ft_cas(p, expected, value)
#define ft_xchg(p, value) __sync_lock_test_and_set(p, value)
#define ft_add(p, value) __sync_fetch_and_add(p, value)
#define ft_or(p, value) __sync_fetch_and_or(p, value)
#define ft_and(p, value) __sync_fetch_and_and(p, value)
#define ft_count(p, value) ((void)__sync_fetch_and_add(p, value))
#define ft_get(p) (*(p))
#define ft_put(p, value) ((void)(*(p) = (value)))
#define FT_RULE(name) 1

#ifdef __TARGET_ARCH_x86
/* The compiler must keep the order; the CPU does. */
#define ft_publish(p, value)                              \
	do {                                              \
		__asm__ __volatile__("" ::                \
					     : "memory"); \
		ft_store(p, value);                       \
	} while (0)
#define ft_observe(p)                                     \
	({                                                \
		__typeof__(*(p) + 0) __seen = ft_load(p); \
		__asm__ __volatile__("" ::                \
					     : "memory"); \
		__seen;                                   \
	})
#define ft_follow(p, from, value)                         \
	({                                                \
		__asm__ __volatile__("" ::                \
					     : "memory"); \
		(void)(value);                            \
		(p);                                      \
	})
#else
#define ft_publish(p, value) ((void)ft_xchg(p, value))
#ifdef __bpf__
#define ft_observe(p) ft_or((__typeof__(*(p) + 0) *)(p), 0)
/* The compiler does not see that what is added is always 0. */
#define ft_follow(p, from, value)                                                  \
	({                                                                         \
		ft_u64 __zero = (value);                                           \
		__asm__ __volatile__("%0 &= 0"                                     \
				     : "+r"(__zero)::"memory");                    \
		(__typeof__(p))((__UINTPTR_TYPE__)(p) + (__UINTPTR_TYPE__)__zero); \
	})
#else
#define ft_observe(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define ft_follow(p, from, value) ((void)(value), (p)) /* user space reads what has come to rest */
#endif
#endif

#endif /* FT_MODEL */

#endif /* FUSETRACE_ATOMICS_H */
