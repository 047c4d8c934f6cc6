// SPDX-License-Identifier: Apache-2.0
// Many FUSE file systems at once, each a process of its own with as many threads
// as asked for, all asleep in their read but those of the busy ones, which a
// client each keeps asking for attributes:
//   many_mounts MOUNTS THREADS BUSY FOLDER
// Prints "ready" when all is mounted, and goes on until its input ends or a
// signal comes; then everything is unmounted and gone.
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

namespace {

void answer(int device, const fuse_in_header& request, int error, const void* data, size_t size) {
  char reply[256];
  fuse_out_header header{};
  header.len = static_cast<uint32_t>(sizeof(header) + size);
  header.error = error;
  header.unique = request.unique;
  std::memcpy(reply, &header, sizeof(header));
  if (size > 0) std::memcpy(reply + sizeof(header), data, size);
  // The request may have been interrupted, or the mount be gone.
  if (write(device, reply, header.len) < 0) return;
}

void serve_one(int device, const char* message) {
  fuse_in_header request;
  std::memcpy(&request, message, sizeof(request));
  switch (request.opcode) {
    case FUSE_INIT: {
      fuse_init_out init{};
      init.major = FUSE_KERNEL_VERSION;
      init.minor = 31;
      init.max_write = 4096;
      return answer(device, request, 0, &init, sizeof(init));
    }
    case FUSE_GETATTR: {
      fuse_attr_out attr{};
      attr.attr.ino = 1;
      attr.attr.mode = S_IFDIR | 0755;
      attr.attr.nlink = 2;
      return answer(device, request, 0, &attr, sizeof(attr));
    }
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;
    default:
      return answer(device, request, -ENOSYS, nullptr, 0);
  }
}

void* serve(void* argument) {
  const int device = *static_cast<int*>(argument);
  char message[FUSE_MIN_READ_BUFFER];
  while (true) {
    const ssize_t n = read(device, message, sizeof(message));
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (n < static_cast<ssize_t>(sizeof(fuse_in_header))) return nullptr;
    serve_one(device, message);
  }
}

[[noreturn]] void run_server(int device, unsigned threads) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "many-mounts");
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  for (unsigned i = 1; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &small, serve, &device) != 0) {
      std::fprintf(stderr, "many_mounts: cannot make thread %u of a server\n", i);
      _exit(1);
    }
  }
  serve(&device);
  _exit(0);
}

[[noreturn]] void run_client(const std::string& path) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct stat out;
  const timespec pause{0, 100'000};
  while (true) {
    if (stat(path.c_str(), &out) != 0) _exit(1);
    nanosleep(&pause, nullptr);
  }
}

// Everything that has to go at the end.
struct Mounts {
  std::vector<std::string> paths;
  std::vector<pid_t> children;

  ~Mounts() {
    for (const pid_t child : children) kill(child, SIGKILL);
    for (const std::string& path : paths) {
      umount2(path.c_str(), MNT_DETACH);
      rmdir(path.c_str());
    }
    for (const pid_t child : children) waitpid(child, nullptr, 0);
  }

  bool add(const std::string& path, unsigned threads) {
    const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0 || mkdir(path.c_str(), 0755) != 0) return false;
    const std::string options =
        "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0";
    const bool mounted = mount("many", path.c_str(), "fuse.many", 0, options.c_str()) == 0;
    if (mounted) {
      paths.push_back(path);
      const pid_t child = fork();
      if (child == 0) run_server(device, threads);
      if (child > 0) children.push_back(child);
    } else {
      rmdir(path.c_str());
    }
    close(device);
    return mounted;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: many_mounts MOUNTS THREADS BUSY FOLDER\n");
    return 2;
  }
  const auto number = [&](int i) {
    return static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10));
  };
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);

  Mounts mounts;
  for (unsigned i = 0; i < number(1); ++i) {
    if (!mounts.add(std::string(argv[4]) + "/" + std::to_string(i), number(2))) {
      std::perror("many_mounts: cannot mount");
      return 1;
    }
  }
  for (unsigned i = 0; i < number(3) && i < mounts.paths.size(); ++i) {
    const pid_t child = fork();
    if (child == 0) run_client(mounts.paths[i]);
    if (child > 0) mounts.children.push_back(child);
  }
  std::printf("ready\n");
  std::fflush(stdout);
  std::thread([] {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    kill(getpid(), SIGTERM);
  }).detach();
  int signal = 0;
  sigwait(&set, &signal);
  return 0;
}
