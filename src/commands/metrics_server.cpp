// SPDX-License-Identifier: Apache-2.0
#include "commands/metrics_server.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <utility>

#include "commands/http_request.h"
#include "commands/version.h"
#include "system/descriptor.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The totals are read and formatted at most this often, however often clients ask.
constexpr milliseconds least_age{200};
// Until a client that has its answer closes its side.
constexpr milliseconds linger{1000};
// While no descriptor is left, new connections wait in the kernel's queue.
constexpr milliseconds accept_pause{100};

using Body = std::shared_ptr<const std::string>;

// The address of a client without its port.
using Peer = std::array<unsigned char, 16>;

Peer peer_of(const sockaddr_storage& address) {
  Peer peer{};
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    std::memcpy(peer.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
  } else if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    std::memcpy(peer.data(), &v4.sin_addr, sizeof(v4.sin_addr));
  }
  return peer;
}

struct Connection {
  enum class State { reading, answering, lingering };
  Descriptor fd;
  Peer peer{};
  State state = State::reading;
  Clock::time_point until;
  std::string received;
  std::string head;
  Body body;
  size_t sent = 0;  // of head and body together
};

Result<Descriptor> listen_on(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = host.empty() ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                text.substr(colon + 1).c_str(), &hints, &found);
  const std::string hint = "--listen ADDRESS:PORT names another one";
  if (error != 0)
    return fail(fmt::format("cannot listen on {}: {}", text, gai_strerror(error)), hint);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  int failed = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Descriptor fd(socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (fd.get() >= 0 && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd.get(), a->ai_addr, a->ai_addrlen) == 0 && listen(fd.get(), SOMAXCONN) == 0)
      return fd;
    failed = errno;
  }
  return fail(fmt::format("cannot listen on {}: {}", text, strerror(failed)), hint);
}

}  // namespace

Result<std::string> check_listen_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(port) == 0 || std::stoul(port) > 65535) {
    return fail("'" + text + "' is not an address to listen on",
                "write ADDRESS:PORT: 127.0.0.1:9475");
  }
  return text;
}

class MetricsServer::Loop {
 public:
  Loop(Descriptor listener, Descriptor poll, Descriptor stop, std::function<std::string()> metrics)
      : listener_(std::move(listener)),
        poll_(std::move(poll)),
        stop_(std::move(stop)),
        metrics_(std::move(metrics)) {
    watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN, nullptr);
    watch(EPOLL_CTL_ADD, stop_.get(), EPOLLIN, &stop_);
    thread_ = std::thread([this] { run(); });
  }

  ~Loop() {
    const uint64_t one = 1;
    while (::write(stop_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }

 private:
  using Connections = std::list<Connection>;

  void watch(int action, int fd, uint32_t events, void* what) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    epoll_ctl(poll_.get(), action, fd, &event);
  }

  void run() {
    std::array<epoll_event, 64> events;
    while (true) {
      const int n = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()),
                               milliseconds_left());
      const auto now = Clock::now();
      bool knocks = false;
      for (int i = 0; i < n; ++i) {
        void* what = events[static_cast<size_t>(i)].data.ptr;
        if (what == &stop_) return;
        if (what == nullptr) {
          knocks = true;
        } else {
          advance(*static_cast<Connection*>(what), now);
        }
      }
      close_late(now);
      if (paused_ && now >= resume_) {
        paused_ = false;
        watch(EPOLL_CTL_MOD, listener_.get(), EPOLLIN, nullptr);
      }
      // Last: what was just told of connections names none that is closed for a new one.
      if (knocks) accept_all(now);
    }
  }

  // Until something is late; -1: nothing can be.
  int milliseconds_left() const {
    auto next = Clock::time_point::max();
    for (const Connection& c : connections_) next = std::min(next, c.until);
    if (paused_) next = std::min(next, resume_);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::max<int64_t>(left, 0));
  }

  void close_late(Clock::time_point now) {
    connections_.remove_if([now](const Connection& c) { return c.fd.get() < 0 || now >= c.until; });
  }

  void accept_all(Clock::time_point now) {
    for (int i = 0; i < 64; ++i) {
      sockaddr_storage address{};
      socklen_t length = sizeof(address);
      Descriptor fd(accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) {
        if (errno == ECONNABORTED || errno == EINTR) continue;
        // No descriptor is left: the oldest who has not sent his request gives way.
        const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (full && close_oldest([](const Connection&) { return true; })) continue;
        if (full) pause(now);
        return;
      }
      const Peer peer = peer_of(address);
      if (!make_room(peer)) continue;
      Connection& c = connections_.emplace_back();
      c.fd = std::move(fd);
      c.peer = peer;
      c.until = now + milliseconds(request_ms);
      watch(EPOLL_CTL_ADD, c.fd.get(), EPOLLIN, &c);
      advance(c, now);
    }
  }

  void pause(Clock::time_point now) {
    paused_ = true;
    resume_ = now + accept_pause;
    watch(EPOLL_CTL_MOD, listener_.get(), 0, nullptr);
  }

  bool make_room(const Peer& peer) {
    size_t of_peer = 0;
    for (const Connection& c : connections_) of_peer += c.peer == peer;
    if (of_peer >= max_connections_of_peer)
      return close_oldest([&](const Connection& c) { return c.peer == peer; });
    if (connections_.size() >= max_connections)
      return close_oldest([](const Connection&) { return true; });
    return true;
  }

  // Connections are in the order of their arrival.
  template <typename Condition>
  bool close_oldest(Condition condition) {
    for (auto it = connections_.begin(); it != connections_.end(); ++it) {
      if (it->state == Connection::State::answering || !condition(*it)) continue;
      connections_.erase(it);
      return true;
    }
    return false;
  }

  void advance(Connection& c, Clock::time_point now) {
    if (c.fd.get() < 0) return;
    if (c.state == Connection::State::reading) read_request(c, now);
    if (c.state == Connection::State::answering) write_answer(c, now);
    if (c.state == Connection::State::lingering) drain(c);
  }

  static void close(Connection& c) { c.fd = Descriptor(); }

  void read_request(Connection& c, Clock::time_point now) {
    std::array<char, 4096> bytes;
    while (c.state == Connection::State::reading) {
      const ssize_t n = recv(c.fd.get(), bytes.data(), bytes.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (n <= 0) {
        close(c);
        c.state = Connection::State::lingering;
        return;
      }
      c.received.append(bytes.data(), static_cast<size_t>(n));
      HttpRequest request;
      const HttpHead head = parse_http_request(c.received, request);
      if (head == HttpHead::whole) {
        answer_request(c, request);
      } else if (head == HttpHead::bad) {
        answer(c, "400 Bad Request", plain, "This is not an HTTP/1.1 request.\n");
      } else if (c.received.size() > max_request_bytes) {
        answer(c, "431 Request Header Fields Too Large", plain, "The request is too long.\n");
      } else {
        continue;
      }
      c.until = now + milliseconds(answer_ms);
      watch(EPOLL_CTL_MOD, c.fd.get(), EPOLLOUT, &c);
    }
  }

  void answer_request(Connection& c, const HttpRequest& request) {
    const bool head_only = request.method == "HEAD";
    if (request.method != "GET" && !head_only) {
      answer(c, "405 Method Not Allowed", plain, "Only GET and HEAD are answered.\n");
    } else if (request.path == "/metrics") {
      answer(c, "200 OK", "text/plain; version=0.0.4; charset=utf-8", text(), head_only);
    } else if (request.path == "/-/healthy") {
      answer(c, "200 OK", plain, "fusetrace is healthy.\n", head_only);
    } else if (request.path == "/") {
      answer(c, "200 OK", "text/html; charset=utf-8",
             "<!doctype html><html lang=en><title>fusetrace</title><h1>fusetrace " FUSETRACE_VERSION
             "</h1><p>FUSE requests of this machine: <a href=/metrics>metrics</a> for "
             "Prometheus.</html>\n",
             head_only);
    } else {
      answer(c, "404 Not Found", plain, "Nothing is here; /metrics is.\n", head_only);
    }
  }

  static constexpr const char* plain = "text/plain; charset=utf-8";

  static void answer(Connection& c, const char* status, const char* type, const char* body,
                     bool head_only = false) {
    answer(c, status, type, std::make_shared<const std::string>(body), head_only);
  }

  static void answer(Connection& c, const char* status, const char* type, Body body,
                     bool head_only) {
    c.head = fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        status, type, body->size());
    if (!head_only) c.body = std::move(body);
    c.received.clear();
    c.received.shrink_to_fit();
    c.state = Connection::State::answering;
  }

  // The metrics, made anew when they are older than least_age.
  Body text() {
    const auto now = Clock::now();
    if (!text_ || now - made_ > least_age) {
      text_ = std::make_shared<const std::string>(metrics_());
      made_ = Clock::now();
    }
    return text_;
  }

  void write_answer(Connection& c, Clock::time_point now) {
    while (true) {
      const bool in_head = c.sent < c.head.size();
      const std::string_view all = in_head  ? std::string_view(c.head)
                                   : c.body ? std::string_view(*c.body)
                                            : std::string_view();
      const std::string_view left = all.substr(in_head ? c.sent : c.sent - c.head.size());
      if (left.empty()) break;
      const ssize_t n = send(c.fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (n <= 0) {
        close(c);
        c.state = Connection::State::lingering;
        return;
      }
      c.sent += static_cast<size_t>(n);
    }
    // Closing at once would take the answer back where something unread was sent.
    shutdown(c.fd.get(), SHUT_WR);
    c.body.reset();
    c.state = Connection::State::lingering;
    c.until = now + linger;
    watch(EPOLL_CTL_MOD, c.fd.get(), EPOLLIN, &c);
  }

  static void drain(Connection& c) {
    std::array<char, 4096> bytes;
    // As much as a moment brings; the time for it ends.
    for (int i = 0; i < 16 && c.fd.get() >= 0; ++i) {
      const ssize_t n = recv(c.fd.get(), bytes.data(), bytes.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (n <= 0) close(c);
    }
  }

  Descriptor listener_;
  Descriptor poll_;
  Descriptor stop_;
  std::function<std::string()> metrics_;
  Connections connections_;
  Body text_;
  Clock::time_point made_;
  bool paused_ = false;
  Clock::time_point resume_;
  std::thread thread_;
};

MetricsServer::MetricsServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const std::string& address,
                                                            std::function<std::string()> metrics) {
  auto checked = check_listen_address(address);
  if (!checked) return tl::make_unexpected(checked.error());
  auto listener = listen_on(*checked);
  if (!listener) return tl::make_unexpected(listener.error());
  Descriptor poll(epoll_create1(EPOLL_CLOEXEC));
  Descriptor stop(eventfd(0, EFD_CLOEXEC));
  if (poll.get() < 0 || stop.get() < 0)
    return fail(fmt::format("cannot listen on {}: {}", address, strerror(errno)));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::make_unique<Loop>(
      std::move(*listener), std::move(poll), std::move(stop), std::move(metrics))));
}

}  // namespace fusetrace
