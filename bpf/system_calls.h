/* SPDX-License-Identifier: GPL-2.0-only */
/* What the registers of the current system call tell: which one it is, and the message that a read put into its buffer. */
#ifndef FUSETRACE_SYSTEM_CALLS_H
#define FUSETRACE_SYSTEM_CALLS_H

#include "counters.h"
#include "kernel.h"

/*
 * A 32-bit program makes its system calls by other numbers (on x86 read is 3 and
 * ioctl is 54, for a 64-bit program 0 and 16), with 32-bit pointers. Its calls are
 * told from those of a 64-bit program by a mark of the running call (x86: TS_COMPAT, also
 * set for int 0x80 in a 64-bit program) or of the thread (arm64: TIF_32BIT).
 */
static __always_inline bool is_32_bit_call(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return bpf_core_field_exists(task->thread_info.status) && task->thread_info.status & TS_COMPAT;
#else
	return task->thread_info.flags >> TIF_32BIT & 1;
#endif
}

/* The call's number among those of 64-bit programs (enum syscall_nr); NR_none for one that is not of interest. */
static __always_inline long syscall_number(struct task_struct *task, struct pt_regs *regs)
{
	long nr = SYSCALL_NR(regs);

	if (!is_32_bit_call(task))
		return nr;
	switch (nr) {
	case NR32_read:
		return NR_read;
	case NR32_readv:
		return NR_readv;
	case NR32_splice:
		return NR_splice;
	case NR32_pread64:
		return NR_pread64;
	case NR32_preadv:
		return NR_preadv;
	case NR32_preadv2:
		return NR_preadv2;
	case NR32_poll:
	case NR32_ppoll:
	case NR32_ppoll_time64:
		return NR_ppoll;
	case NR32_select:
	case NR32_pselect6:
	case NR32_pselect6_time64:
		return NR_pselect6;
	case NR32_epoll_wait:
	case NR32_epoll_pwait:
	case NR32_epoll_pwait2:
		return NR_epoll_pwait;
	case NR32_io_uring_enter:
		return NR_io_uring_enter;
	}
	return NR_none;
}

/* The first and second argument. A 32-bit call has them in other registers, 32 bits wide. */
static __always_inline __u64 syscall_arg0(struct task_struct *task, struct pt_regs *regs)
{
	return is_32_bit_call(task) ? (__u32)SYSCALL32_ARG0(regs) : SYSCALL_ARG0(regs);
}

static __always_inline __u64 syscall_arg1(struct task_struct *task, struct pt_regs *regs)
{
	return is_32_bit_call(task) ? (__u32)SYSCALL32_ARG1(regs) : SYSCALL_ARG1(regs);
}

/* The header in the buffer of the system call that is returning. */
static __always_inline bool read_header(struct task_struct *task, struct pt_regs *regs, long nr,
					struct fuse_in_header *header)
{
	const void *buffer = (const void *)syscall_arg1(task, regs);

	if (nr == NR_readv || nr == NR_preadv || nr == NR_preadv2) {
		__u64 iov[2] = {}; /* base and length; each 32 bits wide in a 32-bit program */
		__u64 length;

		if (bpf_probe_read_user(iov, is_32_bit_call(task) ? 8 : 16, buffer)) {
			count_loss(FT_LOSS_UNREADABLE);
			return false;
		}
		if (is_32_bit_call(task)) {
			length = iov[0] >> 32;
			buffer = (const void *)(__u64)(__u32)iov[0];
		} else {
			length = iov[1];
			buffer = (const void *)iov[0];
		}
		if (length < FUSE_IN_HEADER_LEN) {
			count_loss(FT_LOSS_UNREADABLE);
			return false;
		}
	}
	if (bpf_probe_read_user(header, sizeof(*header), buffer)) {
		count_loss(FT_LOSS_UNREADABLE);
		return false;
	}
	return true;
}

#endif /* FUSETRACE_SYSTEM_CALLS_H */
