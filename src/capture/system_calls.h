// SPDX-License-Identifier: Apache-2.0
// Names of the system calls that wait for file systems.
#pragma once

#include <cstdint>
#include <string>

namespace fusetrace {

struct SystemCall {
  std::string name;               // "read"; "system call 999" for one that is not known here
  bool takes_descriptor = false;  // its first argument is a descriptor of the file it works on
};

// Of this architecture. A negative number: none, with an empty name.
SystemCall system_call(int32_t number);

}  // namespace fusetrace
