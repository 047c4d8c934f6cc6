// SPDX-License-Identifier: Apache-2.0
// How a program in the guest talks to line-transfers.c: the plugin sees addresses, not
// values, so what is said is said by which address is loaded.
#ifndef MARKS_H
#define MARKS_H

#include <stdint.h>

// A load of the byte at marks_address + V, V below 64 Ki, appends the 16 bits of V to
// what was said before; one at marks_address + marks_commands + COMMAND is a command.
#define marks_address UINT64_C(0x6c696e650000)
#define marks_commands UINT64_C(0x10000)
#define marks_bytes UINT64_C(0x11000)

enum mark {
	mark_reset, // forget the ranges and what was said
	mark_range, // eight values: start, then bytes, each with the highest 16 bits first
	mark_start, // forget the counts, and count from now on
	mark_stop, // stop counting, and report
	mark_commands_end,
};

#endif
