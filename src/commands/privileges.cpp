// SPDX-License-Identifier: Apache-2.0
#include "commands/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace fusetrace {
namespace {

// The number of the user nobody and of the group nogroup in Debian. They own no files.
constexpr uid_t nobody = 65534;

Result<void> refused(const char* what) {
  return fail(fmt::format("cannot give up privileges: {}: {}", what, strerror(errno)));
}

Result<void> become_nobody() {
  if (geteuid() != 0) return {};
  if (setgroups(0, nullptr) != 0) return refused("setgroups");
  if (setresgid(nobody, nobody, nobody) != 0) return refused("setresgid");
  if (setresuid(nobody, nobody, nobody) != 0) return refused("setresuid");
  return {};
}

}  // namespace

bool looking_takes_cap_bpf(const std::string& kernel_release) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(kernel_release.c_str(), "%u.%u", &major, &minor) != 2) return true;
  return major < 6 || (major == 6 && minor < 4);
}

Result<std::string> drop_privileges(const std::string& kernel_release) {
  const bool keep_bpf = looking_takes_cap_bpf(kernel_release);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return tl::make_unexpected(refused("no_new_privs").error());
  }
  // The bounding set comes first, because removing a capability from it needs CAP_SETPCAP.
  for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
    if (keep_bpf && cap == CAP_BPF) continue;
    if (cap_drop_bound(cap) != 0 && errno != EPERM) {
      return tl::make_unexpected(refused("the bounding set").error());
    }
  }
  if (prctl(PR_SET_KEEPCAPS, keep_bpf ? 1 : 0, 0, 0, 0) != 0) {
    return tl::make_unexpected(refused("keepcaps").error());
  }
  if (auto done = become_nobody(); !done) return tl::make_unexpected(done.error());
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

  const std::unique_ptr<void, int (*)(void*)> none(cap_init(), cap_free);
  auto* caps = static_cast<cap_t>(none.get());
  const cap_value_t bpf = CAP_BPF;
  if (caps == nullptr ||
      (keep_bpf && (cap_set_flag(caps, CAP_PERMITTED, 1, &bpf, CAP_SET) != 0 ||
                    cap_set_flag(caps, CAP_EFFECTIVE, 1, &bpf, CAP_SET) != 0)) ||
      cap_set_proc(caps) != 0) {
    return tl::make_unexpected(refused("capset").error());
  }
  return std::string(keep_bpf ? "cap_bpf" : "none");
}

}  // namespace fusetrace
