// SPDX-License-Identifier: Apache-2.0
// A FUSE server that gets stuck on purpose, by the names that it is asked for, and
// that says what it holds: a witness of its own for `fusetrace stuck`.
//   stuck_server [--threads N] [--max-background N] [--writeback] [--serial] [--other PATH]
//   MOUNTPOINT
//
//   stuck_server --fault FILE
// is a client that maps FILE and reads its first byte.
//
// Names that it answers, in its only directory level:
//   file…    a regular file of 1 MiB; READ and WRITE are taken and never answered
//   direct…  the same, opened with FOPEN_DIRECT_IO
//   dir…     a directory, whose READDIR is taken and never answered
//   block…   LOOKUP never answered: the thread that takes it sleeps for ever
//   self…    LOOKUP answered after the server has asked for the attributes of its own
//            mount/file, which a server of one thread waits for for ever
//   other…   the same with the path of --other
// Everything else is not there. It prints "ready", and for what it holds
// "holds UNIQUE OPCODE NODE". It ends when its mount is aborted or unmounted.
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct Options {
  unsigned threads = 1;
  unsigned max_background = 0;
  bool writeback = false;
  bool serial = false;
  std::string other;
  std::string mount_point;
};

constexpr uint64_t file_node = 0x100;
constexpr uint64_t direct_node = 0x200;
constexpr uint64_t directory_node = 0x300;
constexpr uint64_t file_bytes = 1 << 20;

bool is_directory(uint64_t node) {
  return node == FUSE_ROOT_ID || (node & 0xf00) == directory_node;
}

fuse_attr attributes(uint64_t node) {
  fuse_attr attr{};
  attr.ino = node;
  attr.mode = is_directory(node) ? S_IFDIR | 0755 : S_IFREG | 0644;
  attr.nlink = 1;
  attr.size = is_directory(node) ? 4096 : file_bytes;
  attr.blksize = 4096;
  return attr;
}

class Server {
 public:
  Server(const Options& options, int device) : options_(options), device_(device) {}

  void run() {
    std::vector<char> message(FUSE_MIN_READ_BUFFER + (1 << 20));
    for (;;) {
      const ssize_t n = read(device_, message.data(), message.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      if (n < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
      fuse_in_header request;
      std::memcpy(&request, message.data(), sizeof(request));
      serve(request, message.data() + sizeof(request), static_cast<size_t>(n) - sizeof(request));
    }
  }

 private:
  void answer(const fuse_in_header& request, int error, const void* data = nullptr,
              size_t size = 0) {
    char reply[512];
    fuse_out_header header{};
    header.len = static_cast<uint32_t>(sizeof(header) + size);
    header.error = error;
    header.unique = request.unique;
    std::memcpy(reply, &header, sizeof(header));
    if (size > 0) std::memcpy(reply + sizeof(header), data, size);
    // The client may be gone by now.
    if (write(device_, reply, header.len) < 0) return;
  }

  void holds(const fuse_in_header& request) {
    std::printf("holds %llu %u %llu\n", static_cast<unsigned long long>(request.unique),
                request.opcode, static_cast<unsigned long long>(request.nodeid));
    std::fflush(stdout);
  }

  void serve(const fuse_in_header& request, const char* body, size_t bytes) {
    switch (request.opcode) {
      case FUSE_INIT:
        return initialize(request);
      case FUSE_LOOKUP:
        return lookup(request, name_of(body, bytes));
      case FUSE_GETATTR: {
        fuse_attr_out out{};
        out.attr = attributes(request.nodeid);
        out.attr_valid = 0;
        return answer(request, 0, &out, sizeof(out));
      }
      case FUSE_SETATTR: {
        fuse_attr_out out{};
        out.attr = attributes(request.nodeid);
        return answer(request, 0, &out, sizeof(out));
      }
      case FUSE_OPEN:
      case FUSE_OPENDIR: {
        fuse_open_out out{};
        out.fh = request.nodeid;
        if ((request.nodeid & 0xf00) == direct_node) out.open_flags = FOPEN_DIRECT_IO;
        return answer(request, 0, &out, sizeof(out));
      }
      case FUSE_READ:
      case FUSE_WRITE:
      case FUSE_READDIR:
      case FUSE_READDIRPLUS:
        return holds(request);
      case FUSE_RELEASE:
      case FUSE_RELEASEDIR:
      case FUSE_FLUSH:
      case FUSE_FSYNC:
        return answer(request, 0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        return;
      case FUSE_DESTROY:
        return answer(request, 0);
      default:
        return answer(request, -ENOSYS);
    }
  }

  static std::string name_of(const char* body, size_t bytes) {
    // Newer kernels may put an extension behind the name.
    return {body, strnlen(body, bytes)};
  }

  void initialize(const fuse_in_header& request) {
    fuse_init_out init{};
    init.major = FUSE_KERNEL_VERSION;
    init.minor = 31;
    init.max_readahead = 1 << 20;
    init.flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES;
    if (!options_.serial) init.flags |= FUSE_PARALLEL_DIROPS;
    if (options_.writeback) init.flags |= FUSE_WRITEBACK_CACHE;
    init.max_background = static_cast<uint16_t>(options_.max_background);
    init.congestion_threshold = static_cast<uint16_t>(options_.max_background);
    init.max_write = 4096;
    init.time_gran = 1;
    answer(request, 0, &init, sizeof(init));
    std::printf("ready\n");
    std::fflush(stdout);
  }

  void lookup(const fuse_in_header& request, const std::string& name) {
    uint64_t node = 0;
    if (name.starts_with("file")) node = file_node;
    if (name.starts_with("direct")) node = direct_node;
    if (name.starts_with("dir") && !name.starts_with("direct")) node = directory_node;
    if (name.starts_with("block")) {
      holds(request);
      for (;;) pause();
    }
    if (name.starts_with("self") || name.starts_with("other")) {
      holds(request);
      struct stat unused;
      const std::string path =
          name.starts_with("self") ? options_.mount_point + "/file" : options_.other;
      if (stat(path.c_str(), &unused) != 0) return answer(request, -ENOENT);
      node = file_node;
    }
    if (node == 0) return answer(request, -ENOENT);
    fuse_entry_out out{};
    out.nodeid = node + (name.empty() ? 0u : static_cast<unsigned char>(name.back()) % 0x80u);
    out.attr = attributes(out.nodeid);
    answer(request, 0, &out, sizeof(out));
  }

  const Options& options_;
  const int device_;
};

// A client that touches the first byte of a mapped file, and so hangs in a page fault.
int fault(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  void* map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  if (file < 0 || map == MAP_FAILED) return 1;
  return *static_cast<volatile char*>(map);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--fault") return fault(argv[2]);
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--threads" && has_value) {
      options.threads = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--max-background" && has_value) {
      options.max_background = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--writeback") {
      options.writeback = true;
    } else if (word == "--serial") {
      options.serial = true;
    } else if (word == "--other" && has_value) {
      options.other = argv[++i];
    } else {
      options.mount_point = word;
    }
  }
  if (options.mount_point.empty()) {
    std::fprintf(stderr, "usage: stuck_server [OPTION…] MOUNTPOINT\n");
    return 2;
  }
  prctl(PR_SET_NAME, "stuck-server");
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const std::string data =
      "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  if (device < 0 || mount("stuck", options.mount_point.c_str(), "fuse.stuck", MS_NOSUID | MS_NODEV,
                          data.c_str()) != 0) {
    std::perror("stuck_server: cannot mount");
    return 1;
  }
  Server server(options, device);
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < options.threads; ++i) threads.emplace_back([&] { server.run(); });
  server.run();
  _exit(0);
}
