/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pickup over io_uring: the server takes a request when the command it had
 * left with the kernel completes, in the server's own context. The completed
 * command leads to the ring entry, and that to the request.
 */
#ifndef FUSETRACE_IO_URING_H
#define FUSETRACE_IO_URING_H

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_io_uring_complete, void *ctx_unused, void *completed)
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
		return 0;
	if (BPF_CORE_READ(io, file, f_inode, i_rdev) != FUSE_DEV)
		return 0;
	/* struct fuse_uring_pdu lies at the start of the command's private bytes. */
	if (bpf_core_read(&entry, sizeof(entry), &command->pdu) || !entry)
		return 0;
	req = (__u64)BPF_CORE_READ(entry, fuse_req);
	if (!req)
		return 0;
	s = slot_find(req, &index);
	if (!s)
		return 0;
	task = bpf_get_current_task_btf();
	t = known_server(task);
	if (t)
		announce(t, task);
	handle_picked_up(s, index, task, t, bpf_ktime_get_ns(), bpf_get_smp_processor_id());
	s->transport = FT_TRANSPORT_IO_URING;
	return 0;
}

#endif /* FUSETRACE_IO_URING_H */
