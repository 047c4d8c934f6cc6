// SPDX-License-Identifier: Apache-2.0
#include "capture/cgroup_paths.h"

#include <dirent.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <sstream>

namespace fusetrace {
namespace {

std::string cgroup_mount() {
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string mount;
    for (int i = 0; i < 5; ++i) fields >> mount;
    return mount;
  }
  return {};
}

struct Search {
  std::string root;
  const std::set<uint64_t>& wanted;
  std::unordered_map<uint64_t, std::string> found = {};

  void below(const std::string& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir((root + path).c_str()), closedir);
    if (!directory) return;
    while (const dirent* entry = readdir(directory.get())) {
      if (found.size() == wanted.size()) return;
      if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
      const std::string here = path + "/" + entry->d_name;
      if (wanted.contains(entry->d_ino)) found.emplace(entry->d_ino, here);
      below(here);
    }
  }
};

}  // namespace

std::unordered_map<uint64_t, std::string> cgroup_paths(const std::set<uint64_t>& wanted) {
  Search search{cgroup_mount(), wanted};
  if (search.root.empty() || wanted.empty()) return {};
  struct stat root {};
  if (stat(search.root.c_str(), &root) == 0 && wanted.contains(root.st_ino)) {
    search.found.emplace(root.st_ino, "/");
  }
  search.below("");
  return std::move(search.found);
}

}  // namespace fusetrace
