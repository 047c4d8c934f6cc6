// SPDX-License-Identifier: Apache-2.0
#include "capture/system_calls.h"

#include <sys/syscall.h>

namespace fusetrace {
namespace {

struct Known {
  int32_t number;
  const char* name;
  bool takes_descriptor;
};

#define FD(name) \
  { SYS_##name, #name, true }
#define OTHER(name) \
  { SYS_##name, #name, false }

constexpr Known known[] = {
    FD(read),
    FD(write),
    FD(pread64),
    FD(pwrite64),
    FD(readv),
    FD(writev),
    FD(preadv),
    FD(pwritev),
    FD(preadv2),
    FD(pwritev2),
    FD(close),
    FD(fstat),
    FD(lseek),
    FD(ioctl),
    FD(fsync),
    FD(fdatasync),
    FD(ftruncate),
    FD(getdents64),
    FD(fchdir),
    FD(fchmod),
    FD(fchown),
    FD(flock),
    FD(fcntl),
    FD(fstatfs),
    FD(fallocate),
    FD(syncfs),
    FD(sync_file_range),
    FD(readahead),
    FD(fsetxattr),
    FD(fgetxattr),
    FD(flistxattr),
    FD(fremovexattr),
    FD(fadvise64),
    FD(copy_file_range),
    OTHER(openat),
    OTHER(statfs),
    OTHER(statx),
    OTHER(faccessat),
    OTHER(unlinkat),
    OTHER(mkdirat),
    OTHER(mknodat),
    OTHER(renameat2),
    OTHER(linkat),
    OTHER(symlinkat),
    OTHER(readlinkat),
    OTHER(fchmodat),
    OTHER(fchownat),
    OTHER(utimensat),
    OTHER(truncate),
    OTHER(execve),
    OTHER(execveat),
    OTHER(mount),
    OTHER(umount2),
    OTHER(chdir),
    OTHER(sync),
    OTHER(mmap),
    OTHER(munmap),
    OTHER(msync),
    OTHER(madvise),
    OTHER(setxattr),
    OTHER(getxattr),
    OTHER(lsetxattr),
    OTHER(lgetxattr),
    OTHER(listxattr),
    OTHER(removexattr),
    OTHER(sendfile),
    OTHER(splice),
    OTHER(io_submit),
    OTHER(io_uring_enter),
    OTHER(exit),
    OTHER(exit_group),
    OTHER(futex),
    OTHER(nanosleep),
    OTHER(clock_nanosleep),
    OTHER(ppoll),
    OTHER(pselect6),
    OTHER(epoll_pwait),
    OTHER(wait4),
    OTHER(getcwd),
    OTHER(chroot),
    OTHER(pivot_root),
    OTHER(name_to_handle_at),
    OTHER(open_by_handle_at),
    OTHER(inotify_add_watch),
    OTHER(recvfrom),
    OTHER(recvmsg),
    OTHER(sendto),
    OTHER(sendmsg),
    OTHER(connect),
    OTHER(accept4),
    OTHER(rt_sigtimedwait),
    OTHER(rt_sigsuspend),
    OTHER(restart_syscall),
#ifdef SYS_faccessat2
    OTHER(faccessat2),
#endif
#ifdef SYS_openat2
    OTHER(openat2),
#endif
#ifdef SYS_newfstatat
    OTHER(newfstatat),
#endif
#ifdef SYS_getdents
    FD(getdents),
#endif
// Only on architectures that have had them since before the calls ending in "at".
#ifdef SYS_open
    OTHER(open),
    OTHER(stat),
    OTHER(lstat),
    OTHER(access),
    OTHER(unlink),
    OTHER(mkdir),
    OTHER(rmdir),
    OTHER(rename),
    OTHER(link),
    OTHER(symlink),
    OTHER(readlink),
    OTHER(chmod),
    OTHER(chown),
    OTHER(lchown),
    OTHER(creat),
    OTHER(mknod),
    OTHER(utime),
    OTHER(utimes),
    OTHER(poll),
    OTHER(select),
    OTHER(epoll_wait),
    OTHER(pause),
    FD(dup2),
#endif
};

#undef FD
#undef OTHER

}  // namespace

SystemCall system_call(int32_t number) {
  if (number < 0) return {};
  for (const Known& one : known) {
    if (one.number == number) return {one.name, one.takes_descriptor};
  }
  return {"system call " + std::to_string(number), false};
}

}  // namespace fusetrace
