// SPDX-License-Identifier: Apache-2.0
// Tests __wake_up_sync_here() of patches/v7.3/filter as a function of a wait queue: the
// text that the patch adds is compiled with stubs around it (check does that).
#include "kernel-stubs.h"

#include <stdio.h>
#include <string.h>

#include "from-patch.h"

int this_cpu, runnable_here, capacity_here;
bool housekeeping_here;

enum { most = 40,
       here = 3,
       elsewhere = 1 };

static struct wait_queue_head queue;
static struct wait_queue_entry entries[most];
static struct task tasks[most];
static int count, failures;
static const char *test;

static int wake(struct wait_queue_entry *entry, int wake_flags)
{
	struct task *task = entry->private;

	if (queue.lock != 1)
		printf("%s: woken without the lock\n", test), failures++;
	task->woken++;
	task->wake_flags = wake_flags;
	return task->asleep;
}

int default_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	(void)mode, (void)key;
	return wake(entry, flags);
}

int autoremove_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags,
			     void *key)
{
	int ret = default_wake_function(entry, mode, flags, key);

	if (ret) {
		entry->entry.prev->next = entry->entry.next;
		entry->entry.next->prev = entry->entry.prev;
	}
	return ret;
}

// Of a poller: its private pointer is not a task to the kernel.
static int poll_function(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	(void)mode, (void)key;
	return wake(entry, flags);
}

static int last_call(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	(void)mode, (void)key;
	wake(entry, flags);
	return -1;
}

static void begin(const char *name)
{
	test = name;
	count = 0;
	memset(tasks, 0, sizeof(tasks));
	queue.lock = 0;
	queue.head.next = queue.head.prev = &queue.head;
	this_cpu = here;
	runnable_here = 1;
	capacity_here = SCHED_CAPACITY_SCALE;
	housekeeping_here = true;
}

static struct task *add(int cpu, int (*func)(struct wait_queue_entry *, unsigned int, int, void *),
			unsigned int flags)
{
	struct wait_queue_entry *entry = &entries[count];
	struct task *task = &tasks[count++];

	*task = (struct task){.cpu = cpu, .asleep = true};
	*entry = (struct wait_queue_entry){flags, task, func, {&queue.head, queue.head.prev}};
	queue.head.prev->next = &entry->entry;
	queue.head.prev = &entry->entry;
	return task;
}

static struct task *reader(int cpu)
{
	return add(cpu, autoremove_wake_function, WQ_FLAG_EXCLUSIVE);
}

static struct task *poller(unsigned int flags)
{
	return add(here, poll_function, flags);
}

// Exactly these are woken, with these flags; the lock is free again.
static void expect(bool found, bool found_expected, struct task *woken, int flags)
{
	if (found != found_expected)
		printf("%s: returned %d\n", test, found), failures++;
	if (queue.lock)
		printf("%s: the lock is held\n", test), failures++;
	for (int i = 0; i < count; i++) {
		bool exclusive = entries[i].flags & WQ_FLAG_EXCLUSIVE;
		int expected = !exclusive || &tasks[i] == woken;
		int expected_flags = exclusive ? flags : WF_SYNC;

		if (!tasks[i].asleep)
			continue; // was tried
		if (tasks[i].woken != expected)
			printf("%s: waiter %d woken %d times\n", test, i, tasks[i].woken), failures++;
		else if (expected && tasks[i].wake_flags != expected_flags)
			printf("%s: waiter %d with flags %#x\n", test, i, tasks[i].wake_flags), failures++;
	}
}

static void expect_pull_or_not(struct task *first, int with_pull)
{
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, with_pull != 0), false, first,
	       WF_SYNC | with_pull);
}

static void guards(const char *name, int runnable, int capacity, bool housekeeping)
{
	for (int pull = 0; pull < 2; pull++) {
		begin(name);
		poller(0);
		struct task *first = reader(elsewhere);
		reader(here);
		runnable_here = runnable;
		capacity_here = capacity;
		housekeeping_here = housekeeping;
		expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, pull), false, first, WF_SYNC);
	}
}

int main(void)
{
	struct task *first, *second;

	begin("an empty queue");
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, true), false, NULL, 0);

	begin("the last to fall asleep here");
	poller(0);
	reader(elsewhere), reader(here);
	first = reader(here);
	reader(elsewhere);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, true), true, first,
	       WF_SYNC | WF_CURRENT_CPU);

	begin("none here");
	poller(0), poller(0);
	first = reader(elsewhere);
	reader(elsewhere);
	expect_pull_or_not(first, 0);

	begin("none here, pulled");
	poller(0), poller(0);
	first = reader(elsewhere);
	reader(elsewhere);
	expect_pull_or_not(first, WF_CURRENT_CPU);

	begin("the sixteenth is looked at");
	reader(elsewhere);
	first = reader(here);
	for (int i = 0; i < 15; i++)
		reader(elsewhere);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, false), true, first,
	       WF_SYNC | WF_CURRENT_CPU);

	begin("the seventeenth is not");
	first = reader(elsewhere);
	reader(here);
	for (int i = 0; i < 16; i++)
		reader(elsewhere);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, false), false, first, WF_SYNC);

	begin("none is looked at");
	first = reader(elsewhere);
	reader(here);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 0, false), false, first, WF_SYNC);

	begin("one here is awake already, the next is taken");
	reader(elsewhere);
	first = reader(here);
	second = reader(here);
	second->asleep = false;
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, true), true, first,
	       WF_SYNC | WF_CURRENT_CPU);

	begin("the only one here is awake already");
	first = reader(elsewhere);
	reader(here)->asleep = false;
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, false), false, first, WF_SYNC);

	begin("the first is awake already");
	reader(elsewhere)->asleep = false;
	second = reader(elsewhere);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, true), false, second,
	       WF_SYNC | WF_CURRENT_CPU);

	begin("an exclusive poller is no task, but first in line");
	first = poller(WQ_FLAG_EXCLUSIVE);
	reader(elsewhere);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, false), false, first, WF_SYNC);

	begin("an exclusive poller is passed over for a reader here");
	poller(0), poller(WQ_FLAG_EXCLUSIVE);
	first = reader(here);
	expect(__wake_up_sync_here(&queue, TASK_NORMAL, 16, false), true, first,
	       WF_SYNC | WF_CURRENT_CPU);

	begin("a waiter that ends the walk");
	add(elsewhere, last_call, 0);
	first = reader(elsewhere);
	__wake_up_sync_here(&queue, TASK_NORMAL, 16, true);
	if (first->woken)
		printf("%s: it went on\n", test), failures++;

	guards("something else is runnable here", 2, SCHED_CAPACITY_SCALE, true);
	guards("another CPU has a higher capacity", 1, SCHED_CAPACITY_SCALE / 2, true);
	guards("not a housekeeping CPU", 1, SCHED_CAPACITY_SCALE, false);

	return failures != 0;
}
