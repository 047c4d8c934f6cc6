// SPDX-License-Identifier: Apache-2.0
#include "model/wait_reason.h"

#include <algorithm>
#include <bit>
#include <initializer_list>

namespace fusetrace {
namespace {

bool has(std::span<const std::string> stack, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(stack.begin(), stack.end(), [&](const std::string& function) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
      return std::string_view(function).starts_with(prefix);
    });
  });
}

bool in_fuse(std::span<const std::string> stack) {
  return has(stack, {"fuse_", "__fuse_", "cuse_", "virtio_fs_", "request_wait_answer"});
}

bool waits_for_lock(std::span<const std::string> stack) {
  return has(stack, {"rwsem_down_", "__mutex_lock", "mutex_lock", "__down_read", "__down_write",
                     "down_read", "down_write"});
}

bool waits_for_page(std::span<const std::string> stack) {
  return has(stack, {"folio_wait_bit", "__folio_lock", "folio_lock", "__lock_page", "wait_on_page",
                     "folio_put_wait_locked"});
}

bool waits_for_writeback(std::span<const std::string> stack) {
  return has(stack, {"folio_wait_writeback", "wait_on_page_writeback", "__filemap_fdatawait",
                     "filemap_fdatawait", "fuse_wait_on_page_writeback",
                     "fuse_wait_on_folio_writeback", "fuse_sync_writes", "fuse_set_nowrite"});
}

}  // namespace

WaitReason wait_reason(std::span<const std::string> stack) {
  if (!in_fuse(stack)) return WaitReason::nothing;
  if (has(stack, {"request_wait_answer"})) return WaitReason::request;
  // A server that invalidates: by a notification, which it writes to the device.
  if (has(stack, {"fuse_reverse_inval", "fuse_notify", "fuse_dev_do_write"})) {
    return WaitReason::invalidation;
  }
  if (has(stack, {"fuse_dev_do_read", "fuse_dev_read", "fuse_dev_splice_read"})) {
    return WaitReason::device;
  }
  if (has(stack, {"fuse_get_req"})) return WaitReason::admission;
  if (has(stack, {"fuse_lock_inode"}) || waits_for_lock(stack)) return WaitReason::inode_lock;
  if (has(stack, {"fuse_flush"})) return WaitReason::flush;
  if (waits_for_writeback(stack)) return WaitReason::writeback;
  if (waits_for_page(stack)) return WaitReason::page;
  if (has(stack, {"fuse_direct_IO", "fuse_direct_io", "fuse_direct_read_iter",
                  "fuse_direct_write_iter"})) {
    return WaitReason::direct_io;
  }
  return WaitReason::other;
}

WaitReason wait_reason_outside(std::span<const std::string> stack) {
  if (stack.empty()) return WaitReason::nothing;
  if (waits_for_writeback(stack)) return WaitReason::writeback;
  if (waits_for_page(stack)) return WaitReason::page;
  return WaitReason::inode_lock;
}

std::string blocked_in(std::span<const std::string> stack) {
  for (const std::string& function : stack) {
    const std::string_view name = function;
    if (name.starts_with("__schedule") || name.starts_with("schedule") ||
        name.starts_with("io_schedule") || name.starts_with("preempt_schedule") ||
        name.starts_with("__switch_to") || name.starts_with("__cond_resched")) {
      continue;
    }
    return function;
  }
  return {};
}

char state_letter(uint32_t state) {
  constexpr uint32_t idle = 0x402;  // TASK_IDLE
  constexpr uint32_t uninterruptible = 2;
  constexpr uint32_t reported = 0x7f;  // TASK_REPORT
  constexpr uint32_t rtlock_wait = 0x1000;
  constexpr uint32_t frozen = 0x8000;
  if ((state & idle) == idle) return 'I';
  if ((state & (rtlock_wait | frozen)) != 0) state |= uninterruptible;
  return "RSDTtXZP"[std::bit_width(state & reported)];
}

}  // namespace fusetrace
