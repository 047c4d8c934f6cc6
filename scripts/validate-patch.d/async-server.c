// SPDX-License-Identifier: Apache-2.0
// A FUSE server with one file of zeroes, "file", that lets direct I/O be
// asynchronous: each I/O that a client has under way is a background request.
// Usage: async-server MOUNTPOINT THREADS; serves until it is unmounted.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	buffer_bytes = 128 * 1024 + 4096,
	file_node = 2,
	file_bytes = 32 << 20,
};

static int device;
static char zeroes[128 * 1024];

static void reply(uint64_t unique, int error, void *data, size_t bytes)
{
	struct fuse_out_header header = {sizeof(header) + bytes, error, unique};
	struct iovec parts[2] = {{&header, sizeof(header)}, {data, bytes}};

	if (writev(device, parts, bytes ? 2 : 1) < 0 && errno != ENOENT && errno != ENODEV)
		perror("async-server: reply");
}

static void fill(struct fuse_attr *attr, uint64_t node)
{
	attr->ino = node;
	attr->mode = node == file_node ? S_IFREG | 0644 : S_IFDIR | 0755;
	attr->size = node == file_node ? file_bytes : 0;
	attr->nlink = 1;
	attr->blksize = 4096;
}

static void serve(const char *request)
{
	const struct fuse_in_header *in = (const void *)request;

	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = {
			.major = FUSE_KERNEL_VERSION,
			.minor = FUSE_KERNEL_MINOR_VERSION,
			.flags = FUSE_ASYNC_READ | FUSE_ASYNC_DIO | FUSE_MAX_PAGES,
			.max_readahead = 128 * 1024,
			.max_write = 128 * 1024,
			.max_background = 64,
			.congestion_threshold = 48,
			.max_pages = 32,
		};
		reply(in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out out = {
			.nodeid = file_node,
			.entry_valid = 3600,
			.attr_valid = 3600,
		};
		if (strcmp((const char *)(in + 1), "file")) {
			reply(in->unique, -ENOENT, NULL, 0);
			break;
		}
		fill(&out.attr, file_node);
		reply(in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_GETATTR: {
		struct fuse_attr_out out = {.attr_valid = 3600};
		fill(&out.attr, in->nodeid);
		reply(in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_OPEN: {
		struct fuse_open_out out = {0};
		reply(in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_READ:
		reply(in->unique, 0, zeroes, ((const struct fuse_read_in *)(in + 1))->size);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_DESTROY:
		reply(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in->unique, -ENOSYS, NULL, 0);
	}
}

static void *server(void *unused)
{
	char *buffer = malloc(buffer_bytes);

	(void)unused;
	while (buffer) {
		if (read(device, buffer, buffer_bytes) >= 0)
			serve(buffer);
		else if (errno != EINTR && errno != ENOENT)
			break;
	}
	free(buffer);
	return NULL;
}

int main(int argc, char **argv)
{
	char options[100];
	pthread_t thread;

	if (argc != 3)
		return 2;
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (device < 0 || mount("async-server", argv[1], "fuse", 0, options)) {
		perror("async-server");
		return 1;
	}
	for (int i = 1; i < atoi(argv[2]); i++)
		if (pthread_create(&thread, NULL, server, NULL))
			return 1;
	server(NULL);
	return 0;
}
