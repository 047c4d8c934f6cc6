// SPDX-License-Identifier: Apache-2.0
// Preloaded into a FUSE server: agrees to FUSE_CPU_QUEUES, which the server does not
// know of, in the reply to FUSE_INIT. The kernel ignores it where it did not offer it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_fuse_device(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 229);
}

// The first reply on the device of the size of that to FUSE_INIT is that.
static void agree(int fd, const struct fuse_out_header *header, size_t bytes,
		  struct fuse_init_out *out)
{
	static int done;

	if (done || bytes != sizeof(*header) + sizeof(*out) || header->error ||
	    !is_fuse_device(fd))
		return;
	out->flags |= 1u << 30; /* FUSE_INIT_EXT: flags2 is there */
	out->flags2 |= 1u << (44 - 32); /* FUSE_CPU_QUEUES */
	done = 1;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
	static ssize_t (*next)(int, const void *, size_t);

	if (!next)
		next = dlsym(RTLD_NEXT, "write");
	agree(fd, data, bytes, (void *)((const char *)data + sizeof(struct fuse_out_header)));
	return next(fd, data, bytes);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	static ssize_t (*next)(int, const struct iovec *, int);

	if (!next)
		next = dlsym(RTLD_NEXT, "writev");
	if (count == 2)
		agree(fd, parts[0].iov_base, parts[0].iov_len + parts[1].iov_len,
		      parts[1].iov_base);
	return next(fd, parts, count);
}
