// SPDX-License-Identifier: Apache-2.0
// Passes cache lines between threads in a known order, for the test of line-transfers.c.
// Under user-mode emulation each thread is a CPU of its own to the plugin.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mark-lines.h"

enum { rounds = 100,
       threads = 3 };

struct padded {
	volatile uint64_t value;
	char rest[56];
};

static struct padded private_line __attribute__((aligned(64)));
static struct padded ping_pong __attribute__((aligned(64)));
static struct padded written_read_twice __attribute__((aligned(64)));
static struct padded read_by_all __attribute__((aligned(64)));
static struct padded not_watched __attribute__((aligned(64)));
static char across[128] __attribute__((aligned(64)));
static int turn[threads][2]; // a pipe each: no watched memory is used to take turns

static void wait_turn(int thread)
{
	char byte;

	if (read(turn[thread][0], &byte, 1) != 1)
		exit(1);
}

static void give_turn(int thread)
{
	if (write(turn[thread][1], "", 1) != 1)
		exit(1);
}

static void *run(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int round = 0; round < rounds; round++) {
		wait_turn(me);
		if (me == 0) {
			private_line.value = round; // nobody else ever does
			written_read_twice.value = round;
		}
		if (me < 2)
			ping_pong.value = round;
		if (me == 1) {
			(void)written_read_twice.value; // the second load finds the line here
			(void)written_read_twice.value;
		}
		(void)read_by_all.value;
		not_watched.value++;
		if (me < 2) // eight bytes, four in each of two lines
			*(volatile uint64_t *)(across + 60) = round;
		give_turn((me + 1) % threads);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[threads];

	lines_open();
	lines_watch((uintptr_t)&private_line, 64);
	lines_watch((uintptr_t)&ping_pong, 64);
	lines_watch((uintptr_t)&written_read_twice, 64);
	lines_watch((uintptr_t)&read_by_all, 64);
	lines_watch((uintptr_t)across, 128);
	for (int i = 0; i < threads; i++)
		if (pipe(turn[i]))
			return 1;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)i))
			return 1;
	lines_start();
	give_turn(0);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	lines_stop();
	return 0;
}
