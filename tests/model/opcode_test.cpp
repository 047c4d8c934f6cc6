// SPDX-License-Identifier: Apache-2.0
#include "model/opcode.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

namespace fusetrace {
namespace {

TEST(Opcode, NamesAreThoseOfTheKernelHeader) {
  EXPECT_EQ(opcode_name(FUSE_GETATTR), "GETATTR");
  EXPECT_EQ(opcode_name(FUSE_BATCH_FORGET), "BATCH_FORGET");
  EXPECT_EQ(opcode_name(FUSE_READDIRPLUS), "READDIRPLUS");
  EXPECT_EQ(opcode_name(FUSE_SYNCFS), "SYNCFS");
  EXPECT_EQ(opcode_name(CUSE_INIT), "CUSE_INIT");
  EXPECT_EQ(opcode_name(99), "OPCODE_99");
}

TEST(Opcode, EveryNameLeadsBackToItsNumber) {
  for (uint32_t opcode = 0; opcode < 5000; ++opcode) {
    EXPECT_EQ(opcode_number(opcode_name(opcode)), opcode);
  }
}

TEST(Opcode, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(opcode_number("getattr"), FUSE_GETATTR);
  EXPECT_EQ(opcode_number("FUSE_READ"), FUSE_READ);
  EXPECT_FALSE(opcode_number("GETATTRS"));
  EXPECT_FALSE(opcode_number(""));
  EXPECT_FALSE(opcode_number("OPCODE_"));
  EXPECT_FALSE(opcode_number("OPCODE_9x"));
}

}  // namespace
}  // namespace fusetrace
