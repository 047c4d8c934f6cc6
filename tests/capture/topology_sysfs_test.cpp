// SPDX-License-Identifier: Apache-2.0
// Topology from copies of sysfs: SMT, shared caches, nodes, an offline CPU.
#include "capture/topology_sysfs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fusetrace.h"

namespace fusetrace {
namespace {

namespace fs = std::filesystem;

class FakeSysfs : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "fusetrace-sysfs-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const fs::path file = root_ / "devices/system" / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void add_cpu(int cpu, const std::string& siblings, const std::string& llc) const {
    const std::string base = "cpu/cpu" + std::to_string(cpu) + "/";
    write(base + "topology/core_cpus_list", siblings);
    write(base + "cache/index0/level", "1");
    write(base + "cache/index0/type", "Data");
    write(base + "cache/index0/shared_cpu_list", siblings);
    write(base + "cache/index1/level", "3");
    write(base + "cache/index1/type", "Unified");
    write(base + "cache/index1/shared_cpu_list", llc);
  }

  fs::path root_;
};

TEST_F(FakeSysfs, EveryDistanceIsTold) {
  // Two nodes; node 0 has two caches, the first of which two cores share.
  write("cpu/present", "0-7");
  write("node/online", "0-1");
  write("node/node0/cpulist", "0-5");
  write("node/node1/cpulist", "6-7");
  add_cpu(0, "0-1", "0-3");
  add_cpu(1, "0-1", "0-3");
  add_cpu(2, "2-3", "0-3");
  add_cpu(3, "2-3", "0-3");
  add_cpu(4, "4", "4-5");
  add_cpu(5, "5", "4-5");
  add_cpu(6, "6", "6-7");
  add_cpu(7, "7", "6-7");
  const Topology topology = read_topology(root_.string());
  EXPECT_EQ(topology.online_count(), 8u);
  EXPECT_EQ(topology.distance(0, 0), Distance::same_cpu);
  EXPECT_EQ(topology.distance(0, 1), Distance::same_core);
  EXPECT_EQ(topology.distance(1, 2), Distance::same_llc);
  EXPECT_EQ(topology.distance(0, 4), Distance::same_node);
  EXPECT_EQ(topology.distance(7, 0), Distance::cross_node);
  EXPECT_EQ(topology.distance(0, FT_CPU_UNKNOWN), Distance::unknown);
}

TEST_F(FakeSysfs, AnOfflineCpuIsKeptButNotCounted) {
  write("cpu/present", "0-1");
  add_cpu(0, "0", "0-1");
  write("cpu/cpu1/online", "0");
  const Topology topology = read_topology(root_.string());
  ASSERT_EQ(topology.cpus().size(), 2u);
  EXPECT_FALSE(topology.cpus()[1].online);
  EXPECT_EQ(topology.online_count(), 1u);
}

}  // namespace
}  // namespace fusetrace
