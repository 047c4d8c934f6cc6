// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers that were there before the capture: one pass over all open files
 * finds the processes that have a FUSE device open, a second one over all
 * threads marks those processes' threads. Both also tell user space what they
 * found, which is what `fusetrace list` shows.
 */
#include "devices.h"
#include "reading.h"
#include "scan.h"
#include "slots.h"
#include "threads.h"

SEC("iter/task_file")
int iter_devices(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ft_open_device out = {};
	struct device_view view = {};
	__u32 tgid, one = 1;

	own_address = (__u64)&own_address;
	if (!task || !file || !read_device(file, &view))
		return 0;
	tgid = task->tgid;
	bpf_map_update_elem(&servers, &tgid, &one, BPF_ANY);
	out.tgid = tgid;
	out.fd = ctx->fd;
	out.connection = view.connection;
	out.cuse = view.device == CUSE_DEV;
	{
		struct fuse_dev *fud = BPF_CORE_READ(file, private_data);

		if (bpf_core_field_exists(fud->fc)) {
			out.max_background = BPF_CORE_READ(fud, fc, max_background);
			out.congestion_threshold = BPF_CORE_READ(fud, fc, congestion_threshold);
			out.waiting = BPF_CORE_READ(fud, fc, num_waiting.counter);
		} else {
			struct fuse_chan *chan = BPF_CORE_READ((struct fuse_dev___chan *)fud, chan);

			out.max_background = BPF_CORE_READ(chan, max_background);
			out.congestion_threshold = BPF_CORE_READ(chan, conn, congestion_threshold);
			out.waiting = BPF_CORE_READ(chan, num_waiting.counter);
		}
	}
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

SEC("iter/task")
int iter_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ft_server_thread out = {};
	ft_slot_ref serving = 0;
	struct ft_slot *s = NULL;
	struct thread *t;
	__u32 tgid;

	if (!task)
		return 0;
	tgid = task->tgid;
	if (!bpf_map_lookup_elem(&servers, &tgid))
		return 0;
	t = thread_create(task->pid);
	if (t) {
		t->server = true;
		serving = ft_load(&t->serving);
		s = slot_of(serving);
		if (keep_totals)
			out.taken = t->taken;
	}
	out.tid = task->pid;
	out.tgid = tgid;
	out.cpu = task->thread_info.cpu;
	if (task->__state == TASK_RUNNING)
		out.state = FT_THREAD_RUNNING;
	else if (s && is_picked_up(s, serving) && !is_replied(s, serving) && ft_load(&s->server_tid) == out.tid)
		out.state = FT_THREAD_SERVING;
	bpf_probe_read_kernel_str(out.comm, sizeof(out.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
