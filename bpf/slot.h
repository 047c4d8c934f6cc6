/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The protocol by which CPUs share the slot of a request in flight (its memory is
 * laid out in slot_layout.h). Every function here is pure: slot, owner number,
 * event in; no helper, no map. The BPF programs call them, user space reads with
 * them, and a test runs these very functions in all interleavings (atomics.h).
 *
 * The rules
 *
 * 1. A slot belongs to one request at a time. `owner` holds the number of the
 *    owner (seq), which grows with every owner. Whoever remembers a slot remembers
 *    seq with it, and every word that several CPUs write carries seq: a write
 *    that comes too late does not find its number and changes nothing.
 * 2. Fields are written in groups. A writer enters the group by setting its *_IN
 *    bit with compare-and-exchange, writes the fields, and leaves by setting the
 *    bit that makes them valid. One writer is in a group at a time. The queueing
 *    side writes the first line and the word `owner`, the serving side the second
 *    and third line and the word `served`, so that a line does not travel more
 *    often than it must.
 * 3. One CPU hands the request over: the one that sets FT_OWNER_HANDED in `owner`
 *    (ft_slot_close). Nobody enters a group afterwards. On the serving side, whose
 *    word is another one, a writer looks at `owner` after it has entered, and the
 *    closer looks at `served` after it has closed. Both accesses are full
 *    barriers, so at least one of the two sees the other.
 * 4. The slot is free for the next owner when the closer has read it and no writer
 *    is in a group. Whoever of them is last frees it (ft_slot_release).
 *
 * The kernel itself orders some of these events: a request is put on the queue and
 * taken off it under a lock, a thread is woken before it is switched in, and a
 * struct fuse_req is not freed while fuse_request_end() runs. What can race:
 * the end of the read that took the request with its reply, when it is aborted or
 * another thread answers; the reply with its client, which may see FR_FINISHED and
 * go on; a client that wakes a server with the hand-over by the server, which sees
 * that client running; and every one of these with the slot's next owner.
 */
#ifndef FUSETRACE_SLOT_H
#define FUSETRACE_SLOT_H

#include "atomics.h"
#include "record.h"
#include "slot_layout.h"

/*
 * Attempts to change a word before giving up. Each failure is another CPU's
 * success on the same word, and a request has fewer events than this.
 */
#define FT_TRIES 8

#define FT_PUBLISH(rule, p, value)            \
	do {                                  \
		if (FT_RULE(rule))            \
			ft_publish(p, value); \
		else                          \
			ft_store(p, value);   \
	} while (0)

/*
 * Each compare-and-exchange of the protocol, by the name of the order that it keeps:
 * the test takes the order away and leaves the exchange.
 */
#define FT_CAS(rule, p, expected, value) \
	(FT_RULE(rule) ? ft_cas(p, expected, value) : ft_cas_loose(p, expected, value))

/* A load of a word after which its fields are read. */
#define FT_OBSERVE(rule, p) (FT_RULE(rule) ? ft_observe(p) : ft_load(p))

/* s, for accesses that have to come after this value of one of its words was loaded. */
#define FT_FOLLOW(rule, s, from, value) (FT_RULE(rule) ? ft_follow(s, from, value) : (s))

/* --- finding, claiming, queueing -------------------------------------------------- */

/* The number of the owner if the slot is that of the request at this address, and nobody hands it over; else 0. */
FT_INLINE ft_u32 ft_slot_of_request(const struct ft_slot *s, ft_u64 req)
{
	ft_u64 owner;

	/*
	 * The address is read last. Read first it could be that of a request whose slot is
	 * freed and claimed before the number is read, which is then the next owner's.
	 */
	if (!FT_RULE(number_before_address) && ft_load(&s->req) != req)
		return 0;
	owner = ft_load(&s->owner);
	s = FT_FOLLOW(address_follows_number, s, &s->owner, owner);
	if (FT_RULE(number_before_address) && ft_load(&s->req) != req)
		return 0;
	return owner & FT_OWNER_HANDED ? 0 : ft_word_seq(owner);
}

/* The word `owner` if the slot still belongs to the owner that a thread remembers, else 0. */
FT_INLINE ft_u64 ft_slot_of_owner(const struct ft_slot *s, ft_u32 seq)
{
	ft_u64 owner = ft_load(&s->owner);

	return ft_word_seq(owner) == seq && !(owner & FT_OWNER_HANDED) ? owner : 0;
}

/* The word `served` if it is about this owner, else 0. One load tells the owner and what has happened. */
FT_INLINE ft_u64 ft_slot_served(const struct ft_slot *s, ft_u32 seq)
{
	ft_u64 served = ft_load(&s->served);

	return ft_word_seq(served) == seq ? served : 0;
}

/* Takes a free slot; 0 when it is not free, or another CPU was faster. */
FT_INLINE int ft_slot_claim(struct ft_slot *s, ft_u64 req)
{
	return ft_load(&s->req) == 0 && FT_CAS(order_claim, &s->req, 0, req) == 0;
}

/* A request is queued: what its hook knows. */
struct ft_queued {
	ft_u64 client; /* address of its task_struct, 0: nobody waits, or it cannot be followed */
	ft_u64 at_ns;
	ft_u64 unique; /* 0: not numbered yet */
	ft_u32 client_tid;
	ft_u32 connection;
	ft_u16 opcode;
	ft_u16 cpu;
	ft_u8 kind;
	ft_u8 wanted;
};

/* Begins the life of the request in a slot that was claimed; returns the number of this owner. */
FT_INLINE ft_u32 ft_slot_begin(struct ft_slot *s, const struct ft_queued *e)
{
	ft_u32 seq = ft_word_seq(ft_load(&s->owner)) + 1;

	if (seq == 0)
		seq = 1;
	ft_put(&s->client, e->client);
	ft_put(&s->queued_ns, e->at_ns);
	ft_put(&s->unique_part, ft_unique_part(e->unique));
	ft_put(&s->client_tid, e->client_tid);
	ft_put(&s->connection, e->connection);
	ft_put(&s->opcode, e->opcode);
	ft_put(&s->client_cpu, e->cpu);
	ft_put(&s->kind, e->kind);
	ft_put(&s->wanted, e->wanted);
	/* A CPU that finds the owner's number finds its fields. */
	FT_PUBLISH(queued_fields_first, &s->owner, ft_word(seq, 0));
	return seq;
}

/* --- freeing ---------------------------------------------------------------------- */

/* Another CPU may claim it from now on: what was read of it has to be read by then. */
FT_INLINE void ft_slot_free(struct ft_slot *s)
{
	FT_PUBLISH(read_before_free, &s->req, 0);
}

/* Frees the slot, or leaves that to the writer that is still in a group of the serving side. */
FT_INLINE void ft_slot_free_unless_written(struct ft_slot *s, ft_u32 seq)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->served);

		if (ft_word_seq(word) != seq || !(word & FT_SERVED_IN) || !FT_RULE(wait_for_serving_writer))
			break;
		if (FT_CAS(order_orphan, &s->served, word, word | FT_SERVED_ORPHANED) == word)
			return;
	}
	ft_slot_free(s);
}

/* --- the queueing side's group: the wakeup of a server ----------------------------- */

/* Enters; false when the owner is another one, it is handed over, or a bit of refused is set or one of needed is not. */
FT_INLINE int ft_owner_enter(struct ft_slot *s, ft_u32 seq, ft_u32 refused, ft_u32 needed)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->owner);

		if ((FT_RULE(wake_enters_own) && ft_word_seq(word) != seq) ||
		    (FT_RULE(wake_enters_open) && word & FT_OWNER_HANDED) ||
		    (FT_RULE(one_queueing_writer) && word & refused) || (word & needed) != needed)
			return 0;
		if (ft_cas(&s->owner, word, word | FT_OWNER_WAKE_IN) == word)
			return 1;
	}
	return 0;
}

/* Leaves, with these bits cleared and set; false when the request was handed over meanwhile. */
FT_INLINE int ft_owner_leave(struct ft_slot *s, ft_u32 seq, ft_u32 clear, ft_u32 set)
{
	ft_u64 word = 0;

	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		word = ft_load(&s->owner);
		if (FT_CAS(order_wake_leave, &s->owner, word,
			   (word & ~(ft_u64)(FT_OWNER_WAKE_IN | clear)) | set) == word)
			break;
	}
	if (word & FT_OWNER_DONE)
		ft_slot_free_unless_written(s, seq);
	return !(word & FT_OWNER_HANDED);
}

/* A thread is woken, and the client or its CPU has just queued this request. */
struct ft_waking {
	ft_u64 at_ns;
	ft_u32 tid;
	ft_u16 cpu; /* where it slept */
	ft_u16 waker_cpu;
	ft_u32 flags; /* FT_F_SERVER_TARGET_IDLE* */
};

/* The first thread of a server that is woken for a request: true when the slot holds it now. */
FT_INLINE int ft_slot_server_waking(struct ft_slot *s, ft_u32 seq, const struct ft_waking *e)
{
	if (ft_slot_served(s, seq) & FT_SERVED_TAKEN)
		return 0;
	if (!ft_owner_enter(s, seq, FT_OWNER_WAKE_IN | FT_OWNER_WOKEN, 0))
		return 0;
	ft_put(&s->woken_tid, e->tid);
	ft_put(&s->server_prev_cpu, e->cpu);
	ft_put(&s->server_target_cpu, e->cpu);
	ft_put(&s->server_waker_cpu, e->waker_cpu);
	ft_put(&s->server_waking_after, ft_time_after(ft_get(&s->queued_ns), e->at_ns));
	return ft_owner_leave(s, seq, 0, FT_OWNER_WOKEN | ft_owner_flags(e->flags));
}

/* The thread woken for it, 0 if none is known. May belong to the next owner: what follows is tagged with seq. */
FT_INLINE ft_u32 ft_slot_woken_tid(const struct ft_slot *s, ft_u32 seq)
{
	ft_u64 owner = ft_slot_of_owner(s, seq);

	s = FT_FOLLOW(woken_follows_owner, s, &s->owner, owner);
	return owner & FT_OWNER_WOKEN ? ft_load(&s->woken_tid) : 0;
}

/* The woken thread is put on another CPU before it runs. */
FT_INLINE void ft_slot_server_placed(struct ft_slot *s, ft_u32 seq, ft_u16 cpu, ft_u32 idle_flags)
{
	if (!ft_owner_enter(s, seq, FT_OWNER_WAKE_IN, FT_OWNER_WOKEN))
		return;
	ft_put(&s->server_target_cpu, cpu);
	ft_owner_leave(s, seq, ft_owner_flags(FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_TARGET_IDLE),
		       ft_owner_flags(idle_flags));
}

/* Flags of the wakeup that come to be known later: its hints. */
FT_INLINE void ft_slot_server_hints(struct ft_slot *s, ft_u32 seq, ft_u32 flags)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->owner);

		if ((FT_RULE(hints_of_own) && ft_word_seq(word) != seq) || word & FT_OWNER_HANDED)
			return;
		if (ft_cas(&s->owner, word, word | ft_owner_flags(flags)) == word)
			return;
	}
}

/* One more migration, of the client or the woken server; shift says which. Stays at 255. */
FT_INLINE void ft_word_count(ft_u64 *p, ft_u32 seq, ft_u32 shift)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(p);

		if ((FT_RULE(count_own) && ft_word_seq(word) != seq) || (word >> shift & 255) == 255)
			return;
		if (ft_cas(p, word, word + (1ull << shift)) == word)
			return;
	}
}

FT_INLINE void ft_slot_client_migrated(struct ft_slot *s, ft_u32 seq)
{
	ft_word_count(&s->owner, seq, FT_CLIENT_MIGRATIONS_SHIFT);
}

FT_INLINE void ft_slot_woken_migrated(struct ft_slot *s, ft_u32 seq)
{
	ft_word_count(&s->owner, seq, FT_WOKEN_MIGRATIONS_SHIFT);
}

/* The woken thread is switched in: once, by the thread that was woken for this owner. */
FT_INLINE void ft_slot_server_running(struct ft_slot *s, ft_u32 seq, ft_u64 now_ns)
{
	/* Again where the thread of an earlier owner, switched in late, was faster. */
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->running);
		ft_u64 waking;

		/* Not older: another owner's thread, or this one already. */
		if (FT_RULE(running_not_newer) && (ft_s32)(ft_word_seq(word) - seq) >= 0)
			return;
		if (!(ft_slot_of_owner(s, seq) & FT_OWNER_WOKEN))
			return;
		waking = ft_time_at(ft_load(&s->queued_ns), ft_load(&s->server_waking_after));
		if (ft_cas(&s->running, word, ft_word(seq, ft_time_after(waking, now_ns))) == word)
			return;
	}
}

FT_INLINE int ft_slot_is_running(const struct ft_slot *s, ft_u32 seq)
{
	return ft_word_seq(ft_load(&s->running)) == seq;
}

/* --- the serving side's groups: taken, replied, the client's wakeup ------------------ */

/*
 * Leaves a group with these bits cleared and set. Returns the new word, 0 when it
 * is another owner's by now. The last writer of a slot that was left to it frees it.
 */
FT_INLINE ft_u64 ft_served_leave(struct ft_slot *s, ft_u32 seq, ft_u32 clear, ft_u32 set)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->served), next;

		if (FT_RULE(leave_own) && ft_word_seq(word) != seq)
			return 0;
		next = (word & ~(ft_u64)clear) | set;
		if (FT_CAS(order_serve_leave, &s->served, word, next) != word)
			continue;
		if (next & FT_SERVED_ORPHANED && !(next & FT_SERVED_IN))
			ft_slot_free(s);
		return next;
	}
	return 0;
}

/*
 * Enters a group with its bit `in`. Returns the word, 0 when a bit of refused is
 * set, one of needed is not, or the request is handed over or gone.
 */
FT_INLINE ft_u64 ft_served_enter(struct ft_slot *s, ft_u32 seq, ft_u32 in, ft_u32 refused, ft_u32 needed)
{
	ft_u64 next = 0;

	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->served);

		if (ft_word_seq(word) == seq) {
			if ((FT_RULE(one_serving_writer) && word & refused) || (word & needed) != needed)
				return 0;
			next = word | in;
		} else {
			/* The word of a later owner: this event comes too late. */
			if (needed || (FT_RULE(served_not_newer) && (ft_s32)(ft_word_seq(word) - seq) > 0))
				return 0;
			next = ft_word(seq, in);
		}
		if (FT_CAS(order_serve_enter, &s->served, word, next) == word)
			break;
		next = 0;
	}
	if (!next)
		return 0;
	if (FT_RULE(look_at_owner_after_entering) && !ft_slot_of_owner(s, seq)) {
		ft_served_leave(s, seq, in, 0);
		return 0;
	}
	return next;
}

/* A server thread takes the request. */
struct ft_taken {
	ft_u64 at_ns;
	ft_u64 unique;
	ft_u32 tid;
	ft_u16 cpu;
	ft_u8 transport;
	ft_u8 wanted; /* the server passes the filter by process */
};

/*
 * True when the slot holds it now. One that was aborted before the server's read
 * returned had its reply then: nobody serves it.
 */
FT_INLINE int ft_slot_take(struct ft_slot *s, ft_u32 seq, const struct ft_taken *e)
{
	ft_u32 set = FT_SERVED_TAKEN | (e->wanted ? FT_SERVED_WANTED : 0);
	ft_u64 word = ft_served_enter(s, seq, FT_SERVED_TAKE_IN,
				      FT_SERVED_TAKE_IN | FT_SERVED_REPLY_IN | FT_SERVED_REPLIED, 0);

	if (!word)
		return 0;
	if (word & FT_SERVED_TAKEN)
		set |= ft_served_flags(FT_F_RESENT);
	ft_put(&s->picked_up_ns, e->at_ns);
	ft_put(&s->server_tid, e->tid);
	ft_put(&s->taken_unique_part, ft_unique_part(e->unique));
	ft_put(&s->server_cpu, e->cpu);
	ft_put(&s->transport, e->transport);
	ft_served_leave(s, seq, FT_SERVED_TAKE_IN, set);
	return 1;
}

/* Before that, on a kernel with several input queues: which one it came from. */
FT_INLINE void ft_slot_taken_from(struct ft_slot *s, ft_u32 seq, ft_u16 shard, int stolen)
{
	if (!ft_served_enter(s, seq, FT_SERVED_TAKE_IN,
			     FT_SERVED_TAKE_IN | FT_SERVED_REPLY_IN | FT_SERVED_REPLIED, 0))
		return;
	ft_put(&s->shard, shard);
	/* It may be resent: then it counts where it was taken last. */
	ft_served_leave(s, seq, FT_SERVED_TAKE_IN | ft_served_flags(FT_F_STOLEN),
			ft_served_flags(FT_F_SHARD_KNOWN | (stolen ? FT_F_STOLEN : 0)));
}

/* What struct fuse_req holds when the request ends; it may be freed before its record is made. */
struct ft_saved {
	ft_u64 unique;
	ft_u64 nodeid;
	ft_u64 req_flags; /* as the kernel numbers them */
	ft_u32 bytes_in;
	ft_u32 bytes_out;
	ft_s32 error;
};

struct ft_replied {
	ft_u64 at_ns;
	ft_u32 tid;
	ft_u16 cpu;
	ft_u8 transport; /* of a request that was not seen to be taken */
	struct ft_saved saved;
};

/* The request is answered, or aborted. True when the slot holds it now, false when it did before. */
FT_INLINE int ft_slot_reply(struct ft_slot *s, ft_u32 seq, const struct ft_replied *e)
{
	if (!ft_served_enter(s, seq, FT_SERVED_REPLY_IN, FT_SERVED_REPLY_IN | FT_SERVED_REPLIED, 0))
		return 0;
	ft_put(&s->replied_ns, e->at_ns);
	ft_put(&s->replier_tid, e->tid);
	ft_put(&s->reply_cpu, e->cpu);
	ft_put(&s->replied_over, e->transport);
	ft_put(&s->unique, e->saved.unique);
	ft_put(&s->nodeid, e->saved.nodeid);
	ft_put(&s->req_flags, e->saved.req_flags);
	ft_put(&s->bytes_in, e->saved.bytes_in);
	ft_put(&s->bytes_out, e->saved.bytes_out);
	ft_put(&s->error, e->saved.error);
	/* From here on its client may hand it over, and the slot may be another's. */
	ft_served_leave(s, seq, FT_SERVED_REPLY_IN, FT_SERVED_REPLIED);
	return 1;
}

/* The client is woken by the reply. never_slept: it may be running on without a switch that shows it. */
FT_INLINE int ft_slot_client_waking(struct ft_slot *s, ft_u32 seq, const struct ft_waking *e, int never_slept)
{
	if (!ft_served_enter(s, seq, FT_SERVED_WAKE_IN, FT_SERVED_WAKE_IN | FT_SERVED_WOKEN,
			     FT_SERVED_REPLIED))
		return 0;
	ft_put(&s->client_waking_ns, e->at_ns);
	ft_put(&s->client_prev_cpu, e->cpu);
	ft_put(&s->client_target_cpu, e->cpu);
	ft_put(&s->client_waker_cpu, e->waker_cpu);
	ft_served_leave(s, seq, FT_SERVED_WAKE_IN,
			FT_SERVED_WOKEN |
				ft_served_flags(e->flags | (never_slept ? FT_F_CLIENT_NEVER_SLEPT : 0)));
	return 1;
}

FT_INLINE void ft_slot_client_placed(struct ft_slot *s, ft_u32 seq, ft_u16 cpu, ft_u32 idle_flags)
{
	if (!ft_served_enter(s, seq, FT_SERVED_WAKE_IN, FT_SERVED_WAKE_IN,
			     FT_SERVED_REPLIED | FT_SERVED_WOKEN))
		return;
	ft_put(&s->client_target_cpu, cpu);
	ft_served_leave(s, seq,
			FT_SERVED_WAKE_IN | ft_served_flags(FT_F_CLIENT_TARGET_IDLE_KNOWN |
							    FT_F_CLIENT_TARGET_IDLE),
			ft_served_flags(idle_flags));
}

FT_INLINE void ft_slot_client_hints(struct ft_slot *s, ft_u32 seq, ft_u32 flags)
{
	/* No field is written: the bits go in as a writer would leave. */
	ft_served_leave(s, seq, 0, ft_served_flags(flags));
}

FT_INLINE void ft_slot_server_migrated(struct ft_slot *s, ft_u32 seq)
{
	ft_word_count(&s->served, seq, FT_SERVER_MIGRATIONS_SHIFT);
}

/*
 * Whether an end is that of the slot's owner, and not of a request that came to lie at
 * its address later: it has the same connection and the same number. Before 6.13
 * a request is numbered only when it is queued, so that its number is known from
 * the server that took it.
 */
FT_INLINE int ft_slot_owns(const struct ft_slot *s, ft_u32 seq, ft_u32 connection, ft_u64 unique)
{
	ft_u32 part = ft_load(&s->unique_part), found = ft_unique_part(unique);

	if (ft_load(&s->connection) != connection)
		return 0;
	if (!part && ft_slot_served(s, seq) & FT_SERVED_TAKEN)
		part = ft_load(&s->taken_unique_part);
	return !part || !found || part == found;
}

#endif /* FUSETRACE_SLOT_H */
