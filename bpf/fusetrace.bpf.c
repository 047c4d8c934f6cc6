// SPDX-License-Identifier: GPL-2.0-only
/*
 * fusetrace's programs: one per hook. Which of them are loaded is decided in
 * user space (src/capture/probe_plan.h); each only reads what its hook gives
 * and calls the handlers that are shared by all.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "fusetrace.h"
#include "state.h"
#include "life.h"
#include "pickup.h"
#include "scheduler.h"
#include "iterators.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/fuse_request_send")
int BPF_PROG(on_fuse_request_send, struct fuse_req *req)
{
	struct req_view view = {
		.address = address_of(req),
		.flags = req->flags,
		.opcode = req->in.h.opcode,
		.connection = req->fm->fc->dev,
	};

	handle_queued(&view);
	return 0;
}

SEC("tp_btf/fuse_request_end")
int BPF_PROG(on_fuse_request_end, struct fuse_req *req)
{
	struct req_view view = {
		.address = address_of(req),
		.flags = req->flags,
		.unique = req->in.h.unique,
		.nodeid = req->in.h.nodeid,
		.opcode = req->in.h.opcode,
		.connection = req->fm->fc->dev,
		.bytes_in = req->in.h.len,
		.bytes_out = req->out.h.len,
		.error = req->out.h.error,
	};

	handle_ended(&view);
	return 0;
}

