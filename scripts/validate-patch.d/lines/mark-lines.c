// SPDX-License-Identifier: Apache-2.0
#include "mark-lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "marks.h"

static volatile const char *marks;

static void say(uint64_t offset)
{
	(void)marks[offset];
}

static void say_64(uint64_t value)
{
	for (int shift = 48; shift >= 0; shift -= 16)
		say((value >> shift) & 0xffff);
}

void lines_open(void)
{
	void *wanted = (void *)(uintptr_t)marks_address;

	marks = mmap(wanted, marks_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0);
	if (marks != wanted) {
		perror("marks");
		exit(1);
	}
	say(marks_commands + mark_reset);
}

void lines_watch(uint64_t start, uint64_t bytes)
{
	say_64(start);
	say_64(bytes);
	say(marks_commands + mark_range);
}

void lines_start(void)
{
	say(marks_commands + mark_start);
}

void lines_stop(void)
{
	say(marks_commands + mark_stop);
}
