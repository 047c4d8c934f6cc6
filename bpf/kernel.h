/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that fusetrace reads, each with only the members it
 * reads: CO-RE finds where they are in the running kernel. Where kernels
 * differ, the variants stand here, with the kernel that made the change.
 */
#ifndef FUSETRACE_KERNEL_H
#define FUSETRACE_KERNEL_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* The part of enum bpf_map_type and of the helpers' flags that is used. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* --- tasks and files ------------------------------------------------------ */

struct thread_info {
	unsigned long flags;
	u32 status; /* x86 only */
	u32 cpu; /* with CONFIG_THREAD_INFO_IN_TASK, which x86-64 and arm64 always have */
	struct {
		u32 count;
	} preempt; /* arm64 only */
};

/* Where x86 keeps the preemption count from 6.2 to 6.14; before and after it is a variable, __preempt_count. */
struct pcpu_hot {
	int preempt_count;
};

struct sched_entity {
	unsigned char sched_delayed; /* since 6.12 */
};

struct css_set;
struct nsproxy;

struct files_struct;

struct task_io_accounting {
	u64 syscr;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state; /* volatile long state until 5.14 */
	/* int until 7.2, u8 in 7.3: unsigned here, so that CO-RE may adjust the width */
	unsigned int on_cpu;
	unsigned int on_rq;
	struct sched_entity se;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	char comm[16];
	struct files_struct *files;
	struct task_io_accounting ioac;
};

struct inode {
	u32 i_rdev;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long bx;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ax;
#elif defined(__TARGET_ARCH_arm64)
	u64 orig_x0;
	int syscallno;
	u64 regs[31];
#else
#error "fusetrace knows the system call registers of x86-64 and arm64"
#endif
};

/* --- FUSE (fs/fuse/fuse_i.h, fs/fuse/fuse_dev_i.h, include/uapi/linux/fuse.h) --- */

struct list_head {
	struct list_head *next, *prev;
};

typedef struct {
	int counter;
} atomic_t;

struct fuse_in_header {
	u32 len;
	u32 opcode;
	u64 unique;
	u64 nodeid;
	u32 uid;
	u32 gid;
	u32 pid;
	u32 padding;
};

struct fuse_out_header {
	u32 len;
	int error;
	u64 unique;
};

struct super_block;

struct fuse_iqueue {
	void *priv;
};

struct fuse_conn {
	unsigned int max_background;
	unsigned int congestion_threshold;
	atomic_t num_waiting;
	u32 dev;
	struct fuse_iqueue iq;
};

struct fuse_mount {
	struct fuse_conn *fc;
};

/* By 7.3 the device's side of a connection had become a structure of its own. */
struct fuse_chan {
	struct fuse_conn *conn;
	unsigned int max_background; /* congestion_threshold stayed in fuse_conn */
	atomic_t num_waiting;
	struct fuse_iqueue iq;
};

struct fuse_req {
	struct list_head list;
	unsigned long flags;
	struct {
		struct fuse_in_header h;
	} in;
	struct {
		struct fuse_out_header h;
	} out;
	struct fuse_mount *fm; /* since 5.10 */
};

struct fuse_req___chan {
	struct fuse_chan *chan;
};

struct fuse_pqueue {
	struct list_head *processing; /* hash table of FUSE_PQ_HASH_SIZE since 4.20 */
};

struct fuse_dev {
	struct fuse_conn *fc;
	struct fuse_pqueue pq;
};

struct fuse_dev___chan {
	struct fuse_chan *chan;
};

struct fuse_copy_state {
	struct fuse_req *req;
};

enum fuse_req_flag {
	FR_ISREPLY,
	FR_BACKGROUND = 2,
	FR_ABORTED = 4,
	FR_INTERRUPTED = 5,
	FR_FINISHED = 9,
	FR_URING = 12, /* since 6.14 */
};

/* fuse-over-io-uring, since 6.14 (fs/fuse/dev_uring_i.h, dev_uring.c). */
struct fuse_ring_ent {
	struct fuse_req *fuse_req;
};

struct fuse_uring_pdu {
	struct fuse_ring_ent *ent;
};

struct io_uring_cmd {
	u8 pdu[32];
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
};

/* --- BPF iterators ---------------------------------------------------------- */

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* include/linux/sched.h; TASK_WAKING is set while try_to_wake_up() chooses a CPU. */
#define TASK_RUNNING 0x0000
#define TASK_DEAD 0x0080
#define TASK_WAKING 0x0200

/* Device numbers as the kernel keeps them: major << 20 | minor. */
#define FUSE_DEV ((10u << 20) | 229u)
#define CUSE_DEV ((10u << 20) | 203u)

/* include/uapi/linux/fuse.h: messages that are not struct fuse_req. */
#define FUSE_FORGET 2
#define FUSE_INTERRUPT 36
#define FUSE_BATCH_FORGET 42
#define FUSE_IN_HEADER_LEN 40

/* fs/fuse/fuse_dev_i.h: the lowest bit of unique marks an interrupt. */
#define FUSE_INT_REQ_BIT (1ull << 0)
#define FUSE_PQ_HASH_BITS 8

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((long)(regs)->orig_ax)
#define SYSCALL_ARG0(regs) ((regs)->di)
#define SYSCALL_ARG1(regs) ((regs)->si)
/* arch/x86/include/asm/syscall.h */
#define SYSCALL32_ARG0(regs) ((regs)->bx)
#define SYSCALL32_ARG1(regs) ((regs)->cx)
/* arch/x86/include/asm/thread_info.h: the system call that runs has 32-bit numbers and pointers. */
#define TS_COMPAT 0x0002
enum syscall_nr {
	NR_read = 0,
	NR_poll = 7,
	NR_pread64 = 17,
	NR_readv = 19,
	NR_select = 23,
	NR_epoll_wait = 232,
	NR_pselect6 = 270,
	NR_ppoll = 271,
	NR_splice = 275,
	NR_epoll_pwait = 281,
	NR_preadv = 295,
	NR_preadv2 = 327,
	NR_io_uring_enter = 426,
	NR_epoll_pwait2 = 441,
	NR_none = -1,
};
/* arch/x86/entry/syscalls/syscall_32.tbl */
enum syscall32_nr {
	NR32_read = 3,
	NR32_select = 142, /* _newselect */
	NR32_readv = 145,
	NR32_poll = 168,
	NR32_pread64 = 180,
	NR32_epoll_wait = 256,
	NR32_pselect6 = 308,
	NR32_ppoll = 309,
	NR32_splice = 313,
	NR32_epoll_pwait = 319,
	NR32_preadv = 333,
	NR32_preadv2 = 378,
	NR32_pselect6_time64 = 413,
	NR32_ppoll_time64 = 414,
	NR32_io_uring_enter = 426,
	NR32_epoll_pwait2 = 441,
};
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((long)(regs)->syscallno)
#define SYSCALL_ARG0(regs) ((regs)->orig_x0)
#define SYSCALL_ARG1(regs) ((regs)->regs[1])
#define SYSCALL32_ARG0(regs) ((regs)->orig_x0)
#define SYSCALL32_ARG1(regs) ((regs)->regs[1])
/* arch/arm64/include/asm/thread_info.h: the thread runs 32-bit code, which has 32-bit system calls. */
#define TIF_32BIT 22
enum syscall_nr {
	NR_poll = -101,
	NR_select = -102,
	NR_epoll_wait = -103, /* not on this architecture */
	NR_epoll_pwait = 22,
	NR_read = 63,
	NR_readv = 65,
	NR_pread64 = 67,
	NR_preadv = 69,
	NR_pselect6 = 72,
	NR_ppoll = 73,
	NR_splice = 76,
	NR_preadv2 = 286,
	NR_io_uring_enter = 426,
	NR_epoll_pwait2 = 441,
	NR_none = -1,
};
/* arch/arm64/tools/syscall_32.tbl */
enum syscall32_nr {
	NR32_read = 3,
	NR32_select = 142, /* _newselect */
	NR32_readv = 145,
	NR32_poll = 168,
	NR32_pread64 = 180,
	NR32_epoll_wait = 252,
	NR32_pselect6 = 335,
	NR32_ppoll = 336,
	NR32_splice = 340,
	NR32_epoll_pwait = 346,
	NR32_preadv = 361,
	NR32_preadv2 = 392,
	NR32_pselect6_time64 = 413,
	NR32_ppoll_time64 = 414,
	NR32_io_uring_enter = 426,
	NR32_epoll_pwait2 = 441,
};
#endif

/* include/uapi/linux/io_uring.h */
#define IORING_OP_URING_CMD 46

/* kernel/sched/sched.h; the sync hint's bit since 5.12, the other's since 6.7. */
#define WF_SYNC 0x10
#define WF_CURRENT_CPU 0x40

/* Now that the names of registers are those above, not those of vmlinux.h. */
#define __VMLINUX_H__
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "types.h"

/*
 * How a kernel function is declared that not every kernel has. In the section .ksyms, but
 * by one file only (requests.bpf.c, which calls all of them): libbpf's linker refuses a
 * function that two files declare there (seen with libbpf 1.1: "failed to resolve
 * size of underlying type").
 */
#ifdef DECLARES_KERNEL_FUNCTIONS
#define KERNEL_FUNCTION __ksym __weak
#else
#define KERNEL_FUNCTION __weak
#endif

#endif /* FUSETRACE_KERNEL_H */
