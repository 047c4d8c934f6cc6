// SPDX-License-Identifier: Apache-2.0
// What a newer minor version may add (block types, columns, counters, keys)
// does not keep this reader from what it knows.
#include <gtest/gtest.h>
#include <zstd.h>

#include "recording/crc32.h"
#include "recording/request_fields.h"
#include "recording_files.h"

namespace fusetrace::test {
namespace {

using namespace format;

// Builds a file as another writer would.
class File {
 public:
  explicit File(const std::string& json, uint16_t minor = minor_version + 1) {
    FileHeader header{};
    std::memcpy(header.magic, file_magic, sizeof(file_magic));
    header.major = major_version;
    header.minor = minor;
    header.info_bytes = static_cast<uint32_t>(json.size());
    header.info_crc = crc32(json.data(), json.size());
    header.header_crc = crc32(&header, offsetof(FileHeader, header_crc));
    add(&header, sizeof(header));
    add(json.data(), json.size());
  }

  void block(uint16_t type, uint32_t count, const Bytes& payload,
             const std::vector<uint64_t>& lost = {}, const std::vector<uint64_t>& incomplete = {}) {
    Bytes stored(ZSTD_compressBound(payload.size()));
    stored.resize(ZSTD_compress(stored.data(), stored.size(), payload.data(), payload.size(), 1));
    BlockPrefix prefix{};
    prefix.magic = block_magic;
    prefix.type = type;
    prefix.lost_count = static_cast<uint8_t>(lost.size());
    prefix.incomplete_count = static_cast<uint8_t>(incomplete.size());
    prefix.count = count;
    prefix.raw_bytes = static_cast<uint32_t>(payload.size());
    prefix.stored_bytes = static_cast<uint32_t>(stored.size());
    std::vector<uint64_t> counters = lost;
    counters.insert(counters.end(), incomplete.begin(), incomplete.end());
    prefix.crc = crc32(counters.data(), counters.size() * 8, crc32(&prefix, sizeof(prefix)));
    add(&prefix, sizeof(prefix));
    add(counters.data(), counters.size() * 8);
    add(stored.data(), stored.size());
  }

  Contents read() {
    TemporaryDirectory directory;
    write_bytes(directory.file("r.rec"), bytes_);
    return read_recording(directory.file("r.rec"));
  }

 private:
  void add(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  Bytes bytes_;
};

// Columns of the requests, and one of an id that this version does not know.
Bytes payload_with_unknown_column(const std::vector<ft_request>& requests) {
  RequestColumnsEncoder encoder(static_cast<uint32_t>(requests.size()));
  encoder.append(requests);
  const EncodedColumns columns = encoder.encode();
  request_fields::ColumnHeader header{};
  header.id = 200;
  header.mode = 9;
  header.width = 16;
  Bytes payload(columns.directory.begin(), columns.directory.end());
  // As the first column, so that the planes of all others move.
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  payload.insert(payload.begin() + sizeof(uint32_t), bytes, bytes + sizeof(header));
  const auto size = static_cast<uint32_t>(payload.size());
  std::memcpy(payload.data(), &size, sizeof(size));
  payload.insert(payload.end(), 16 * requests.size(), 0x77);
  payload.insert(payload.end(), columns.planes.begin(), columns.planes.end());
  return payload;
}

constexpr auto requests_type = static_cast<uint16_t>(BlockType::requests);

TEST(NewerMinorVersion, UnknownBlocksColumnsCountersAndKeysArePassedOver) {
  const auto requests = workload_requests(50);
  File file(R"({"kernel":"7.9","new_key":{"a":[1]},"start_ns":5})");
  file.block(1000, 123456789, Bytes(100, 'x'));
  std::vector<uint64_t> lost(FT_LOSSES + 4, 1);
  file.block(requests_type, 50, payload_with_unknown_column(requests), lost, {7, 0, 0, 0, 9});
  const Contents contents = file.read();
  EXPECT_FALSE(contents.error);
  EXPECT_EQ(contents.info.kernel, "7.9");
  EXPECT_EQ(contents.info.start_ns, 5u);
  EXPECT_TRUE(same(contents.requests, requests));
  EXPECT_EQ(contents.losses.total_lost(), static_cast<uint64_t>(FT_LOSSES));
  EXPECT_EQ(contents.losses.incomplete[0], 7u);
  EXPECT_EQ(contents.losses.total_incomplete(), 7u);
}

TEST(NewerMinorVersion, FewerCountersOfAnOlderWriterAreTheFirstOnes) {
  File file("{}", 0);
  file.block(static_cast<uint16_t>(BlockType::info), 0, {'{', '}'}, {2}, {3});
  const Contents contents = file.read();
  EXPECT_EQ(contents.losses.lost[0], 2u);
  EXPECT_EQ(contents.losses.total_lost(), 2u);
  EXPECT_EQ(contents.losses.incomplete[0], 3u);
}

TEST(NewerMinorVersion, ValuesOfAnotherTypeAreIgnored) {
  File file(R"({"kernel":7,"start_ns":"x","end_ns":-1,"cpus":[1,{"id":"a"},{"id":3},{"id":70000}],
      "probes":{},"connections":{"x":{},"12":{"mount":["m"],"server_tgid":99999999999},"-3":{}},
      "command_line":["a",1,null],"sample_n":null})");
  const Contents contents = file.read();
  ASSERT_FALSE(contents.error);
  EXPECT_EQ(contents.info.kernel, "");
  EXPECT_EQ(contents.info.start_ns, 0u);
  EXPECT_EQ(contents.info.end_ns, 0u);
  ASSERT_EQ(contents.info.topology.cpus().size(), 1u);
  EXPECT_EQ(contents.info.topology.cpus()[0].id, 3u);
  EXPECT_EQ(contents.info.connections.size(), 1u);
  EXPECT_EQ(contents.info.connections.at(12).server_tgid, 0u);
  EXPECT_EQ(contents.info.command_line, (std::vector<std::string>{"a"}));
  EXPECT_EQ(contents.info.sample_n, 1u);
}

TEST(NewerMinorVersion, HeaderThatIsNoObjectIsDamage) {
  for (const char* json : {"", "[]", "{", "null", "{\"a\":1}}"}) {
    const Contents contents = File(json).read();
    ASSERT_TRUE(contents.error) << json;
    EXPECT_NE(contents.error->message.find("damaged in its header"), std::string::npos);
  }
}

TEST(NewerMinorVersion, BlockWithoutAKnownColumnIsDamage) {
  File file("{}");
  file.block(requests_type, 3, {4, 0, 0, 0});
  EXPECT_NE(file.read().truncation.find("a block is damaged"), std::string::npos);
}

}  // namespace
}  // namespace fusetrace::test
