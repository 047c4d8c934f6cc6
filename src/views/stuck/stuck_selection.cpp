// SPDX-License-Identifier: Apache-2.0
#include "views/stuck/stuck_selection.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/opcode.h"

namespace fusetrace {

bool is_older(const OpenRequest& request, uint64_t older_ns) {
  return older_ns == 0 || (request.age_is != AgeIs::unknown && request.age_ns >= older_ns);
}

bool is_older(const Stuck& stuck, const BlockedTask& task, uint64_t older_ns) {
  const auto found = stuck.threads.find(task.tid);
  return older_ns == 0 ||
         (found != stuck.threads.end() && found->second.asleep_ns.value_or(0) >= older_ns);
}

uint64_t oldest_ns(const Stuck& stuck) {
  uint64_t oldest = 0;
  for (const OpenRequest& request : stuck.requests) oldest = std::max(oldest, request.age_ns);
  for (const BlockedTask& task : stuck.tasks) {
    const auto found = stuck.threads.find(task.tid);
    if (found != stuck.threads.end()) {
      oldest = std::max(oldest, found->second.asleep_ns.value_or(0));
    }
  }
  return oldest;
}

std::string request_text(const OpenRequest& request) {
  const std::string opcode = opcode_name(request.opcode);
  if (!request.name.empty()) return opcode + " " + request.name;
  if (request.offset) return fmt::format("{} {} at {}", opcode, request.size, *request.offset);
  return opcode;
}

std::string age_text(uint64_t ns) {
  const uint64_t ms = ns / 1'000'000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  const uint64_t s = ms / 1000;
  if (s < 60) return fmt::format("{}.{} s", s, ms % 1000 / 100);
  if (s < 3600) return fmt::format("{} m {:02} s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{} h {:02} m", s / 3600, s % 3600 / 60);
  return fmt::format("{} d {:02} h", s / 86400, s % 86400 / 3600);
}

std::string_view reason_text(WaitReason reason) {
  switch (reason) {
    case WaitReason::nothing:
      return "nothing";
    case WaitReason::request:
      return "a reply";
    case WaitReason::admission:
      return "a place below max_background";
    case WaitReason::init:
      return "the server's answer to INIT";
    case WaitReason::inode_lock:
      return "a file's lock";
    case WaitReason::page:
      return "a page to be read or written";
    case WaitReason::writeback:
      return "pages to be written back";
    case WaitReason::flush:
      return "pages to be written back on close";
    case WaitReason::invalidation:
      return "an invalidation that it asked for";
    case WaitReason::direct_io:
      return "the parts of a direct read or write";
    case WaitReason::device:
      return "the next request";
    case WaitReason::other:
      break;
  }
  return "something inside FUSE";
}

}  // namespace fusetrace
