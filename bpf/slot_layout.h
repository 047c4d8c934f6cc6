/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The memory of a request in flight: three cache lines, and the words in them
 * that several CPUs change. The rules are in slot.h.
 *
 * One line is written by the thread that queues, one by those that serve, one when
 * the request ends: a line that both sides write travels between their CPUs twice,
 * and that travel is most of what tracing a request costs.
 */
#ifndef FUSETRACE_SLOT_LAYOUT_H
#define FUSETRACE_SLOT_LAYOUT_H

#include "record.h"

struct ft_slot {
	/* The queueing side. */
	ft_u64 req; /* address of struct fuse_req, 0: free */
	ft_u64 owner; /* a word: FT_OWNER_* */
	ft_u64 client; /* address of the client's task_struct, 0: nobody waits, or it cannot be followed */
	ft_u64 queued_ns;
	ft_u32 server_waking_after; /* ft_time_after(queued_ns) */
	ft_u32 unique_part; /* ft_unique_part() when it was queued */
	ft_u32 client_tid;
	ft_u32 woken_tid;
	ft_u32 connection;
	ft_u16 opcode;
	ft_u16 client_cpu;
	ft_u16 server_prev_cpu;
	ft_u16 server_target_cpu;
	ft_u16 server_waker_cpu;
	ft_u8 kind; /* enum ft_kind */
	ft_u8 wanted; /* the client passes the filter by process */

	/* The serving side. */
	ft_u64 served; /* a word: FT_SERVED_* */
	ft_u64 running; /* a word: ft_time_after(server waking), written by the woken thread, which need not be the one that serves */
	ft_u64 picked_up_ns;
	ft_u64 replied_ns;
	ft_u64 client_waking_ns;
	ft_u32 server_tid;
	ft_u32 taken_unique_part;
	ft_u16 server_cpu;
	ft_u16 client_prev_cpu;
	ft_u16 client_target_cpu;
	ft_u16 client_waker_cpu;
	ft_u16 shard; /* ft_request.shard */
	ft_u8 transport; /* enum ft_transport, as the taker knows it */
	ft_u8 replied_over; /* the same of a request that was not seen to be taken; 0: the device */
	ft_u8 reserved[4];

	/* The end: what struct fuse_req holds, which may be freed before the record is made. */
	ft_u64 unique;
	ft_u64 nodeid;
	ft_u64 req_flags; /* as the kernel numbers them */
	ft_u32 bytes_in;
	ft_u32 bytes_out;
	ft_s32 error;
	ft_u32 replier_tid;
	ft_u16 reply_cpu;
	ft_u8 reserved2[22];
};
FT_ASSERT(sizeof(struct ft_slot) == 192, "ft_slot layout: three cache lines");
FT_ASSERT(__builtin_offsetof(struct ft_slot, served) == 64, "the serving side has a line to itself");
FT_ASSERT(__builtin_offsetof(struct ft_slot, unique) == 128, "the end has a line to itself");

/* --- words: the number of the owner in the upper half, never 0 for one that is used ------ */

FT_INLINE ft_u64 ft_word(ft_u32 seq, ft_u32 low)
{
	return (ft_u64)seq << 32 | low;
}

FT_INLINE ft_u32 ft_word_seq(ft_u64 word)
{
	return (ft_u32)(word >> 32);
}

/* `owner`: state in bits 0 to 7, the lowest 8 of enum ft_request_flag, two counts of migrations. */
#define FT_OWNER_HANDED (1u << 0) /* one CPU is handing over its record */
#define FT_OWNER_WAKE_IN (1u << 1) /* a writer is in the group: the wakeup of a server */
#define FT_OWNER_WOKEN (1u << 2) /* that group is valid */
#define FT_OWNER_DONE (1u << 3) /* handed over and read: the writer in the group frees the slot */
#define FT_WOKEN_MIGRATIONS_SHIFT 16
#define FT_CLIENT_MIGRATIONS_SHIFT 24

FT_INLINE ft_u32 ft_owner_flags(ft_u32 flags)
{
	return (flags & 255) << 8;
}

FT_INLINE ft_u32 ft_word_owner_flags(ft_u64 owner)
{
	return (ft_u32)owner >> 8 & 255;
}

FT_ASSERT(FT_F_SERVER_WAKE_CURRENT_CPU < 256, "the flags of a server's wakeup fit the word owner");

/* `served`: state in bits 0 to 7, the 16 bits of enum ft_request_flag, one count of migrations. */
#define FT_SERVED_TAKE_IN (1u << 0) /* a writer is in the group: taken by a server */
#define FT_SERVED_TAKEN (1u << 1)
#define FT_SERVED_REPLY_IN (1u << 2) /* ... replied */
#define FT_SERVED_REPLIED (1u << 3)
#define FT_SERVED_WAKE_IN (1u << 4) /* ... the wakeup of the client */
#define FT_SERVED_WOKEN (1u << 5)
#define FT_SERVED_ORPHANED (1u << 6) /* handed over and read: the last writer in a group frees the slot */
#define FT_SERVED_WANTED (1u << 7) /* the server passes the filter by process */
#define FT_SERVED_IN (FT_SERVED_TAKE_IN | FT_SERVED_REPLY_IN | FT_SERVED_WAKE_IN)
#define FT_SERVER_MIGRATIONS_SHIFT 24

FT_INLINE ft_u32 ft_served_flags(ft_u32 flags)
{
	return (flags & 0xffff) << 8;
}

FT_INLINE ft_u32 ft_word_served_flags(ft_u64 served)
{
	return (ft_u32)served >> 8 & 0xffff;
}

/* --- a slot as a thread remembers it: one word, so that it is never read in two halves --- */

typedef ft_u64 ft_slot_ref; /* 0: none */

FT_INLINE ft_slot_ref ft_ref(ft_u32 index, ft_u32 seq)
{
	return (ft_u64)seq << 32 | index;
}

FT_INLINE ft_u32 ft_ref_index(ft_slot_ref ref)
{
	return (ft_u32)ref;
}

FT_INLINE ft_u32 ft_ref_seq(ft_slot_ref ref)
{
	return (ft_u32)(ref >> 32);
}

/* --- parts ------------------------------------------------------------------------- */

/*
 * 32 bits of fuse_in_header.unique: without its lowest bit, which marks an interrupt,
 * and its highest, which marks a request that is sent again. 0: not numbered.
 */
FT_INLINE ft_u32 ft_unique_part(ft_u64 unique)
{
	return (ft_u32)(unique >> 1);
}

/*
 * The time from one point to another in 32 bits: nanoseconds within ±1.07 s, beyond
 * that units of 1,024 ns, to ±18 minutes, where it stays.
 */
FT_INLINE ft_u32 ft_time_after(ft_u64 from_ns, ft_u64 at_ns)
{
	const ft_s64 most = 1ll << 30;
	ft_s64 after = (ft_s64)(at_ns - from_ns);
	ft_u32 scaled = 0;

	if (after < -most || after >= most) {
		scaled = 1;
		after >>= 10;
		if (after < -most)
			after = -most;
		if (after >= most)
			after = most - 1;
	}
	return (ft_u32)((ft_u64)after << 1) | scaled;
}

FT_INLINE ft_u64 ft_time_at(ft_u64 from_ns, ft_u32 after)
{
	ft_s64 distance = (ft_s64)((ft_s32)after >> 1);

	return from_ns + (ft_u64)(after & 1 ? distance * 1024 : distance);
}

FT_INLINE int ft_time_is_after(ft_u32 after)
{
	return (ft_s32)after >= 0;
}

#endif /* FUSETRACE_SLOT_LAYOUT_H */
