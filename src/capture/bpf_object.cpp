// SPDX-License-Identifier: Apache-2.0
#include "capture/bpf_object.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capture/features.h"

namespace fusetrace {
namespace {

std::function<void(const char*)>& libbpf_log() {
  static std::function<void(const char*)> log;
  return log;
}

int print_libbpf(libbpf_print_level, const char* format, va_list arguments) {
  if (!libbpf_log()) return 0;
  // The verifier's reason stands at the end of its log, so no line is cut off.
  char* line = nullptr;
  const int n = vasprintf(&line, format, arguments);
  if (n < 0) return 0;
  libbpf_log()(line);
  free(line);
  return n;
}

}  // namespace

void log_libbpf_to(std::function<void(const char*)> log) { libbpf_log() = std::move(log); }

std::string errno_text(int error) { return strerror(error < 0 ? -error : error); }

Result<BpfObject> open_object(const ProbePlan& plan) {
  libbpf_set_print(print_libbpf);
  LIBBPF_OPTS(bpf_object_open_opts, options);
  // For a type that this kernel does not have, libbpf looks through the types of all modules,
  // which takes CAP_SYS_ADMIN. Told which types to use, it does not, and where FUSE is built in
  // all that there are stand there.
  const bool is_module = access("/sys/kernel/btf/fuse", F_OK) == 0;
  if (!is_module && !missing_capabilities(true).empty()) {
    options.btf_custom_path = "/sys/kernel/btf/vmlinux";
  }
  BpfObject object(fusetrace_bpf__open_opts(&options));
  if (!object) return fail(fmt::format("cannot open the BPF object: {}", strerror(errno)));
  const std::vector<std::string> planned = plan.attach_order();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->obj) {
    const std::string name = bpf_program__name(program);
    const bool wanted = std::find(planned.begin(), planned.end(), name) != planned.end();
    bpf_program__set_autoload(program, wanted || name.starts_with("iter_"));
    bpf_program__set_autoattach(program, wanted);
  }
  return object;
}

Result<void> load_object(fusetrace_bpf& object) {
  const int error = fusetrace_bpf__load(&object);
  if (error == 0) return {};
  if (error == -EPERM) {
    return fail(
        "the kernel refused to load the BPF programs: Operation not permitted",
        "run as root; inside a container, grant CAP_BPF, CAP_PERFMON and, for the types of kernel "
        "modules, CAP_SYS_ADMIN");
  }
  return fail(fmt::format("cannot load the BPF programs: {}", errno_text(error)),
              "`fusetrace --log-level debug` shows what the verifier said");
}

Result<void> attach_programs(fusetrace_bpf& object, const ProbePlan& plan) {
  for (const std::string& name : plan.attach_order()) {
    bpf_program* program = bpf_object__find_program_by_name(object.obj, name.c_str());
    if (program == nullptr) return fail(fmt::format("the BPF object has no program {}", name));
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return fail(fmt::format("cannot attach {} ({}): {}", name, bpf_program__section_name(program),
                              strerror(errno)));
    }
    // The skeleton destroys the links that it knows.
    for (int i = 0; i < object.skeleton->prog_cnt; ++i) {
      if (name == object.skeleton->progs[i].name) *object.skeleton->progs[i].link = link;
    }
  }
  return {};
}

}  // namespace fusetrace
