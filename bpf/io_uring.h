/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pickup over io_uring: the server takes a request when the command it had
 * left with the kernel completes, in the server's own context. The completed
 * command leads to the ring entry, and that to the request.
 */
#ifndef FUSETRACE_IO_URING_H
#define FUSETRACE_IO_URING_H

/* A command that completes for its server; struct io_uring_cmd lies at the start of struct io_kiocb. */
static __always_inline void command_completed(void *completed, bool again)
{
	struct io_kiocb *io = completed;
	struct io_uring_cmd *command = completed;
	struct fuse_ring_ent *entry = NULL;
	struct task_struct *task;
	struct thread *t;
	struct ft_slot *s;
	__u32 index = 0;
	__u64 req;

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
	s = slot_find(req, &index);
	if (!s || (again && is_picked_up(s)))
		return;
	task = bpf_get_current_task_btf();
	t = known_server(task);
	if (t)
		announce(t, task);
	handle_picked_up(s, index, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
	s->transport = FT_TRANSPORT_IO_URING;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_io_uring_complete, void *ctx_unused, void *completed)
{
	UNPREEMPTED(command_completed(completed, false));
	return 0;
}

STAND_INS("tp_btf/io_uring_complete", on_io_uring_complete,
	  UNPREEMPTED(command_completed(completed, true)), void *ctx_unused, void *completed)

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

/* Queueing where its tracepoint is not used; a background request before it waits for its turn. */
SEC("kprobe/fuse_uring_queue_fuse_req")
int BPF_KPROBE(kprobe_fuse_uring_queue_fuse_req, void *fiq, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view, false);
	return 0;
}

SEC("kprobe/fuse_uring_queue_bq_req")
int BPF_KPROBE(kprobe_fuse_uring_queue_bq_req, struct fuse_req *req)
{
	struct req_view view;

	view_untyped(req, &view);
	handle_queued(&view, false);
	return 0;
}

#endif /* FUSETRACE_IO_URING_H */
