/* SPDX-License-Identifier: GPL-2.0-only */
/* From an open FUSE or CUSE device file to its connection. */
#ifndef FUSETRACE_DEVICES_H
#define FUSETRACE_DEVICES_H

#include "kernel.h"

/* What a FUSE or CUSE device file leads to; false when it is none, or not mounted yet. */
struct device_view {
	__u64 processing;
	__u32 connection;
	__u32 device;
};

static __always_inline struct fuse_conn *conn_of_device(struct fuse_dev *fud)
{
	struct fuse_chan *chan;

	if (bpf_core_field_exists(fud->fc))
		return BPF_CORE_READ(fud, fc);
	chan = BPF_CORE_READ((struct fuse_dev___chan *)fud, chan);
	return (__u64)chan < 4096 ? NULL : BPF_CORE_READ(chan, conn);
}

static __always_inline __u32 connection_of_device(struct fuse_dev *fud)
{
	struct fuse_conn *fc = conn_of_device(fud);

	return fc ? BPF_CORE_READ(fc, dev) : 0;
}

static __always_inline bool read_device(struct file *file, struct device_view *view)
{
	__u32 device = BPF_CORE_READ(file, f_inode, i_rdev);
	struct fuse_dev *fud;
	struct fuse_conn *fc;

	/* By number: fuse_dev_operations cannot be resolved without KALLSYMS_ALL. */
	if (device != FUSE_DEV && device != CUSE_DEV)
		return false;
	fud = BPF_CORE_READ(file, private_data);
	if ((__u64)fud < 4096) /* NULL or a marker: no connection yet */
		return false;
	fc = conn_of_device(fud);
	if ((__u64)fc < 4096)
		return false;
	view->device = device;
	view->processing = (__u64)BPF_CORE_READ(fud, pq.processing);
	view->connection = BPF_CORE_READ(fc, dev);
	return true;
}

#endif /* FUSETRACE_DEVICES_H */
