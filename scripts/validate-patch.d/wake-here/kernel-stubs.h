// SPDX-License-Identifier: Apache-2.0
// As much of the kernel as wake_up_sync_here() needs, for wake-here.c: one thread, and a
// scheduler that only writes down what it was asked.
#ifndef KERNEL_STUBS_H
#define KERNEL_STUBS_H

#include <stdbool.h>
#include <stddef.h>

struct list_head {
	struct list_head *next, *prev;
};

#define entry_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define list_for_each_entry_safe(pos, n, head, member)            \
	for (pos = entry_of((head)->next, typeof(*pos), member),  \
	    n = entry_of(pos->member.next, typeof(*pos), member); \
	     &pos->member != (head);                              \
	     pos = n, n = entry_of(n->member.next, typeof(*n), member))
#define list_for_each_entry_safe_reverse(pos, n, head, member)    \
	for (pos = entry_of((head)->prev, typeof(*pos), member),  \
	    n = entry_of(pos->member.prev, typeof(*pos), member); \
	     &pos->member != (head);                              \
	     pos = n, n = entry_of(n->member.prev, typeof(*n), member))

#define WQ_FLAG_EXCLUSIVE 0x01
#define WF_SYNC 0x10
#define WF_CURRENT_CPU 0x40
#define SCHED_CAPACITY_SCALE 1024
#define TASK_NORMAL 3
#define EXPORT_SYMBOL_GPL(symbol) typedef int exported_##symbol

enum { HK_TYPE_KERNEL_NOISE };

struct wait_queue_entry {
	unsigned int flags;
	void *private;
	int (*func)(struct wait_queue_entry *, unsigned int mode, int wake_flags, void *key);
	struct list_head entry;
};

struct wait_queue_head {
	int lock; // how often it is held
	struct list_head head;
};

struct task {
	int cpu;
	bool asleep;
	int woken; // how often
	int wake_flags; // of the last time
};

#define spin_lock_irqsave(lock, flags) ((flags) = (unsigned long)++*(lock))
#define spin_unlock_irqrestore(lock, flags) (*(lock) -= (int)(flags))

extern int this_cpu, runnable_here, capacity_here;
extern bool housekeeping_here;

#define smp_processor_id() this_cpu
#define single_task_running() (runnable_here == 1)
#define arch_scale_cpu_capacity(cpu) ((void)(cpu), capacity_here)
#define housekeeping_cpu(cpu, type) ((void)(cpu), (void)(type), housekeeping_here)
#define task_cpu(of) (((const struct task *)(of))->cpu)

int autoremove_wake_function(struct wait_queue_entry *, unsigned int, int, void *);
int default_wake_function(struct wait_queue_entry *, unsigned int, int, void *);

#endif
