// SPDX-License-Identifier: Apache-2.0
// What the kernel stack of a sleeping thread says about what it waits for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/stuck.h"

namespace fusetrace {

// The reason by the functions on the stack, innermost first; "nothing" where no
// function is FUSE's. The names are those of fs/fuse in Linux 6.1 to 7.3.
WaitReason wait_reason(std::span<const std::string> stack);

// The same for a thread that sleeps uninterruptibly in a system call on a file of
// FUSE, or that is known to wait at such a file, with no function of FUSE on its stack:
// for a page, for writeback, or else for the lock of the file's inode. The functions
// that take locks are the scheduler's to the kernel, which leaves them out of a stack.
WaitReason wait_reason_outside(std::span<const std::string> stack);

// The first function that is not the scheduler's; empty where there is none.
std::string blocked_in(std::span<const std::string> stack);

// The letter that ps shows, from task_struct.__state | exit_state
// (include/linux/sched.h, task_state_index()).
char state_letter(uint32_t state);

}  // namespace fusetrace
