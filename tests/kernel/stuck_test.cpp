// SPDX-License-Identifier: Apache-2.0
// `fusetrace stuck` on file systems that hang in every way that was thought of, against
// witnesses that are not its own: fusectl, /proc/PID/stack, and the server's own list.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "stuck_fixture.h"

namespace fusetrace::test {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t ns_since(Clock::time_point start) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

constexpr uint64_t tick_ns = 10'000'000;  // the longest: HZ=100

bool has_tid(const Json& list, pid_t tid) {
  for (const Json& one : list) {
    if (one == tid) return true;
  }
  return false;
}

// What a request's age may be: it was made after start, and was there at open.
void expect_age(const Json& request, uint64_t since_start, uint64_t since_open) {
  ASSERT_FALSE(request.at("age_ns").is_null()) << request;
  const uint64_t age = request.at("age_ns");
  EXPECT_LE(age, since_start + tick_ns) << request;
  if (request.at("age_is") == "jiffies") {
    EXPECT_GE(age + tick_ns, since_open) << request;
  } else {
    EXPECT_EQ(request.at("age_is"), "at_least") << request;
  }
}

TEST_F(StuckMounts, NothingOpenIsNothingStuck) {
  Server& server = start_server("mnt");
  const Json look = look_until([](const Json&) { return true; });
  EXPECT_TRUE(requests_of(look, server).empty());
  EXPECT_EQ(look.at("connections").at(std::to_string(server.connection)).at("mount"), server.mount);
}

TEST_F(StuckMounts, AStoppedServerFiveClientsAllNamedWithTheirAge) {
  Server& server = start_server("mnt", {"--threads", "2"});
  server.process->send_signal(SIGSTOP);
  // All of its threads have stopped only some time after the signal was sent.
  ASSERT_TRUE(wait_for([&] {
    size_t stopped = 0;
    for (const auto& task : std::filesystem::directory_iterator(
             "/proc/" + std::to_string(server.process->pid()) + "/task")) {
      stopped += kernel_stack(std::stoi(task.path().filename())).find("do_signal_stop") !=
                         std::string::npos
                     ? 1
                     : 0;
    }
    return stopped == 2;
  }));
  const auto start = Clock::now();
  std::vector<pid_t> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(start_client({"stat", server.mount + "/name" + std::to_string(i)}).pid());
  }
  ASSERT_TRUE(wait_for([&] { return waiting(server) == 5; }));
  const auto open = Clock::now();
  ASSERT_TRUE(wait_for([&] { return Clock::now() - open > std::chrono::milliseconds(500); }));
  const uint64_t since_open = ns_since(open);
  const Json look =
      look_until([&](const Json& seen) { return requests_of(seen, server).size() == 5; });
  EXPECT_EQ(waiting(server), 5u);
  for (int i = 0; i < 5; ++i) {
    const Json request = request_by(look, clients[static_cast<size_t>(i)]);
    ASSERT_TRUE(request.is_object()) << i << look.dump(1);
    EXPECT_EQ(request.at("opcode"), "LOOKUP");
    EXPECT_EQ(request.at("name"), "name" + std::to_string(i));
    EXPECT_EQ(request.at("nodeid"), 1);
    EXPECT_EQ(request.at("kind"), "sync");
    EXPECT_EQ(request.at("still_open"), true);
    EXPECT_EQ(request.at("client").at("comm"), "stat");
    EXPECT_EQ(request.at("client").at("uid"), 0);
    EXPECT_NE(kernel_stack(clients[static_cast<size_t>(i)]).find("request_wait_answer"),
              std::string::npos);
    expect_age(request, ns_since(start), since_open);
  }
  for (const Json& thread :
       look.at("connections").at(std::to_string(server.connection)).at("servers")) {
    EXPECT_EQ(thread.at("state"), "T") << thread;
  }
}

TEST_F(StuckMounts, AKilledServerLeavesNothingOpenAndAMountWithoutServer) {
  Server& server = start_server("mnt");
  Process& client = start_client({"stat", server.mount + "/block"});
  look_until([&](const Json& seen) { return requests_of(seen, server).size() == 1; });
  server.process->send_signal(SIGKILL);
  EXPECT_NE(client.finish().status, 0);
  const std::string number = std::to_string(server.connection);
  const Json look = look_until([&](const Json& seen) {
    return seen.at("connections").at(number).at("has_server") == false;
  });
  EXPECT_TRUE(requests_of(look, server).empty());
}

TEST_F(StuckMounts, AThreadThatIsBlockedAndARequestBehindTheOthers) {
  Server& server = start_server("mnt", {"--threads", "4"});
  const pid_t first = start_client({"stat", server.mount + "/block1"}).pid();
  Json look = look_until([&](const Json& seen) { return request_by(seen, first).is_object(); });
  Json request = request_by(look, first);
  EXPECT_EQ(request.at("stage"), "serving");
  ASSERT_TRUE(request.at("server").is_object()) << request;
  EXPECT_EQ(request.at("server").at("pid"), server.process->pid());
  EXPECT_EQ(request.at("server").at("system_call"), "pause");
  const pid_t taker = request.at("server").at("tid");
  EXPECT_NE(kernel_stack(taker).find("pause"), std::string::npos) << kernel_stack(taker);
  // Its own list has the same request.
  EXPECT_EQ(held(server), std::multiset<std::string>{
                              std::to_string(request.at("unique").get<uint64_t>()) + " 1 1"});

  for (int i = 2; i <= 4; ++i) start_client({"stat", server.mount + "/block" + std::to_string(i)});
  look_until([&](const Json& seen) { return requests_of(seen, server).size() == 4; });
  const pid_t behind = start_client({"stat", server.mount + "/behind"}).pid();
  look = look_until([&](const Json& seen) { return request_by(seen, behind).is_object(); });
  request = request_by(look, behind);
  EXPECT_EQ(request.at("stage"), "queued");
  EXPECT_EQ(request.at("name"), "behind");
  EXPECT_TRUE(request.at("server").is_null());
  EXPECT_EQ(waiting(server), 5u);
  EXPECT_EQ(held(server).size(), 4u);
}

TEST_F(StuckMounts, AServerOfOneThreadThatAsksItselfIsACycleOfOne) {
  Server& server = start_server("mnt");
  start_client({"stat", server.mount + "/self"});
  const Json look = look_until([&](const Json& seen) {
    return requests_of(seen, server).size() == 2 && !seen.at("cycles").empty();
  });
  EXPECT_EQ(look.at("cycles"), Json::array({Json::array({server.process->pid()})}));
  const Result text = run(fusetrace({"stuck"}));
  EXPECT_NE(text.out.find("Deadlock: stuck-server " + std::to_string(server.process->pid())),
            std::string::npos)
      << text.out;
  EXPECT_NE(text.out.find("connections/" + std::to_string(server.connection) + "/abort"),
            std::string::npos)
      << text.out;
}

TEST_F(StuckMounts, TwoServersThatAskEachOtherAreACycleOfTwo) {
  const std::string other = make_directory("b");
  Server& a = start_server("a", {"--other", other + "/file"});
  Server& b = start_server("b", {"--other", a.mount + "/file"});
  start_client({"stat", a.mount + "/other"});
  start_client({"stat", b.mount + "/other"});
  const Json look = look_until([&](const Json& seen) { return !seen.at("cycles").empty(); });
  ASSERT_EQ(look.at("cycles").size(), 1u) << look.at("cycles");
  const Json& cycle = look.at("cycles")[0];
  EXPECT_EQ(cycle.size(), 2u);
  EXPECT_TRUE(has_tid(cycle, a.process->pid())) << cycle;
  EXPECT_TRUE(has_tid(cycle, b.process->pid())) << cycle;
}

TEST_F(StuckMounts, AtMaxBackgroundTheOthersAreHeldBack) {
  Server& server = start_server("mnt", {"--max-background", "2"});
  for (int i = 0; i < 4; ++i) start_client({"cat", server.mount + "/file" + std::to_string(i)});
  const std::string number = std::to_string(server.connection);
  const auto admitted_or_not = [&](const Json& seen) {
    size_t blocked = 0;
    for (const Json& one : seen.at("tasks")) {
      blocked += one.at("connection") == server.connection && one.at("waits_for") == "admission";
    }
    return requests_of(seen, server).size() + blocked >= 4 && blocked >= 1;
  };
  const Json look = look_until(admitted_or_not);
  const Json& connection = look.at("connections").at(number);
  EXPECT_EQ(connection.at("max_background"), 2);
  EXPECT_EQ(connection.at("waiting"), waiting(server));
  for (const Json& request : requests_of(look, server)) {
    EXPECT_EQ(request.at("opcode"), "READ") << request;
    EXPECT_EQ(request.at("kind"), "async") << request;
    EXPECT_FALSE(request.at("offset").is_null()) << request;
    EXPECT_EQ(request.at("client").at("comm"), "cat") << request;
  }
}

TEST_F(StuckMounts, AClientThatIsKilledMeanwhileStaysWhileTheServerHasItsRequest) {
  Server& server = start_server("mnt");
  Process& client = start_client({"stat", server.mount + "/block"});
  look_until([&](const Json& seen) { return request_by(seen, client.pid()).is_object(); });
  client.send_signal(SIGKILL);
  const Json look = look_until([&](const Json& seen) {
    const Json request = request_by(seen, client.pid());
    return request.is_object() && request.at("interrupted") == true;
  });
  const Json request = request_by(look, client.pid());
  EXPECT_EQ(request.at("client").at("dying"), true);
  EXPECT_EQ(request.at("client").at("state"), "D");
  EXPECT_EQ(request.at("stage"), "serving");
}

TEST_F(StuckMounts, ADirectReadAndAWritebackWrite) {
  Server& server = start_server("mnt", {"--writeback"});
  const pid_t direct =
      start_client({"dd", "if=" + server.mount + "/direct", "of=/dev/null", "bs=4096", "count=1"})
          .pid();
  const pid_t writer = start_client({"dd", "if=/dev/zero", "of=" + server.mount + "/file",
                                     "bs=4096", "count=1", "conv=notrunc,fsync"})
                           .pid();
  const Json look = look_until([&](const Json& seen) {
    const auto all = requests_of(seen, server);
    return request_by(seen, direct).is_object() && all.size() == 2 &&
           (task(seen, writer).is_object() || request_by(seen, writer).is_object());
  });
  const Json read = request_by(look, direct);
  EXPECT_EQ(read.at("opcode"), "READ");
  EXPECT_EQ(read.at("size"), 4096);
  EXPECT_EQ(read.at("client").at("system_call"), "read");
  EXPECT_EQ(read.at("client").at("path"), server.mount + "/direct");
  const Json blocked = task(look, writer);
  ASSERT_TRUE(blocked.is_object()) << look.dump(1);
  EXPECT_TRUE(blocked.at("waits_for") == "writeback" || blocked.at("waits_for") == "page" ||
              blocked.at("waits_for") == "flush")
      << blocked;
  bool has_write = false;
  for (const Json& one : requests_of(look, server)) has_write |= one.at("opcode") == "WRITE";
  EXPECT_TRUE(has_write);
}

TEST_F(StuckMounts, TasksThatWaitForADirectorysLockAreNamedWithItsHolder) {
  Server& server = start_server("mnt", {"--serial"});
  const pid_t reader = start_client({"ls", server.mount + "/dir"}).pid();
  Json look = look_until([&](const Json& seen) { return request_by(seen, reader).is_object(); });
  const Json request = request_by(look, reader);
  EXPECT_TRUE(request.at("opcode") == "READDIR" || request.at("opcode") == "READDIRPLUS");
  EXPECT_EQ(request.at("client").at("path"), server.mount + "/dir");
  const pid_t second = start_client({"ls", server.mount + "/dir"}).pid();
  look_until([&](const Json& seen) { return task(seen, second).is_object(); });
  const pid_t maker = start_client({"mkdir", server.mount + "/dir/new"}).pid();
  look = look_until([&](const Json& seen) { return task(seen, maker).is_object(); });
  for (const pid_t waiter : {second, maker}) {
    const Json blocked = task(look, waiter);
    ASSERT_TRUE(blocked.is_object()) << waiter << look.dump(1);
    EXPECT_EQ(blocked.at("waits_for"), "inode_lock") << blocked;
    EXPECT_EQ(blocked.at("connection"), server.connection) << blocked;
    EXPECT_EQ(blocked.at("nodeid"), request.at("nodeid")) << blocked;
    EXPECT_FALSE(blocked.at("holder").is_null()) << blocked;
  }
  EXPECT_EQ(task(look, second).at("holder"), reader);
}

TEST_F(StuckMounts, AClientInAPageFaultOfAMappedFileIsNamedAndNotTouched) {
  Server& server = start_server("mnt");
  const pid_t client = start_client({server_program(), "--fault", server.mount + "/file"}).pid();
  const Json look =
      look_until([&](const Json& seen) { return request_by(seen, client).is_object(); });
  const Json request = request_by(look, client);
  EXPECT_EQ(request.at("opcode"), "READ");
  EXPECT_EQ(request.at("client").at("state"), "D");
  EXPECT_TRUE(request.at("client").at("system_call").is_null()) << request;
  EXPECT_NE(kernel_stack(client).find("fault"), std::string::npos) << kernel_stack(client);
}

TEST_F(StuckMounts, AMountInAnotherNamespaceIsSeenWithItsMountPoint) {
  // The test's mount namespace is its own; here the server has yet another.
  const std::string mount_point = make_directory("hidden");
  Process& server = start_client(
      {"unshare", "--mount", "sh", "-c",
       "\"$0\" \"$1\" & until grep -qF \" $1 \" /proc/self/mountinfo; do sleep 0.1; done; "
       "stat \"$1/block\"; kill -9 $!",
       server_program(), mount_point});
  const Json look = look_until([&](const Json& seen) {
    for (const Json& request : seen.at("requests")) {
      if (request.at("mount") == mount_point && request.at("name") == "block") return true;
    }
    return false;
  });
  uint32_t connection = 0;
  for (const Json& request : look.at("requests")) {
    if (request.at("mount") == mount_point) connection = request.at("connection");
  }
  std::ofstream("/sys/fs/fuse/connections/" + std::to_string(connection) + "/abort") << "1";
  server.finish();
}

TEST_F(StuckMounts, CheckEndsWithThreeOnlyWhenSomethingIsOlder) {
  Server& server = start_server("mnt");
  EXPECT_EQ(run(fusetrace({"stuck", "--check", "--older", "1h"})).status, 0);
  start_client({"stat", server.mount + "/block"});
  look_until([&](const Json& seen) { return requests_of(seen, server).size() == 1; });
  Result result;
  EXPECT_TRUE(wait_for([&] {
    result = run(fusetrace({"stuck", "--check", "--older", "1s"}));
    return result.status == 3;
  })) << result.out
      << result.err;
  EXPECT_EQ(result.out.find('\n'), result.out.size() - 1) << result.out;
  EXPECT_TRUE(result.out.starts_with("STUCK: ")) << result.out;
  EXPECT_EQ(run(fusetrace({"stuck", "--check", "--older", "1h"})).status, 0);
  EXPECT_EQ(run(fusetrace({"stuck", "--older", "nonsense"})).status, 2);
}

TEST_F(StuckMounts, AServerOverIoUringThatIsStopped) {
  if (!switch_io_uring_on()) GTEST_SKIP() << "this kernel has no FUSE over io_uring";
  Background bench = start_bench("ring", {"--transport", "io_uring", "--clients", "2"});
  kill(static_cast<pid_t>(bench.server_pid), SIGSTOP);
  const auto over_ring = [&](const Json& seen) {
    size_t found = 0;
    for (const Json& request : seen.at("requests")) {
      found += request.at("connection") == bench.connection &&
               request.at("transport") == "io_uring" && request.at("still_open") == true;
    }
    return found == 2;
  };
  const Json look = look_until(over_ring);
  for (const Json& request : look.at("requests")) {
    if (request.at("connection") != bench.connection) continue;
    EXPECT_EQ(request.at("client").at("comm"), "bench-client") << request;
    EXPECT_EQ(request.at("opcode"), "GETATTR") << request;
    EXPECT_EQ(request.at("kind"), "sync") << request;
  }
  kill(static_cast<pid_t>(bench.server_pid), SIGCONT);
  end_bench(bench);
  switch_io_uring_back();
}

TEST_F(StuckMounts, TheDocumentOfAHangIsAsItsSchemaSays) {
  if (access(STUCK_SCHEMA, R_OK) != 0) GTEST_SKIP() << "no schema in this guest";
  Server& server = start_server("mnt", {"--serial"});
  start_client({"stat", server.mount + "/block"});
  look_until([&](const Json& seen) { return requests_of(seen, server).size() == 1; });
  start_client({"stat", server.mount + "/behind"});
  const auto both = [&](const Json& seen) {
    return requests_of(seen, server).size() == 1 && seen.at("tasks").size() == 1;
  };
  const Json look = look_until(both, {"--stacks"});
  std::ofstream(path("look.json")) << look;
  const Result result = run({"python3", "-c",
                             "import json, sys, jsonschema\n"
                             "schema, document = (json.load(open(name)) for name in sys.argv[1:])\n"
                             "jsonschema.Draft202012Validator(schema).validate(document)\n"
                             "known = set(schema['$defs']['thread']['properties'])\n"
                             "assert set(document['requests'][0]['client']) == known, document\n",
                             STUCK_SCHEMA, path("look.json")});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(StuckMounts, TheProbeForNodesMapsTheExitStatus) {
  if (access(STUCK_PROBE, X_OK) != 0) GTEST_SKIP() << "no probe in this guest";
  setenv("FUSETRACE", fusetrace({})[0].c_str(), 1);
  Server& server = start_server("mnt");
  EXPECT_EQ(run({STUCK_PROBE, "1h"}).status, 0);
  start_client({"stat", server.mount + "/block"});
  Result result;
  EXPECT_TRUE(wait_for([&] {
    result = run({STUCK_PROBE, "1s"});
    return result.status == 1;
  })) << result.out;
  EXPECT_TRUE(result.out.starts_with("STUCK: ")) << result.out;
  EXPECT_EQ(run({STUCK_PROBE, "nonsense"}).status, 2);
  setenv("FUSETRACE", "/nonexistent", 1);
  EXPECT_EQ(run({STUCK_PROBE}).status, 2);
  unsetenv("FUSETRACE");
}

}  // namespace
}  // namespace fusetrace::test
