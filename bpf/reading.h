/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading kernel memory by its address like a typed pointer, at the cost of a plain
 * load: bpf_rdonly_cast() since 6.2, before that a helper call.
 */
#ifndef FUSETRACE_READING_H
#define FUSETRACE_READING_H

#include "settings.h"

/*
 * A typed pointer as a number. The verifier refuses arithmetic on it, but the
 * difference of two pointers is a number, and this variable holds its own
 * address (written by iter_devices, which runs first).
 */
extern __u64 own_address;

static __always_inline __u64 address_of(const void *pointer)
{
	__u64 difference = (__u64)pointer;

	asm volatile("%0 -= %1"
		     : "+r"(difference)
		     : "r"(&own_address));
	return difference + own_address;
}

extern void *bpf_rdonly_cast(void *object, __u32 type) KERNEL_FUNCTION;

#define read_as(result, type, address, field, as)                                              \
	({                                                                                     \
		__u64 __address = (__u64)(address);                                            \
		if (bpf_rdonly_cast) {                                                         \
			type *__typed = bpf_rdonly_cast((void *)__address,                     \
							bpf_core_type_id_kernel(type));        \
			(result) = as(__typed->field);                                         \
		} else {                                                                       \
			bpf_core_read(&(result), sizeof(result), &((type *)__address)->field); \
		}                                                                              \
	})

#define read_field(result, type, address, field) \
	read_as(result, type, address, field, (__typeof__(result)))

/* A field that is itself a pointer: as a number. */
#define read_address(result, type, address, field) \
	read_as(result, type, address, field, address_of)

#define read_fuse_req(result, address, field)                                      \
	({                                                                         \
		__u64 __address = (__u64)(address);                                \
		if (bpf_rdonly_cast && fuse_req_type) {                            \
			struct fuse_req *__typed =                                 \
				bpf_rdonly_cast((void *)__address, fuse_req_type); \
			(result) = (__typeof__(result))__typed->field;             \
		} else {                                                           \
			bpf_core_read(&(result), sizeof(result),                   \
				      &((struct fuse_req *)__address)->field);     \
		}                                                                  \
	})

#endif /* FUSETRACE_READING_H */
