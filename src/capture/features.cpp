// SPDX-License-Identifier: Apache-2.0
#include "capture/features.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "system/descriptor.h"

namespace fusetrace {
namespace {

struct BtfDeleter {
  void operator()(btf* value) const { btf__free(value); }
};
using BtfPtr = std::unique_ptr<btf, BtfDeleter>;

constexpr const char* tracepoints_of_interest[] = {
    "fuse_request_send", "fuse_iqueue_dequeue", "fuse_request_sent", "fuse_request_end",
    "sched_waking",      "sched_wakeup",        "sched_switch",      "sched_migrate_task",
    "sys_exit",          "io_uring_complete"};

constexpr const char* functions_of_interest[] = {
    "fuse_dev_do_read",   "fuse_request_end",    "queue_request_and_unlock",
    "fuse_dev_queue_req", "select_task_rq_fair", "fuse_uring_queue_fuse_req",
    "virtio_fs_send_req", "__io_uring_cmd_done", "io_uring_cmd_done"};

bool file_has_line_ending(const char* path, const std::string& word) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    const auto at = line.rfind('\t');
    if (line.substr(at == std::string::npos ? 0 : at + 1) == word) return true;
  }
  return false;
}

void look_up(const btf* types, Features& features) {
  for (const char* name : tracepoints_of_interest) {
    if (btf__find_by_name_kind(types, (std::string("btf_trace_") + name).c_str(),
                               BTF_KIND_TYPEDEF) > 0) {
      features.tracepoints.insert(name);
    }
  }
  for (const char* name : functions_of_interest) {
    if (btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0) features.functions.insert(name);
  }
  if (btf__find_by_name_kind(types, "fuse_req", BTF_KIND_STRUCT) > 0) features.fuse_types = true;
}

// Loads and attaches a program that does nothing to the entry of a function
// that exists: whether fentry is to be had is decided by lockdown, LSMs and
// configuration together, so it is tried.
void try_fentry(const btf* vmlinux, Features& features) {
  const int id = btf__find_by_name_kind(vmlinux, "select_task_rq_fair", BTF_KIND_FUNC);
  if (id <= 0) {
    features.fentry_error = "select_task_rq_fair is not in BTF";
    return;
  }
  const bpf_insn body[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = BPF_TRACE_FENTRY;
  options.attach_btf_id = static_cast<__u32>(id);
  const Descriptor program(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "ft_try_fentry", "GPL", body, 2, &options));
  if (!program) {
    features.fentry_error = std::string("load: ") + strerror(errno);
    return;
  }
  const Descriptor link(bpf_raw_tracepoint_open(nullptr, program.get()));
  if (!link) {
    features.fentry_error = std::string("attach: ") + strerror(errno);
    return;
  }
  features.fentry = true;
}

void look_for_kprobe(Features& features) {
  if (access("/sys/bus/event_source/devices/kprobe", F_OK) != 0) {
    features.kprobe_error = "kernel built without kprobes";
    return;
  }
  features.kprobe = true;
}

}  // namespace

std::string missing_capabilities(bool fuse_is_module) {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return {};
  auto has = [&](int cap) { return (data[cap / 32].effective >> (cap % 32) & 1) != 0; };
  // CAP_SYS_ADMIN includes the other two (kernel/bpf/syscall.c: bpf_capable()).
  if (has(CAP_SYS_ADMIN)) return {};
  if (fuse_is_module) return "CAP_SYS_ADMIN (FUSE is a module here)";
  std::string missing;
  if (!has(CAP_BPF)) missing += "CAP_BPF";
  if (!has(CAP_PERFMON)) missing += missing.empty() ? "CAP_PERFMON" : " and CAP_PERFMON";
  return missing;
}

Features detect_features() {
  Features features;
  utsname name{};
  if (uname(&name) == 0) features.kernel = name.release;

  // Tracepoints run their programs preemptible since 7.0; seen as requests lost
  // on 7.3 and none on 6.12 (default preemption).
  features.preemptible_tracepoints = std::atoi(features.kernel.c_str()) >= 7;
  features.preemptible_functions = features.preemptible_tracepoints;
  features.fuse = file_has_line_ending("/proc/filesystems", "fuse");
  features.fuse_module = access("/sys/kernel/btf/fuse", F_OK) == 0 ||
                         (features.fuse && access("/sys/module/fuse/initstate", F_OK) == 0);
  std::ifstream uring("/sys/module/fuse/parameters/enable_uring");
  features.io_uring = uring.get() == 'Y';
  libbpf_print_fn_t print = libbpf_set_print(nullptr);
  const BtfPtr vmlinux(btf__parse("/sys/kernel/btf/vmlinux", nullptr));
  if (vmlinux) {
    features.btf = true;
    look_up(vmlinux.get(), features);
    const int fuse_req = btf__find_by_name_kind(vmlinux.get(), "fuse_req", BTF_KIND_STRUCT);
    if (fuse_req > 0) features.fuse_req_type = static_cast<uint32_t>(fuse_req);
    if (features.fuse_module) {
      const BtfPtr module(btf__parse_split("/sys/kernel/btf/fuse", vmlinux.get()));
      if (module) look_up(module.get(), features);
    }
    if (features.fuse_types) features.fuse = true;
    try_fentry(vmlinux.get(), features);
  }
  libbpf_set_print(print);
  look_for_kprobe(features);
  return features;
}

void load_fuse() {
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device >= 0) close(device);
}

Result<void> check_requirements(const Features& features) {
  const std::string missing = missing_capabilities(features.fuse_module);
  if (!missing.empty()) {
    return fail("tracing needs " + missing, "run it as root or with sudo");
  }
  if (!features.btf) {
    return fail("the kernel has no BTF: /sys/kernel/btf/vmlinux is missing",
                "use a kernel built with CONFIG_DEBUG_INFO_BTF=y");
  }
  if (!features.fuse) {
    return fail("the kernel has no FUSE: it is not in /proc/filesystems",
                "load it with: modprobe fuse");
  }
  if (!features.fuse_types) {
    return fail("FUSE's types were not found in BTF (no struct fuse_req)",
                "the fuse module needs BTF too: CONFIG_DEBUG_INFO_BTF_MODULES=y");
  }
  return {};
}

}  // namespace fusetrace
