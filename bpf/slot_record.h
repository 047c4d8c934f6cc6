/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The end of the protocol in slot.h: one CPU closes a request, makes its record and frees the slot. */
#ifndef FUSETRACE_SLOT_RECORD_H
#define FUSETRACE_SLOT_RECORD_H

#include "slot.h"

/* --- handing over ------------------------------------------------------------------ */

/* What was known when the request was handed over. */
struct ft_closed {
	ft_u64 owner;
	ft_u64 served; /* 0: nothing is known of the serving side */
};

/* True for the one CPU that hands over the record of this owner. It must call ft_slot_release() when it has read it. */
FT_INLINE int ft_slot_close(struct ft_slot *s, ft_u32 seq, struct ft_closed *c)
{
	FT_LOOP
	for (int i = 0; i < FT_TRIES; i++) {
		ft_u64 word = ft_load(&s->owner);

		if ((FT_RULE(close_own) && ft_word_seq(word) != seq) ||
		    (FT_RULE(one_closer) && word & FT_OWNER_HANDED))
			return 0;
		if (ft_cas(&s->owner, word, word | FT_OWNER_HANDED) == word) {
			ft_u64 served = FT_OBSERVE(served_before_its_fields, &s->served);

			c->owner = word;
			c->served = ft_word_seq(served) == seq ? served : 0;
			return 1;
		}
	}
	return 0;
}

FT_INLINE void ft_slot_release(struct ft_slot *s, const struct ft_closed *c)
{
	if (FT_RULE(wait_for_queueing_writer) && c->owner & FT_OWNER_WAKE_IN &&
	    ft_or(&s->owner, FT_OWNER_DONE) & FT_OWNER_WAKE_IN)
		return; /* that writer frees it when it leaves */
	ft_slot_free_unless_written(s, ft_word_seq(c->owner));
}

/* A group that is valid, and that nobody is writing. */
FT_INLINE int ft_is_whole(ft_u64 word, ft_u32 valid, ft_u32 in)
{
	return (word & (valid | (FT_RULE(leave_out_half_written) ? in : 0))) == valid;
}

FT_INLINE int ft_closed_replied(const struct ft_closed *c)
{
	return (c->served & FT_SERVED_REPLIED) != 0;
}

/* Passed the filter by process, as client or as server. */
FT_INLINE int ft_closed_wanted(const struct ft_slot *s, const struct ft_closed *c)
{
	return ft_get(&s->wanted) || c->served & FT_SERVED_WANTED;
}

/* How a client came to run again. */
enum ft_resume {
	FT_RESUME_NOBODY, /* no client waits */
	FT_RESUME_SWITCHED_IN, /* seen, at that time on that CPU */
	FT_RESUME_NEVER_SLEPT, /* it was running at that time, on that CPU or where it queued */
	/*
	 * It runs, and was not seen to be switched in: the wakeup found it on its way
	 * to sleep, and it never got there. Where it did sleep, the switch was not
	 * shown (seen of switches away from a thread that the system keeps for
	 * itself), and when it resumed is unknown.
	 */
	FT_RESUME_UNSEEN,
};

FT_INLINE void ft_slot_resumed(const struct ft_slot *s, const struct ft_closed *c, enum ft_resume how,
			       ft_u64 at_ns, ft_u32 cpu, struct ft_request *r)
{
	/* Where it stays when nothing else was seen: unknown when it has moved since it queued. */
	ft_u16 stayed = c->owner >> FT_CLIENT_MIGRATIONS_SHIFT & 255 ? FT_CPU_UNKNOWN : ft_get(&s->client_cpu);

	switch (how) {
	case FT_RESUME_NOBODY:
		break;
	case FT_RESUME_SWITCHED_IN:
		r->resumed_ns = at_ns;
		r->resume_cpu = (ft_u16)cpu;
		r->flags &= ~(ft_u32)FT_F_CLIENT_NEVER_SLEPT;
		break;
	case FT_RESUME_NEVER_SLEPT:
		r->resumed_ns = at_ns;
		r->resume_cpu = cpu == FT_CPU_UNKNOWN ? stayed : (ft_u16)cpu;
		r->flags |= FT_F_CLIENT_NEVER_SLEPT;
		break;
	case FT_RESUME_UNSEEN:
		r->resume_cpu = stayed;
		if (!r->client_waking_ns) {
			r->resumed_ns = r->replied_ns;
			r->flags |= FT_F_CLIENT_NEVER_SLEPT;
		} else if (r->flags & FT_F_CLIENT_NEVER_SLEPT) {
			r->resumed_ns = r->client_waking_ns;
			r->resume_cpu = r->client_target_cpu;
		}
		break;
	}
}

/* Fills r with what the slot knows of the owner that was closed; what struct fuse_req keeps is added by ft_slot_saved(). */
FT_INLINE void ft_slot_record(const struct ft_slot *s, const struct ft_closed *c, struct ft_request *r)
{
	ft_u32 seq = ft_word_seq(c->owner);
	ft_u32 flags = ft_word_served_flags(c->served);
	int woken = ft_is_whole(c->owner, FT_OWNER_WOKEN, FT_OWNER_WAKE_IN);
	int taken = ft_is_whole(c->served, FT_SERVED_TAKEN, FT_SERVED_TAKE_IN);
	ft_u64 running;

	__builtin_memset(r, 0, sizeof(*r));
	r->queued_ns = ft_get(&s->queued_ns);
	r->connection = ft_get(&s->connection);
	r->opcode = ft_get(&s->opcode);
	r->client_tid = ft_get(&s->client_tid);
	r->client_cpu = ft_get(&s->client_cpu);
	r->kind = ft_get(&s->kind);
	r->migrations_client_waiting = (ft_u8)(c->owner >> FT_CLIENT_MIGRATIONS_SHIFT);
	r->server_cpu = FT_CPU_UNKNOWN;
	r->reply_cpu = FT_CPU_UNKNOWN;
	r->resume_cpu = FT_CPU_UNKNOWN;
	r->server_prev_cpu = FT_CPU_UNKNOWN;
	r->server_target_cpu = FT_CPU_UNKNOWN;
	r->server_waker_cpu = FT_CPU_UNKNOWN;
	r->client_prev_cpu = FT_CPU_UNKNOWN;
	r->client_target_cpu = FT_CPU_UNKNOWN;
	r->client_waker_cpu = FT_CPU_UNKNOWN;
	r->transport = FT_TRANSPORT_DEV;
	if (woken) {
		r->server_waking_ns = ft_time_at(r->queued_ns, ft_get(&s->server_waking_after));
		r->woken_tid = ft_get(&s->woken_tid);
		r->server_prev_cpu = ft_get(&s->server_prev_cpu);
		r->server_target_cpu = ft_get(&s->server_target_cpu);
		r->server_waker_cpu = ft_get(&s->server_waker_cpu);
		r->flags |= ft_word_owner_flags(c->owner);
		r->migrations_server_waiting = (ft_u8)(c->owner >> FT_WOKEN_MIGRATIONS_SHIFT);
		running = ft_load(&s->running);
		if (ft_word_seq(running) == seq && ft_time_is_after((ft_u32)running))
			r->server_running_ns = ft_time_at(r->server_waking_ns, (ft_u32)running);
	}
	if (!c->served)
		return;
	if (c->served & FT_SERVED_REPLIED) {
		r->replied_ns = ft_get(&s->replied_ns);
		r->replier_tid = ft_get(&s->replier_tid);
		r->reply_cpu = ft_get(&s->reply_cpu);
		if (ft_get(&s->replied_over))
			r->transport = ft_get(&s->replied_over);
	}
	if (ft_is_whole(c->served, FT_SERVED_WOKEN, FT_SERVED_WAKE_IN)) {
		r->client_waking_ns = ft_get(&s->client_waking_ns);
		r->client_prev_cpu = ft_get(&s->client_prev_cpu);
		r->client_target_cpu = ft_get(&s->client_target_cpu);
		r->client_waker_cpu = ft_get(&s->client_waker_cpu);
	} else {
		flags &= ~(ft_u32)(FT_F_CLIENT_TARGET_IDLE_KNOWN | FT_F_CLIENT_TARGET_IDLE |
				   FT_F_CLIENT_WAKE_FLAGS_KNOWN | FT_F_CLIENT_WAKE_SYNC |
				   FT_F_CLIENT_WAKE_CURRENT_CPU);
	}
	if (flags & FT_F_SHARD_KNOWN && !(c->served & FT_SERVED_TAKE_IN))
		r->shard = ft_get(&s->shard);
	else
		flags &= ~(ft_u32)(FT_F_SHARD_KNOWN | FT_F_STOLEN);
	r->flags |= flags;
	r->migrations_server_serving = (ft_u8)(c->served >> FT_SERVER_MIGRATIONS_SHIFT);
	if (taken && r->replied_ns && ft_get(&s->picked_up_ns) > r->replied_ns)
		taken = 0; /* Aborted while the read that took it returned: nobody serves it. */
	if (!taken)
		return;
	r->picked_up_ns = ft_get(&s->picked_up_ns);
	r->server_tid = ft_get(&s->server_tid);
	r->server_cpu = ft_get(&s->server_cpu);
	r->transport = ft_get(&s->transport);
	if (c->owner & FT_OWNER_WAKE_IN)
		r->pickup = FT_PICKUP_UNKNOWN; /* somebody is just being woken for it */
	else if (!woken)
		r->pickup = FT_PICKUP_BUSY;
	else
		r->pickup = r->woken_tid == r->server_tid ? FT_PICKUP_WOKEN : FT_PICKUP_POACHED;
}

/* Adds what was saved of struct fuse_req when it was replied to; returns its flags as the kernel numbers them. */
FT_INLINE ft_u64 ft_slot_saved(const struct ft_slot *s, struct ft_request *r)
{
	r->unique = ft_get(&s->unique);
	r->nodeid = ft_get(&s->nodeid);
	r->bytes_in = ft_get(&s->bytes_in);
	if (r->kind != FT_KIND_NOREPLY) {
		r->error = ft_get(&s->error);
		r->bytes_out = ft_get(&s->bytes_out);
	}
	return ft_get(&s->req_flags);
}

#endif /* FUSETRACE_SLOT_RECORD_H */
