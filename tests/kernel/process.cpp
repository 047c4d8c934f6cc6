// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace fusetrace::test {
namespace {

std::string contents(int fd) {
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0) return "";
  std::string text(static_cast<size_t>(info.st_size), '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

[[noreturn]] void give_up(const char* what) {
  dprintf(STDERR_FILENO, "test: %s: %s\n", what, strerror(errno));
  _exit(125);
}

void join(const std::string& cgroup) {
  const int fd = open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1) give_up("cannot join the cgroup");
  close(fd);
}

void become_nobody() {
  constexpr uid_t nobody = 65534;
  if (setgroups(0, nullptr) != 0 || setresgid(nobody, nobody, nobody) != 0 ||
      setresuid(nobody, nobody, nobody) != 0) {
    give_up("cannot change the user");
  }
}

}  // namespace

bool wait_for(const std::function<bool()>& condition, Limit limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(Limit(5));
  }
  return true;
}

Process::Process(const std::vector<std::string>& command, const Start& start) {
  out_ = memfd_create("out", MFD_CLOEXEC);
  err_ = memfd_create("err", MFD_CLOEXEC);
  if (start.on_terminal) {
    terminal_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    grantpt(terminal_);
    unlockpt(terminal_);
  }
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ > 0 && !start.on_terminal) setpgid(pid_, pid_);
  if (pid_ != 0) return;

  if (start.on_terminal) {
    setsid();
    // The first terminal that the leader of a session opens becomes its own.
    dup2(open(ptsname(terminal_), O_RDWR | O_CLOEXEC), STDIN_FILENO);
  } else {
    setpgid(0, 0);
    dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  }
  // Opened anew for appending, so that two processes do not write over each other.
  for (const auto& [from, to] : {std::pair{out_, STDOUT_FILENO}, {err_, STDERR_FILENO}}) {
    const int fd =
        open(("/proc/self/fd/" + std::to_string(from)).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || dup2(fd, to) < 0) _exit(125);
  }
  if (!start.cgroup.empty()) join(start.cgroup);
  if (start.as_nobody) become_nobody();
  // After the change of user, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(125);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  give_up(arguments[0]);
}

Process::~Process() {
  if (running()) {
    // A bench whose coordinator gets SIGTERM cleans up after itself.
    kill(pid_, SIGTERM);
    if (!wait_for([&] { return !running(); }, Limit(5000))) kill(pid_, SIGKILL);
    wait_for([&] { return !running(); }, Limit(5000));
  }
  if (pid_ > 0) kill(-pid_, SIGKILL);
  for (const int fd : {out_, err_, terminal_}) {
    if (fd >= 0) close(fd);
  }
}

bool Process::running() {
  if (status_ || pid_ <= 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return false;
}

void Process::send_signal(int number) const {
  if (pid_ > 0 && !status_) kill(pid_, number);
}

void Process::press_ctrl_c() const {
  // The terminal signals its foreground group, which is the session's first.
  if (write(terminal_, "\x03", 1) != 1) abort();
}

std::string Process::out() const { return contents(out_); }
std::string Process::err() const { return contents(err_); }

Result Process::finish(Limit limit) {
  wait_for([&] { return !running(); }, limit);
  return {status_.value_or(-1), out(), err()};
}

Result run(const std::vector<std::string>& command, const Start& start) {
  return Process(command, start).finish();
}

}  // namespace fusetrace::test
