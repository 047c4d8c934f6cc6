// SPDX-License-Identifier: Apache-2.0
#include "model/container.h"

#include <algorithm>

namespace fusetrace {
namespace {

bool is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// The last 64 digits of a part of the path, behind its kind and before its suffix.
std::string container_id(std::string_view part) {
  if (part.ends_with(".scope")) part.remove_suffix(6);
  if (part.size() < 64) return {};
  const std::string_view id = part.substr(part.size() - 64);
  if (!std::all_of(id.begin(), id.end(), is_digit)) return {};
  if (part.size() > 64 && part[part.size() - 65] != '-') return {};
  return std::string(id.substr(0, 12));
}

std::string pod_uid(std::string_view part) {
  if (part.ends_with(".slice")) part.remove_suffix(6);
  const size_t at = part.rfind("pod");
  if (at == std::string_view::npos) return {};
  std::string uid(part.substr(at + 3));
  // systemd takes '-' for a separator, so the driver writes '_'.
  std::replace(uid.begin(), uid.end(), '_', '-');
  if (uid.size() != 36) return {};
  for (size_t i = 0; i < uid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? uid[i] != '-' : !is_digit(uid[i])) return {};
  }
  return uid;
}

}  // namespace

Container container_of(std::string_view cgroup) {
  Container out;
  while (!cgroup.empty()) {
    const size_t slash = cgroup.find('/');
    const std::string_view part = cgroup.substr(0, slash);
    if (std::string id = container_id(part); !id.empty()) out.id = std::move(id);
    if (std::string uid = pod_uid(part); !uid.empty()) out.pod = std::move(uid);
    cgroup.remove_prefix(slash == std::string_view::npos ? cgroup.size() : slash + 1);
  }
  return out;
}

}  // namespace fusetrace
