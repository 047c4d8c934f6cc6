// SPDX-License-Identifier: Apache-2.0
// For a program in a guest under line-transfers.c: what to watch, and when.  Without the
// plugin the calls load from memory of the program's own, and do nothing.
#ifndef MARK_LINES_H
#define MARK_LINES_H

#include <stdint.h>

void lines_open(void); // first; ends the program if it cannot
void lines_watch(uint64_t start, uint64_t bytes); // virtual addresses, also the kernel's
void lines_start(void); // forgets what was counted before
void lines_stop(void); // the plugin writes a report

#endif
