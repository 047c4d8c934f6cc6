// SPDX-License-Identifier: Apache-2.0
// Files that are no recordings, cut or damaged ones: each has a message of its
// own, and no damage shows as other requests than those that were written.
#include <gtest/gtest.h>

#include <random>

#include "recording/crc32.h"
#include "recording_files.h"

namespace fusetrace::test {
namespace {

class Damage : public testing::Test {
 protected:
  // A small file with several blocks of each type.
  Bytes good_file() {
    write_recording(path_, requests_, 40);
    return read_bytes(path_);
  }
  std::string error_of(const Bytes& bytes) {
    write_bytes(path_, bytes);
    const Contents contents = read_recording(path_);
    return contents.error ? contents.error->message : "no error";
  }
  // Whatever happened to the bytes, what is read must be true.
  void expect_honest(const Bytes& bytes) {
    write_bytes(path_, bytes);
    const Contents contents = read_recording(path_);
    if (contents.error) return;
    ASSERT_TRUE(is_beginning(contents.requests, requests_));
    if (contents.truncation.empty()) {
      ASSERT_EQ(contents.requests.size(), requests_.size());
    }
  }
  size_t header_bytes(const Bytes& file) {
    format::FileHeader header;
    std::memcpy(&header, file.data(), sizeof(header));
    return sizeof(header) + header.info_bytes;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("r.rec");
  std::vector<ft_request> requests_ = workload_requests(130);
};

TEST_F(Damage, MissingFileAndDirectory) {
  EXPECT_EQ(read_recording(directory_.file("none")).error->message,
            "cannot open " + directory_.file("none") + ": No such file or directory");
  EXPECT_EQ(read_recording(directory_.file("")).error->message,
            "cannot read " + directory_.file("") + ": Is a directory");
}

TEST_F(Damage, EmptyFile) { EXPECT_EQ(error_of({}), path_ + " is empty"); }

TEST_F(Damage, ForeignFile) {
  const std::string expected = path_ + " is not a fusetrace recording";
  EXPECT_EQ(error_of({'#'}), expected);
  EXPECT_EQ(error_of(Bytes(100'000, 0)), expected);
  const std::string perf = "PERFILE2 and what follows in such a file";
  EXPECT_EQ(error_of(Bytes(perf.begin(), perf.end())), expected);
}

TEST_F(Damage, TextModeTransfer) {
  Bytes bytes = good_file();
  bytes.erase(bytes.begin() + 6);  // the carriage return
  EXPECT_EQ(error_of(bytes), path_ + " was damaged by a transfer that changed its line ends");
}

TEST_F(Damage, FutureMajorVersion) {
  Bytes bytes = good_file();
  bytes[8] = 9;
  EXPECT_EQ(error_of(bytes),
            path_ + " has version 9.0 of the recording format, this fusetrace reads 1.x");
  EXPECT_EQ(read_recording(path_).error->hint, "use a newer fusetrace");
}

TEST_F(Damage, HeaderWithAnAbsurdSize) {
  Bytes bytes = good_file();
  format::FileHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.info_bytes = 0xfffffff0;
  header.header_crc = crc32(&header, offsetof(format::FileHeader, header_crc));
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_EQ(error_of(bytes), path_ + " is damaged in its header: nothing in it can be read");
  header.info_bytes = format::max_info_bytes;  // more than there is
  header.header_crc = crc32(&header, offsetof(format::FileHeader, header_crc));
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_EQ(error_of(bytes), path_ + " is cut off inside its header: nothing in it can be read");
}

TEST_F(Damage, BlockWithAnAbsurdSize) {
  const Bytes good = good_file();
  const size_t at = header_bytes(good);
  for (int field = 0; field < 3; field++) {
    Bytes bytes = good;
    format::BlockPrefix prefix;
    std::memcpy(&prefix, bytes.data() + at, sizeof(prefix));
    ASSERT_EQ(prefix.lost_count, 0);
    (field == 0 ? prefix.count : field == 1 ? prefix.raw_bytes : prefix.stored_bytes) = 0xffffff00;
    prefix.crc = 0;
    prefix.crc = crc32(&prefix, sizeof(prefix));
    std::memcpy(bytes.data() + at, &prefix, sizeof(prefix));
    write_bytes(path_, bytes);
    EXPECT_EQ(read_recording(path_).truncation, "the recording is cut off after 0 requests (byte " +
                                                    std::to_string(at) +
                                                    "): a block claims a size that no block has");
  }
}

TEST_F(Damage, CutAtEveryByte) {
  const Bytes good = good_file();
  const size_t header = header_bytes(good);
  size_t last = 0;
  for (size_t size = 1; size < good.size(); size++) {
    SCOPED_TRACE(size);
    write_bytes(path_, Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)));
    const Contents contents = read_recording(path_);
    if (size < header) {
      ASSERT_TRUE(contents.error);
      ASSERT_EQ(contents.error->message,
                path_ + " is cut off inside its header: nothing in it can be read");
      continue;
    }
    ASSERT_FALSE(contents.error);
    ASSERT_NE(contents.truncation.find(" requests (byte "), std::string::npos);
    ASSERT_TRUE(is_beginning(contents.requests, requests_));
    ASSERT_GE(contents.requests.size(), last);  // never less from more of the file
    last = contents.requests.size();
  }
  EXPECT_EQ(last, requests_.size());
}

TEST_F(Damage, EveryBitFlipIsFoundOrHarmless) {
  const Bytes good = good_file();
  for (size_t at = 0; at < good.size(); at++) {
    Bytes bytes = good;
    bytes[at] ^= static_cast<uint8_t>(1u << at % 8);
    SCOPED_TRACE(at);
    expect_honest(bytes);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Damage, RandomMutations) {
  const Bytes good = good_file();
  std::mt19937_64 random(42);
  for (int round = 0; round < 2000; round++) {
    Bytes bytes = good;
    for (uint64_t n = 1 + random() % 3; n > 0 && !bytes.empty(); n--) {
      const size_t at = random() % bytes.size();
      const auto from = bytes.begin() + static_cast<ptrdiff_t>(at);
      const auto length =
          static_cast<ptrdiff_t>(random() % std::min<size_t>(bytes.size() - at, 64));
      switch (random() % 5) {
        case 0:
          bytes[at] = static_cast<uint8_t>(random());
          break;
        case 1:
          bytes.erase(from, from + length);
          break;
        case 2:
          bytes.insert(from, static_cast<size_t>(length), static_cast<uint8_t>(random()));
          break;
        case 3:
          std::fill(from, from + length, uint8_t{0});
          break;
        default: {
          const Bytes piece(from, from + length);
          const auto to = bytes.begin() + static_cast<ptrdiff_t>(random() % bytes.size());
          bytes.insert(to, piece.begin(), piece.end());
        }
      }
    }
    SCOPED_TRACE(round);
    expect_honest(bytes);
    if (HasFatalFailure()) return;
  }
}

// As above, but with the sum of a block's prefix made right again, so that the
// damage gets past it.
TEST_F(Damage, RandomPrefixesWithARightSum) {
  const Bytes good = good_file();
  std::mt19937_64 random(43);
  for (int round = 0; round < 2000; round++) {
    Bytes bytes = good;
    size_t at = header_bytes(good);
    format::BlockPrefix prefix;
    std::memcpy(&prefix, bytes.data() + at, sizeof(prefix));
    for (uint64_t skip = random() % 6; skip > 0; skip--) {
      at += sizeof(prefix) + prefix.stored_bytes;
      std::memcpy(&prefix, bytes.data() + at, sizeof(prefix));
    }
    const size_t victim = 4 + random() % (sizeof(prefix) - 4);
    reinterpret_cast<uint8_t*>(&prefix)[victim] ^= static_cast<uint8_t>(1 + random() % 255);
    prefix.crc = 0;
    const size_t counters = (size_t{prefix.lost_count} + prefix.incomplete_count) * 8;
    if (at + sizeof(prefix) + counters > bytes.size()) continue;
    prefix.crc =
        crc32(bytes.data() + at + sizeof(prefix), counters, crc32(&prefix, sizeof(prefix)));
    std::memcpy(bytes.data() + at, &prefix, sizeof(prefix));
    write_bytes(path_, bytes);
    read_recording(path_);  // any answer, in bounded time and memory
  }
}

TEST_F(Damage, BytesAfterTheEndAreNoted) {
  Bytes bytes = good_file();
  bytes.push_back('x');
  write_bytes(path_, bytes);
  const Contents contents = read_recording(path_);
  EXPECT_FALSE(contents.error);
  EXPECT_EQ(contents.truncation, "");
  EXPECT_TRUE(contents.trailing_bytes);
  EXPECT_EQ(contents.requests.size(), requests_.size());
  EXPECT_NE(contents.info.end_ns, 0u);
}

TEST_F(Damage, GarbageInsteadOfABlock) {
  Bytes bytes = good_file();
  bytes.resize(header_bytes(bytes));
  bytes.resize(bytes.size() + 500, 'x');
  write_bytes(path_, bytes);
  EXPECT_NE(read_recording(path_).truncation.find("not a block of a recording"), std::string::npos);
}

TEST_F(Damage, MissingBlockInTheMiddleIsNoticed) {
  const Bytes good = good_file();
  size_t at = header_bytes(good);
  format::BlockPrefix prefix;
  std::memcpy(&prefix, good.data() + at, sizeof(prefix));
  at += sizeof(prefix) + prefix.stored_bytes;  // past the tasks
  std::memcpy(&prefix, good.data() + at, sizeof(prefix));
  ASSERT_EQ(prefix.type, static_cast<uint16_t>(format::BlockType::requests));
  Bytes bytes = good;
  bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at),
              bytes.begin() + static_cast<ptrdiff_t>(at + sizeof(prefix) + prefix.stored_bytes));
  write_bytes(path_, bytes);
  EXPECT_NE(read_recording(path_).truncation.find("counts other requests than it has"),
            std::string::npos);
}

}  // namespace
}  // namespace fusetrace::test
