// SPDX-License-Identifier: Apache-2.0
// Which file system --mount follows: that which stat(2) would show, found without asking it.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

using Clock = std::chrono::steady_clock;

// A FUSE file system whose server never reads: whoever asks it anything waits without end.
class HungMount {
 public:
  explicit HungMount(const std::string& target) : target_(target) {
    device_ = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    const std::string options =
        "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
    mounted_ = device_ >= 0 && mount("hung", target.c_str(), "fuse.hung", MS_NOSUID | MS_NODEV,
                                     options.c_str()) == 0;
  }
  HungMount(const HungMount&) = delete;
  HungMount& operator=(const HungMount&) = delete;
  ~HungMount() {
    // The device first: without a server, nothing in the file system can hang.
    if (device_ >= 0) close(device_);
    if (mounted_) umount2(target_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string target_;
  int device_ = -1;
  bool mounted_ = false;
};

class Mounts : public Capture {
 protected:
  // The connection that `list` shows at this mount point, of the type that ends so.
  Json listed(const std::string& mount, const std::string& type) {
    const Json list = Json::parse(run(fusetrace({"list", "--json"})).out);
    for (const auto& [number, connection] : list.at("connections").items()) {
      if (connection.at("mount") == mount &&
          connection.at("fstype").get<std::string>().ends_with(type)) {
        return std::stoul(number);
      }
    }
    return nullptr;
  }
  // What a capture that follows this path says, with a time limit.
  Result follow(const std::string& mount, const std::string& directory = "/") {
    Process record(Words{"sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory} +
                   fusetrace({"record", "-o", recording_, "--mount", mount, "--", "true"}));
    return record.finish(Limit(40000));
  }
  std::string filters_of_recording() { return report().at("filters").dump(); }
};

TEST_F(Mounts, AHungFileSystemHangsNobody) {
  const std::string target = make_directory("hung");
  const HungMount hung(target);
  ASSERT_TRUE(hung.mounted());
  const auto start = Clock::now();
  for (const std::string& path : {target, target + "/below/it", target + "/x/../y"}) {
    const Result result = follow(path);
    EXPECT_EQ(result.status, 0) << path << ": " << result.err;
  }
  EXPECT_EQ(follow("hung", this->path("")).status, 0);
  const Result list = run(fusetrace({"list"}));
  EXPECT_NE(list.out.find(target), std::string::npos) << list.out;
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(150));
}

TEST_F(Mounts, OfTwoOverOneAnotherTheTopmostIsFollowed) {
  Background below = start_bench("both", {"--think-time", "1000000"});
  const HungMount above(below.mount);
  ASSERT_TRUE(above.mounted());
  const Json lower = below.connection;
  Process record(fusetrace({"record", "-o", recording_, "--mount", below.mount, "-d", "1s"}));
  const Result result = record.finish();
  EXPECT_EQ(result.status, 0) << result.err;
  // The bench below goes on by its open files; the file system that is seen there has no load.
  EXPECT_FALSE(report().at("connections").contains(std::to_string(lower.get<uint32_t>())))
      << report().at("connections").dump();
}

TEST_F(Mounts, SubdirectoriesPartsAndRelativePathsMeanTheFileSystem) {
  const std::string source = make_directory("source");
  const std::string target = make_directory("target");
  const std::string part = make_directory("part");
  std::filesystem::create_directories(source + "/deep/er");
  std::ofstream(source + "/deep/er/file") << "text";
  if (run({"bindfs", "--no-allow-other", source, target}).status != 0) {
    GTEST_SKIP() << "bindfs is not installed";
  }
  ASSERT_EQ(mount((target + "/deep").c_str(), part.c_str(), nullptr, MS_BIND, nullptr), 0);
  const Json number = listed(target, "fuse");
  EXPECT_FALSE(number.is_null());
  const std::string load = "cat '" + target + "/deep/er/file'";
  const std::pair<std::string, std::string> names[] = {{target, "/"},
                                                       {target + "/deep/er/", "/"},
                                                       {target + "/deep/er/file", "/"},
                                                       {part, "/"},
                                                       {part + "/er", "/"},
                                                       {"target/deep", path("")},
                                                       {"./target", path("")},
                                                       {"../target", source}};
  for (const auto& [name, directory] : names) {
    Process record(
        Words{"sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory} +
        fusetrace({"record", "-o", recording_, "--mount", name, "--", "sh", "-c", load}));
    const Result result = record.finish();
    EXPECT_EQ(result.status, 0) << name << ": " << result.err;
    EXPECT_GT(report(number).at("requests"), 0) << name;
    // The same words find it in the recording.
    Process read(Words{"sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory} +
                 fusetrace({"report", "--json", recording_, "--mount", name}));
    const Result seen = read.finish();
    if (name.find("part") == std::string::npos) {
      EXPECT_EQ(seen.status, 0) << name << ": " << seen.err;
    }
  }
  umount2(part.c_str(), MNT_DETACH);
  umount2(target.c_str(), MNT_DETACH);
}

TEST_F(Mounts, APathThatListShowsOfAnotherNamespaceIsFollowed) {
  const std::string source = make_directory("source");
  const std::string target = make_directory("elsewhere");
  Process other({"unshare", "--mount", "sh", "-c",
                 "bindfs -f --no-allow-other '" + source + "' '" + target +
                     "' & server=$!; trap 'kill $server; exit' TERM; wait"});
  if (!wait_for([&] { return !listed(target, "fuse").is_null(); }, Limit(20000))) {
    GTEST_SKIP() << "bindfs did not mount: " << other.err();
  }
  const Result result = follow(target);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(filters_of_recording().find(target), std::string::npos);
  other.send_signal(SIGTERM);
  other.finish();
}

}  // namespace
}  // namespace fusetrace::test
