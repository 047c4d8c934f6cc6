// SPDX-License-Identifier: Apache-2.0
// Kinds of requests that no bench makes: those that the server asks for, those that
// it is sent again, and those of a character device in user space.
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

// Newer than the FUSE header of Debian 12.
constexpr int32_t notify_resend = 7;
constexpr uint64_t unique_resend = uint64_t{1} << 63;

constexpr uint64_t file_node = 2;
constexpr size_t page = 4096;
constexpr size_t file_bytes = 256 * page;

fuse_attr attributes(uint64_t node) {
  fuse_attr out{};
  out.ino = node;
  out.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
  out.nlink = 1;
  out.size = node == FUSE_ROOT_ID ? 0 : file_bytes;
  return out;
}

// A server of one thread that answers every message as told, until its device is
// gone, and counts them.
class RawServer {
 public:
  // Returns whether the message was dealt with; if not, the common answer is given.
  using Handler = std::function<bool(RawServer&, const fuse_in_header&)>;

  // init_flags: what it agrees to of what the kernel offers (FUSE_ASYNC_READ, …).
  RawServer(int device, Handler handler, uint32_t init_flags = 0)
      : device_(device), init_flags_(init_flags), handler_(std::move(handler)) {
    thread_ = std::thread([this] { run(); });
  }
  ~RawServer() {
    if (device_ >= 0) end();
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  // When nothing is mounted any more, or no device is held open.
  void end() {
    stop_ = true;
    thread_.join();
    close(device_);
    device_ = -1;
  }

  bool reply(uint64_t unique, int32_t error, const void* data = nullptr, size_t bytes = 0) {
    std::array<char, sizeof(fuse_out_header) + 4 * page> out;
    const fuse_out_header header{static_cast<uint32_t>(sizeof(fuse_out_header) + bytes), error,
                                 unique};
    memcpy(out.data(), &header, sizeof header);
    if (bytes > 0) memcpy(out.data() + sizeof header, data, bytes);
    return write(device_, out.data(), header.len) == header.len;
  }

  uint64_t count(uint32_t opcode) const { return opcode < 128 ? counts_[opcode].load() : 0; }

 private:
  void run() {
    while (!stop_) {
      const ssize_t bytes = read(device_, buffer_.data(), buffer_.size());
      if (bytes < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOENT || errno == EPERM)) {
        usleep(100);
        continue;
      }
      if (bytes < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
      fuse_in_header header;
      memcpy(&header, buffer_.data(), sizeof header);
      if (header.opcode < 128) ++counts_[header.opcode];
      if (!handler_(*this, header)) answer(header);
    }
  }

  void answer(const fuse_in_header& header) {
    switch (header.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = 31;
        out.max_write = page;
        out.max_readahead = 4 * page;
        out.flags = init_flags_;
        reply(header.unique, 0, &out, sizeof out);
        return;
      }
      case FUSE_GETATTR:
      case FUSE_SETATTR: {
        fuse_attr_out out{};
        out.attr = attributes(header.nodeid);
        reply(header.unique, 0, &out, sizeof out);
        return;
      }
      case FUSE_LOOKUP: {  // whatever the name
        fuse_entry_out out{};
        out.nodeid = file_node;
        out.attr = attributes(file_node);
        reply(header.unique, 0, &out, sizeof out);
        return;
      }
      case FUSE_OPEN: {
        const fuse_open_out out{};
        reply(header.unique, 0, &out, sizeof out);
        return;
      }
      case FUSE_READ: {
        const std::array<char, 4 * page> out{};
        fuse_read_in in;
        memcpy(&in, buffer_.data() + sizeof header, sizeof in);
        reply(header.unique, 0, out.data(), std::min<size_t>(in.size, out.size()));
        return;
      }
      case FUSE_WRITE: {
        fuse_write_in in;
        memcpy(&in, buffer_.data() + sizeof header, sizeof in);
        const fuse_write_out out{in.size, 0};
        reply(header.unique, 0, &out, sizeof out);
        return;
      }
      case FUSE_RELEASE:
      case FUSE_FLUSH:
      case FUSE_FSYNC:
      case FUSE_DESTROY:
        reply(header.unique, 0);
        return;
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
      case FUSE_NOTIFY_REPLY:
        return;
      default:
        reply(header.unique, -ENOSYS);
    }
  }

  int device_;
  uint32_t init_flags_;
  Handler handler_;
  std::atomic<bool> stop_{false};
  std::array<char, FUSE_MIN_READ_BUFFER * 2> buffer_;
  std::array<std::atomic<uint64_t>, 128> counts_{};
  std::thread thread_;
};

class Kinds : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (IsSkipped()) return;
    record_ = std::make_unique<Process>(fusetrace({"record", "-o", recording_, "-d", "10m"}));
    ASSERT_TRUE(tracing(*record_));
  }

  void TearDown() override {
    record_.reset();
    Capture::TearDown();
  }

  int mount_raw() {
    mount_ = make_directory("raw");
    const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    const std::string options =
        "fd=" + std::to_string(device) +
        ",rootmode=40000,user_id=0,group_id=0,max_read=" + std::to_string(4 * page);
    EXPECT_EQ(mount("raw", mount_.c_str(), "fuse.raw", 0, options.c_str()), 0) << errno;
    return device;
  }

  // Ends the recording; returns what it has seen.
  Json end() {
    record_->send_signal(SIGINT);
    const Result ended = record_->finish();
    EXPECT_EQ(ended.status, 0) << ended.err;
    const Json seen = report();
    EXPECT_TRUE(nothing_lost(seen));
    EXPECT_EQ(seen.at("incomplete"), 0);
    return seen;
  }

  static uint64_t count_of(const Json& seen, const char* opcode) {
    return seen.at("opcodes").contains(opcode) ? opcode_counts(seen).at(opcode) : 0;
  }

  std::unique_ptr<Process> record_;
  std::string mount_;
};

// Requests for which no client waits one by one: read ahead, written back, or parts of
// a direct read.
struct BackgroundKind {
  const char* name;
  uint32_t init_flag;
  const char* opcode;
  uint32_t opcode_number;
  void (*use)(const std::string& file);
};

void PrintTo(const BackgroundKind& what, std::ostream* out) { *out << what.name; }

void read_ahead(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, page> data;
  for (size_t i = 0; i < file_bytes / page; ++i) {
    EXPECT_EQ(read(file, data.data(), data.size()), static_cast<ssize_t>(page)) << errno;
  }
  close(file);
}

void write_back(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const std::array<char, page> data{};
  for (size_t i = 0; i < file_bytes / page; ++i) {
    EXPECT_EQ(write(file, data.data(), data.size()), static_cast<ssize_t>(page)) << errno;
  }
  EXPECT_EQ(fsync(file), 0) << errno;
  close(file);
}

void read_directly(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  void* data = nullptr;
  ASSERT_EQ(posix_memalign(&data, page, file_bytes), 0);
  EXPECT_EQ(read(file, data, file_bytes), static_cast<ssize_t>(file_bytes)) << errno;
  free(data);
  close(file);
}

constexpr BackgroundKind background_kinds[] = {
    {"ReadAhead", FUSE_ASYNC_READ, "READ", FUSE_READ, read_ahead},
    {"WrittenBack", FUSE_WRITEBACK_CACHE, "WRITE", FUSE_WRITE, write_back},
    {"ReadDirectly", FUSE_ASYNC_DIO, "READ", FUSE_READ, read_directly},
};

class KindsInBackground : public Kinds, public testing::WithParamInterface<BackgroundKind> {};

TEST_P(KindsInBackground, AreCountedAsAsynchronousWithWhoQueuedAndWhoTookThem) {
  const BackgroundKind& what = GetParam();
  RawServer server(
      mount_raw(), [](RawServer&, const fuse_in_header&) { return false; }, what.init_flag);
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_INIT) == 1; }));
  what.use(mount_ + "/file");
  umount2(mount_.c_str(), 0);
  server.end();
  const Json seen = end();
  const uint64_t served = server.count(what.opcode_number);
  // In parts of at most four pages.
  EXPECT_GE(served, file_bytes / (4 * page));
  EXPECT_EQ(count_of(seen, what.opcode), served);
  EXPECT_GE(seen.at("kinds").at("async"), served);
  const Json& opcode = seen.at("opcodes").at(what.opcode);
  EXPECT_EQ(opcode.at("hops").at("request").at("unknown"), 0);
  EXPECT_EQ(opcode.at("stages").at("queue").at("count"), served);
  EXPECT_EQ(opcode.at("stages").at("service").at("count"), served);
  EXPECT_EQ(opcode.at("stages").at("total").at("count"), served);
}

INSTANTIATE_TEST_SUITE_P(Kernel, KindsInBackground, testing::ValuesIn(background_kinds),
                         [](const auto& what) { return std::string(what.param.name); });

TEST_F(Kinds, WhatTheServerRetrievesIsCountedAsAMessageWithoutReply) {
  RawServer server(mount_raw(), [](RawServer&, const fuse_in_header&) { return false; });
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_INIT) == 1; }));
  struct stat out;
  ASSERT_EQ(stat((mount_ + "/file").c_str(), &out), 0);
  constexpr uint64_t asked = 50;
  for (uint64_t i = 0; i < asked; ++i) {
    fuse_notify_retrieve_out what{};
    what.notify_unique = i;
    what.nodeid = file_node;
    what.size = 4096;
    ASSERT_TRUE(server.reply(0, FUSE_NOTIFY_RETRIEVE, &what, sizeof what)) << errno;
  }
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_NOTIFY_REPLY) == asked; }));
  umount2(mount_.c_str(), 0);
  server.end();
  const Json seen = end();
  EXPECT_EQ(count_of(seen, "NOTIFY_REPLY"), asked);
  EXPECT_GE(seen.at("kinds").at("noreply"), asked);
}

TEST_F(Kinds, InterruptsAreCountedBesideWhatTheyInterrupt) {
  std::atomic<uint64_t> held{0};
  RawServer server(mount_raw(), [&](RawServer& self, const fuse_in_header& header) {
    if (header.opcode == FUSE_GETATTR) held = header.unique;
    // An interrupt has the number of what it interrupts, with the last bit set.
    if (header.opcode == FUSE_INTERRUPT) self.reply(header.unique & ~uint64_t{1}, -EINTR);
    return header.opcode == FUSE_GETATTR || header.opcode == FUSE_INTERRUPT;
  });
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_INIT) == 1; }));
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &nothing, nullptr), 0);
  constexpr uint64_t made = 100;
  std::thread client([&] {
    for (uint64_t i = 0; i < made; ++i) {
      struct stat out;
      EXPECT_EQ(stat(mount_.c_str(), &out), -1);
      EXPECT_EQ(errno, EINTR);
    }
  });
  uint64_t last = 0;
  bool in_time = true;
  for (uint64_t i = 0; i < made && in_time; ++i) {
    in_time = wait_for([&] { return held != last; });
    last = held;
    pthread_kill(client.native_handle(), SIGUSR1);
    in_time = in_time && wait_for([&] { return server.count(FUSE_INTERRUPT) == i + 1; });
  }
  EXPECT_TRUE(in_time);
  // Or the client waits for ever, and with it the recording.
  if (!in_time) umount2(mount_.c_str(), MNT_FORCE | MNT_DETACH);
  client.join();
  umount2(mount_.c_str(), 0);
  server.end();
  const Json seen = end();
  EXPECT_EQ(count_of(seen, "GETATTR"), made);
  EXPECT_EQ(count_of(seen, "INTERRUPT"), server.count(FUSE_INTERRUPT));
  EXPECT_EQ(seen.at("opcodes").at("GETATTR").at("errors"), made);
}

TEST_F(Kinds, WhatIsSentAgainIsCountedOnce) {
  bool refused = false;
  uint64_t held = 0;
  RawServer server(mount_raw(), [&](RawServer& self, const fuse_in_header& header) {
    // Every fourth is not answered before it has come a second time.
    if (header.opcode != FUSE_GETATTR || self.count(FUSE_GETATTR) % 4 != 0) return false;
    if ((header.unique & unique_resend) != 0 || refused) return false;
    if (!self.reply(0, notify_resend)) {
      refused = true;
      return false;
    }
    ++held;
    return true;
  });
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_INIT) == 1; }));
  constexpr uint64_t made = 200;
  for (uint64_t i = 0; i < made; ++i) {
    struct stat out;
    ASSERT_EQ(stat(mount_.c_str(), &out), 0) << errno;
  }
  umount2(mount_.c_str(), 0);
  server.end();
  const Json seen = end();
  if (!refused) {  // as by kernels before 6.9
    EXPECT_GT(held, 40u);
  }
  EXPECT_EQ(count_of(seen, "GETATTR") + held, server.count(FUSE_GETATTR));
  uint64_t resent = 0;
  for (const Json& request : requests()) resent += request.at("resent") == true;
  EXPECT_EQ(resent, held);
}

// Runs in the guests, whose kernels have CUSE.
using Cuse = Kinds;

TEST_F(Cuse, ADeviceInUserSpaceIsNamedAsSuch) {
  const int control = open("/dev/cuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  ASSERT_GE(control, 0) << "/dev/cuse: " << strerror(errno);
  const std::string name = "fusetrace-test-" + std::to_string(getpid());
  RawServer server(control, [&](RawServer& self, const fuse_in_header& header) {
    if (header.opcode != CUSE_INIT) return false;
    struct {
      cuse_init_out init;
      char device[64];
    } out{};
    out.init.major = FUSE_KERNEL_VERSION;
    out.init.minor = 31;
    out.init.max_read = out.init.max_write = 4096;
    const std::string text = "DEVNAME=" + name;
    memcpy(out.device, text.c_str(), text.size() + 1);
    self.reply(header.unique, 0, &out, sizeof out.init + text.size() + 1);
    return true;
  });
  const std::string path = "/dev/" + name;
  int device = -1;
  ASSERT_TRUE(wait_for([&] { return (device = open(path.c_str(), O_RDWR | O_CLOEXEC)) >= 0; }));
  constexpr uint64_t made = 300;
  for (uint64_t i = 0; i < made; ++i) {
    std::array<char, 64> data;
    ASSERT_EQ(read(device, data.data(), data.size()), 64) << errno;
  }
  close(device);
  ASSERT_TRUE(wait_for([&] { return server.count(FUSE_RELEASE) == 1; }));
  server.end();
  const Json seen = end();
  EXPECT_EQ(count_of(seen, "READ"), made);
  EXPECT_EQ(count_of(seen, "CUSE_INIT"), 1u);
  EXPECT_EQ(seen.at("transports").at("cuse"), seen.at("requests"));
}

}  // namespace
}  // namespace fusetrace::test
