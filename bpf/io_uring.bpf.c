// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pickup over io_uring: the server takes a request when the command it had
 * left with the kernel completes, in the server's own context. The completed
 * command leads to the ring entry, and that to the request.
 */
#include "guard.h"
#include "requests.h"
#include "stand_in.h"

/* A command that completes for its server; struct io_uring_cmd lies at the start of struct io_kiocb. */
static __always_inline void command_completed(void *completed, bool is_stand_in)
{
	struct io_kiocb *io = completed;
	struct io_uring_cmd *command = completed;
	struct fuse_ring_ent *entry = NULL;
	struct task_struct *task;
	__u64 req, unique = 0;
	struct thread *t;
	struct ft_slot *s;
	ft_slot_ref ref;

	if (!enabled || !io || BPF_CORE_READ(io, opcode) != IORING_OP_URING_CMD)
		return;
	if (BPF_CORE_READ(io, file, f_inode, i_rdev) != FUSE_DEV)
		return;
	/* struct fuse_uring_pdu lies at the start of the command's private bytes. */
	if (bpf_core_read(&entry, sizeof(entry), &command->pdu) || !entry)
		return;
	req = (__u64)BPF_CORE_READ(entry, fuse_req);
	if (!req)
		return;
	s = slot_find(req, &ref);
	if (!s || (is_stand_in && is_picked_up(s, ref)))
		return;
	task = bpf_get_current_task_btf();
	t = known_server(task);
	if (t)
		announce(t, task);
	read_fuse_req(unique, req, in.h.unique);
	request_taken(s, ref, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id(), unique,
		      FT_TRANSPORT_IO_URING);
}

static __always_inline void completed_guarded(void *completed, bool is_stand_in)
{
	GUARD_CPU();
	command_completed(completed, is_stand_in);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_io_uring_complete, void *ctx_unused, void *completed)
{
	completed_guarded(completed, false);
	return 0;
}

STAND_IN("tp_btf/io_uring_complete", io_uring_complete_stand_in_1, completed_guarded(completed, true),
	 void *ctx_unused, void *completed)
STAND_IN("tp_btf/io_uring_complete", io_uring_complete_stand_in_2, completed_guarded(completed, true),
	 void *ctx_unused, void *completed)
STAND_IN("tp_btf/io_uring_complete", io_uring_complete_stand_in_3, completed_guarded(completed, true),
	 void *ctx_unused, void *completed)

/* What FUSE calls to complete a command. */
SEC("kprobe/__io_uring_cmd_done")
int BPF_KPROBE(kprobe___io_uring_cmd_done, void *command, __s32 result)
{
	if (result == 0)
		command_completed(command, false);
	return 0;
}

/* The same before 6.18. */
SEC("kprobe/io_uring_cmd_done")
int BPF_KPROBE(kprobe_io_uring_cmd_done, void *command, __s32 result)
{
	if (result == 0)
		command_completed(command, false);
	return 0;
}
