// SPDX-License-Identifier: Apache-2.0
#include "capture/workload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace fusetrace {
namespace {

// The child: waits for the pipe to close, then becomes the command.
[[noreturn]] void become(const std::vector<std::string>& command, int go, int failed,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char word = 0;
  // A byte means go; the end of the pipe without one means that the parent gave up.
  if (getppid() != parent || read(go, &word, 1) != 1) _exit(125);
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  if (write(failed, &error, sizeof(error)) != sizeof(error)) _exit(126);
  _exit(error == ENOENT ? 127 : 126);
}

}  // namespace

namespace {

// Whether execvp(3) would find something to run: asked before anything else is begun, since a
// capture that starts moves the last recording away. The kernel has the last word.
Result<void> check_command(const std::string& name) {
  auto runs = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  int error = ENOENT;
  bool found = false;
  auto look = [&](const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      if (errno != ENOENT) error = errno;
    } else if (!S_ISREG(status.st_mode) || !runs(path)) {
      error = EACCES;
    } else {
      found = true;
    }
  };
  if (name.find('/') != std::string::npos) {
    look(name);
  } else {
    const char* folders = std::getenv("PATH");
    std::istringstream in(folders != nullptr ? folders : "/bin:/usr/bin");
    for (std::string folder; !found && std::getline(in, folder, ':');) {
      look((folder.empty() ? "." : folder) + "/" + name);
    }
  }
  if (found) return {};
  return fail(fmt::format("cannot run the command {}: {}", name, strerror(error)),
              "what stands after -- is run without a shell; use -- sh -c '…' for one");
}

}  // namespace

Result<Workload> Workload::prepare(const std::vector<std::string>& command) {
  if (auto ok = check_command(command.front()); !ok) return tl::make_unexpected(ok.error());
  int go[2];
  int failed[2];
  if (pipe2(go, O_CLOEXEC) != 0)
    return fail(fmt::format("cannot make a pipe: {}", strerror(errno)));
  const Descriptor go_read(go[0]);
  Workload workload;
  workload.go_ = Descriptor(go[1]);
  if (pipe2(failed, O_CLOEXEC) != 0) {
    return fail(fmt::format("cannot make a pipe: {}", strerror(errno)));
  }
  workload.failed_ = Descriptor(failed[0]);
  const Descriptor failed_write(failed[1]);
  const pid_t parent = getpid();
  workload.pid_ = fork();
  if (workload.pid_ < 0) return fail(fmt::format("cannot fork: {}", strerror(errno)));
  if (workload.pid_ == 0) {
    close(go[1]);
    become(command, go[0], failed[1], parent);
  }
  return workload;
}

Workload::Workload(Workload&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      released_(other.released_),
      go_(std::move(other.go_)),
      failed_(std::move(other.failed_)) {}

Workload::~Workload() {
  if (pid_ > 0 && !released_) {
    go_ = Descriptor();
    waitpid(pid_, nullptr, 0);
  }
}

Result<void> Workload::release() {
  released_ = true;
  const char word = 1;
  if (write(go_.get(), &word, 1) != 1) {
    return fail(fmt::format("cannot start the command: {}", strerror(errno)));
  }
  int error = 0;
  // Ends when exec closes the child's side, or with the errno when it fails.
  if (read(failed_.get(), &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    return fail(fmt::format("cannot run the command: {}", strerror(error)),
                "what stands after -- is run without a shell; use -- sh -c '…' for one");
  }
  return {};
}

std::optional<int> Workload::exit_status() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Workload::send_signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

}  // namespace fusetrace
