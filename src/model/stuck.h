// SPDX-License-Identifier: Apache-2.0
// What is open on FUSE file systems at one moment: requests, the threads that
// wait for them or serve them, and threads that are blocked without a request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/capture_info.h"

namespace fusetrace {

// Where an open request is. After the reply it is on no list any more, so its
// return is not among these.
enum class OpenStage {
  admission,  // held back by max_background
  queued,     // no server thread took it yet
  serving,    // a server has it
};
inline constexpr std::string_view open_stage_names[] = {"admission", "queued", "serving"};

// What an age stands on.
enum class AgeIs {
  exact,     // seen by a running capture
  jiffies,   // the kernel keeps the time of creation, with the resolution of a tick
  at_least,  // since its client fell asleep, or since the first look
  unknown,
};
inline constexpr std::string_view age_is_names[] = {"exact", "jiffies", "at_least", "unknown"};

// What a thread waits for, by its kernel stack and the wait queue that it sleeps on.
enum class WaitReason {
  nothing,       // it is not blocked inside FUSE
  request,       // the reply to a request
  admission,     // to be allowed a request at max_background
  init,          // the server's answer to INIT
  inode_lock,    // the lock of a file or directory that another task holds
  page,          // a page that is being read or written
  writeback,     // pages to be written back
  flush,         // the same, on closing a file
  invalidation,  // as a server: to invalidate what a task of its own mount uses
  direct_io,     // the parts of a direct read or write
  device,        // as a server: for the next request
  other,         // something else inside FUSE
};
inline constexpr std::string_view wait_reason_names[] = {
    "nothing",   "request", "admission",    "init",      "inode_lock", "page",
    "writeback", "flush",   "invalidation", "direct_io", "device",     "other"};

// A thread, by the numbers that the process which looked sees.
struct StuckThread {
  uint32_t tid = 0;
  uint32_t pid = 0;
  std::string comm;
  std::optional<uint32_t> uid;        // in the initial user namespace
  std::string cgroup;                 // its path below the root of cgroup v2; empty: unknown
  std::string container;              // where that path tells one: "0123456789ab"
  std::string pod;                    // likewise, the pod's UID
  char state = '?';                   // as ps shows it
  std::optional<uint64_t> asleep_ns;  // it has not run for so long, at least
  std::string system_call;            // empty: none, or unknown
  std::string path;                   // of the descriptor that the system call was given
  std::vector<std::string> stack;     // names of kernel functions, innermost first
  std::string blocked_in;             // the first of them that is not the scheduler's
  WaitReason waits_for = WaitReason::nothing;
  std::vector<uint32_t> serves;  // connections whose device its process has open
  bool kernel_thread = false;
  bool dying = false;  // its process was killed, or is on its way out
};

struct OpenRequest {
  uint32_t connection = 0;
  uint32_t opcode = 0;
  uint64_t unique = 0;  // 0 while it is held back
  uint64_t nodeid = 0;
  std::string name;                // from its arguments; empty: they name none
  std::optional<uint64_t> offset;  // READ and WRITE
  uint32_t size = 0;
  uint8_t kind = FT_KIND_SYNC;  // enum ft_kind
  OpenStage stage = OpenStage::queued;
  bool io_uring = false;
  bool interrupted = false;  // its client got a signal while it waited
  bool still_open = false;   // it was open in both looks
  AgeIs age_is = AgeIs::unknown;
  uint64_t age_ns = 0;  // unless unknown
  uint32_t client = 0;  // tid of who waits, or of who issued it; 0: not known
  // The server threads that can have it; one: it is that one. Empty unless serving.
  std::vector<uint32_t> servers;
};

// A thread that is blocked inside FUSE and has no request of its own.
struct BlockedTask {
  uint32_t tid = 0;
  WaitReason reason = WaitReason::other;
  uint32_t connection = 0;  // 0: not known
  uint64_t nodeid = 0;      // of the file that it waits at; 0: not known
  uint32_t holder = 0;      // tid of who holds the lock; 0: not known
};

struct StuckConnection {
  Connection connection;
  bool has_server = true;   // somebody has its device open
  bool connected = true;    // not aborted
  bool initialized = true;  // INIT was answered
  int64_t background = -1;  // background requests that were allowed and are not finished
  int64_t admission_waiters = -1;
  uint64_t lists_torn = 0;  // lists that changed faster than they could be read
  bool walk_cut = false;    // the walk ended at its bound
  bool inodes_cut = false;
  std::vector<uint32_t> servers;  // tids of all threads that may serve it
};

struct Stuck {
  std::vector<OpenRequest> requests;        // oldest first
  std::vector<BlockedTask> tasks;           // longest asleep first
  std::map<uint32_t, StuckThread> threads;  // by tid
  std::map<uint32_t, StuckConnection> connections;
  std::vector<std::vector<uint32_t>>
      cycles;                      // tids, each waiting for the next, the last for the first
  uint64_t ended = 0;              // requests of the first look that the second did not find
  uint64_t not_kept = 0;           // found, but there was no room to keep them
  bool all_processes_seen = true;  // false: only those of this pid namespace
};

}  // namespace fusetrace
