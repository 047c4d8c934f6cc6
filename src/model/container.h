// SPDX-License-Identifier: Apache-2.0
// The container and the pod that a cgroup's path tells of.
#pragma once

#include <string>
#include <string_view>

namespace fusetrace {

struct Container {
  std::string id;   // the first 12 digits; empty: the path names none
  std::string pod;  // UID of the Kubernetes pod: 8-4-4-4-12 digits; empty: none
};

// Reads paths as Docker, containerd, CRI-O and Podman make them, with the systemd
// or the cgroupfs driver: ".../docker-<id>.scope", "/docker/<id>",
// "kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope",
// "/kubepods/burstable/pod<uid>/<id>", "libpod-<id>.scope".
Container container_of(std::string_view cgroup);

}  // namespace fusetrace
