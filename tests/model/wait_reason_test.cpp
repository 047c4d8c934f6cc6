// SPDX-License-Identifier: Apache-2.0
#include "model/wait_reason.h"

#include <gtest/gtest.h>

#include "model/container.h"

namespace fusetrace {
namespace {

using Stack = std::vector<std::string>;

TEST(WaitReason, AStackWithoutFuseIsNothing) {
  EXPECT_EQ(wait_reason(Stack{"hrtimer_nanosleep", "do_syscall_64"}), WaitReason::nothing);
  EXPECT_EQ(wait_reason(Stack{}), WaitReason::nothing);
}

TEST(WaitReason, AReply) {
  EXPECT_EQ(wait_reason(Stack{"request_wait_answer", "__fuse_simple_request", "fuse_lookup_name"}),
            WaitReason::request);
}

TEST(WaitReason, AServerThatWaitsForTheNextRequest) {
  EXPECT_EQ(wait_reason(Stack{"fuse_dev_do_read", "fuse_dev_read", "vfs_read"}),
            WaitReason::device);
}

TEST(WaitReason, AServerThatIsAClientWaitsForItsReply) {
  EXPECT_EQ(wait_reason(Stack{"request_wait_answer", "fuse_dev_do_read", "fuse_dev_read"}),
            WaitReason::request);
}

TEST(WaitReason, AdmissionLockWritebackFlushInvalidationAndPage) {
  EXPECT_EQ(wait_reason(Stack{"fuse_get_req", "fuse_simple_background", "fuse_readahead"}),
            WaitReason::admission);
  EXPECT_EQ(wait_reason(Stack{"fuse_lock_inode", "fuse_lookup", "__lookup_slow"}),
            WaitReason::inode_lock);
  EXPECT_EQ(wait_reason(Stack{"folio_wait_bit_common", "folio_wait_writeback",
                              "__filemap_fdatawait_range", "fuse_fsync"}),
            WaitReason::writeback);
  EXPECT_EQ(wait_reason(Stack{"folio_wait_writeback", "filemap_fdatawait_range", "fuse_flush"}),
            WaitReason::flush);
  EXPECT_EQ(wait_reason(Stack{"__folio_lock", "invalidate_inode_pages2_range",
                              "fuse_reverse_inval_inode", "fuse_dev_do_write"}),
            WaitReason::invalidation);
  EXPECT_EQ(wait_reason(Stack{"folio_wait_bit_common", "filemap_read", "fuse_file_read_iter"}),
            WaitReason::page);
  EXPECT_EQ(wait_reason(Stack{"fuse_direct_IO", "fuse_file_read_iter"}), WaitReason::direct_io);
  EXPECT_EQ(wait_reason(Stack{"fuse_something_new"}), WaitReason::other);
}

TEST(WaitReason, OutsideOfFuseItIsThePageOrElseTheLock) {
  EXPECT_EQ(wait_reason_outside(Stack{"iterate_dir", "__x64_sys_getdents64"}),
            WaitReason::inode_lock);
  EXPECT_EQ(wait_reason_outside(Stack{"folio_wait_bit_common", "filemap_fault"}), WaitReason::page);
  EXPECT_EQ(wait_reason_outside(Stack{}), WaitReason::nothing);
}

TEST(BlockedIn, LeavesOutTheScheduler) {
  EXPECT_EQ(blocked_in(Stack{"__schedule", "schedule", "schedule_timeout", "do_nanosleep"}),
            "do_nanosleep");
  EXPECT_EQ(blocked_in(Stack{"__schedule"}), "");
}

TEST(StateLetter, AsPsShowsIt) {
  EXPECT_EQ(state_letter(0), 'R');
  EXPECT_EQ(state_letter(1), 'S');
  EXPECT_EQ(state_letter(2), 'D');
  EXPECT_EQ(state_letter(0x102), 'D');  // TASK_KILLABLE
  EXPECT_EQ(state_letter(0x104), 'T');  // TASK_STOPPED
  EXPECT_EQ(state_letter(8), 't');
  EXPECT_EQ(state_letter(0x402), 'I');
  EXPECT_EQ(state_letter(0x8000), 'D');  // TASK_FROZEN
  EXPECT_EQ(state_letter(0x80 | 0x20), 'Z');
}

TEST(ContainerOf, ReadsThePathsOfTheUsualRuntimes) {
  const std::string id(64, 'a');
  EXPECT_EQ(container_of("/system.slice/docker-" + id + ".scope").id, "aaaaaaaaaaaa");
  EXPECT_EQ(container_of("/docker/" + id).id, "aaaaaaaaaaaa");
  EXPECT_EQ(container_of("/machine.slice/libpod-" + id + ".scope").id, "aaaaaaaaaaaa");
  const Container systemd = container_of(
      "/kubepods.slice/kubepods-burstable.slice/"
      "kubepods-burstable-pod01234567_89ab_cdef_0123_456789abcdef.slice/cri-containerd-" +
      id + ".scope");
  EXPECT_EQ(systemd.id, "aaaaaaaaaaaa");
  EXPECT_EQ(systemd.pod, "01234567-89ab-cdef-0123-456789abcdef");
  const Container cgroupfs =
      container_of("/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef/" + id);
  EXPECT_EQ(cgroupfs.id, "aaaaaaaaaaaa");
  EXPECT_EQ(cgroupfs.pod, "01234567-89ab-cdef-0123-456789abcdef");
}

TEST(ContainerOf, OtherPathsNameNone) {
  for (const char* path : {"", "/", "/user.slice/user-0.slice/session-1.scope", "/podman/x",
                           "/kubepods/pod1234/abc"}) {
    EXPECT_EQ(container_of(path).id, "") << path;
    EXPECT_EQ(container_of(path).pod, "") << path;
  }
}

}  // namespace
}  // namespace fusetrace
