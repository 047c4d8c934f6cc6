// SPDX-License-Identifier: Apache-2.0
// A QEMU plugin that counts how often cache lines of the guest pass from one CPU to
// another.  Emulation has no caches, but it sees each load and store with its CPU, and
// that is all that a protocol of invalidation (MSI) goes by:
//
//   fetch  a load by a CPU that does not hold the line, while another one does
//   take   a store by a CPU while another one holds the line; it then holds it alone
//
// The first access of all is neither.  The lines have 64 bytes; capacity and prefetching
// are not modelled, so that the counts are what a cache of unlimited size would see.
//
// Use: qemu-system-x86_64 -accel tcg,thread=multi -plugin ./line-transfers.so,out=FILE
// A program in the guest says what to watch and when (marks.h, mark-lines.c).
#include "qemu-plugin-api.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "marks.h"

enum {
	line_shift = 6,
	most_ranges = 1024,
	most_lines = 1 << 16, // of all ranges: 4 MiB
	most_cpus = 64, // bits of `holders`
	table_slots = 1 << 18, // a power of two, well above most_lines
};

struct line {
	pthread_spinlock_t lock;
	uint64_t number; // address >> line_shift
	uint64_t holders; // a bit for each CPU
	unsigned range;
	uint64_t loads, stores, fetches, takes;
};

struct range {
	uint64_t start, bytes;
};

PLUGIN_EXPORT int qemu_plugin_version = 1;

static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static uint16_t said[8];
static unsigned said_values;

static struct range ranges[most_ranges];
static unsigned range_count;
static struct line lines[most_lines];
static unsigned line_count;
// Numbers of lines, +1, by a hash of their address; written while nothing is counted.
static uint32_t table[table_slots];
static uint64_t lowest = UINT64_MAX, highest;
static int counting;
static unsigned reports;
static FILE *out;

static uint32_t slot_of(uint64_t number)
{
	return (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (table_slots - 1);
}

static struct line *find_line(uint64_t number)
{
	for (uint32_t slot = slot_of(number); table[slot]; slot = (slot + 1) & (table_slots - 1))
		if (lines[table[slot] - 1].number == number)
			return &lines[table[slot] - 1];
	return NULL;
}

static void complain(const char *what)
{
	fprintf(out, "error %s\n", what);
	fflush(out);
}

static void add_range(void)
{
	struct range range = {0, 0};

	if (said_values != 8) {
		complain("a range takes eight values");
		return;
	}
	for (int i = 0; i < 4; i++) {
		range.start = range.start << 16 | said[i];
		range.bytes = range.bytes << 16 | said[4 + i];
	}
	if (range_count == most_ranges || !range.bytes ||
	    range.bytes > (uint64_t)most_lines << line_shift ||
	    range.start > UINT64_MAX - range.bytes) {
		complain("no such range, or too many");
		return;
	}
	uint64_t last = (range.start + range.bytes - 1) >> line_shift;
	for (uint64_t number = range.start >> line_shift; number <= last; number++) {
		if (find_line(number))
			continue; // belongs to the range that had it first
		if (line_count == most_lines) {
			complain("too many lines");
			return;
		}
		struct line *line = &lines[line_count++];
		memset(line, 0, sizeof(*line));
		pthread_spin_init(&line->lock, PTHREAD_PROCESS_PRIVATE);
		line->number = number;
		line->range = range_count;
		uint32_t slot = slot_of(number);
		while (table[slot])
			slot = (slot + 1) & (table_slots - 1);
		table[slot] = line_count;
		lowest = number < lowest ? number : lowest;
		highest = number > highest ? number : highest;
	}
	ranges[range_count++] = range;
}

static void reset(void)
{
	memset(table, 0, sizeof(table));
	range_count = line_count = 0;
	lowest = UINT64_MAX;
	highest = 0;
}

static void start(void)
{
	for (unsigned i = 0; i < line_count; i++) {
		struct line *line = &lines[i];
		line->holders = line->loads = line->stores = line->fetches = line->takes = 0;
	}
	__atomic_store_n(&counting, 1, __ATOMIC_RELEASE);
}

static void stop(void)
{
	__atomic_store_n(&counting, 0, __ATOMIC_RELEASE);
	fprintf(out, "report %u\n", reports++);
	for (unsigned r = 0; r < range_count; r++) {
		struct line sum = {0};
		for (unsigned i = 0; i < line_count; i++) {
			if (lines[i].range != r)
				continue;
			sum.loads += lines[i].loads;
			sum.stores += lines[i].stores;
			sum.fetches += lines[i].fetches;
			sum.takes += lines[i].takes;
		}
		fprintf(out, "range %u %#llx %llu loads %llu stores %llu fetches %llu takes %llu\n", r,
			(unsigned long long)ranges[r].start, (unsigned long long)ranges[r].bytes,
			(unsigned long long)sum.loads, (unsigned long long)sum.stores,
			(unsigned long long)sum.fetches, (unsigned long long)sum.takes);
	}
	for (unsigned i = 0; i < line_count; i++) {
		const struct line *line = &lines[i];
		if (!line->fetches && !line->takes)
			continue;
		// From the start of the range, in bytes; before it if the range begins amid a line
		fprintf(out, "line %u %lld fetches %llu takes %llu\n", line->range,
			(long long)((line->number << line_shift) - ranges[line->range].start),
			(unsigned long long)line->fetches, (unsigned long long)line->takes);
	}
	fprintf(out, "end\n");
	fflush(out);
}

static void obey(uint64_t offset)
{
	pthread_mutex_lock(&said_lock);
	if (offset < marks_commands) {
		if (said_values < 8)
			said[said_values] = (uint16_t)offset;
		said_values++;
	} else {
		switch ((enum mark)(offset - marks_commands)) {
		case mark_reset:
			reset();
			break;
		case mark_range:
			add_range();
			break;
		case mark_start:
			start();
			break;
		case mark_stop:
			stop();
			break;
		default:
			complain("no such command");
		}
		said_values = 0;
	}
	pthread_mutex_unlock(&said_lock);
}

static void access_line(struct line *line, unsigned cpu, bool store)
{
	uint64_t bit = UINT64_C(1) << cpu;

	pthread_spin_lock(&line->lock);
	if (store) {
		line->stores++;
		line->takes += (line->holders & ~bit) != 0;
		line->holders = bit;
	} else {
		line->loads++;
		line->fetches += line->holders && !(line->holders & bit);
		line->holders |= bit;
	}
	pthread_spin_unlock(&line->lock);
}

static void on_access(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *unused)
{
	uint64_t number = address >> line_shift;

	(void)unused;
	if (address - marks_address < marks_bytes) {
		if (!qemu_plugin_mem_is_store(info))
			obey(address - marks_address);
		return;
	}
	if (!__atomic_load_n(&counting, __ATOMIC_ACQUIRE) || number + 1 < lowest || number > highest ||
	    cpu >= most_cpus)
		return;
	uint64_t bytes = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
	for (uint64_t last = (address + bytes - 1) >> line_shift; number <= last; number++) {
		struct line *line = find_line(number);
		if (line)
			access_line(line, cpu, qemu_plugin_mem_is_store(info));
	}
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), on_access,
						 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv)
{
	if (info->system_emulation && info->system.max_vcpus > most_cpus) {
		fprintf(stderr, "line-transfers: at most %d CPUs, not %d\n", most_cpus,
			info->system.max_vcpus);
		return 1;
	}
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	if (!out) {
		fprintf(stderr, "line-transfers: needs out=FILE, a file that can be written\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
