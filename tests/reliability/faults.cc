// The rows of the matrix.
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/reliability/fault_matrix.h"
#include "tests/reliability/lies.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using Happen = std::function<void(Scene&, milliseconds)>;

void Sleep(milliseconds time) { std::this_thread::sleep_for(time); }

// Does something again and again, at intervals of `every`, the last time a second before the end.
Happen Repeatedly(milliseconds every, std::function<void(Scene&, int)> what) {
  return [every, what = std::move(what)](Scene& scene, milliseconds time) {
    int round = 0;
    for (milliseconds passed{}; passed + every + milliseconds(1000) <= time; passed += every) {
      Sleep(every);
      what(scene, round++);
    }
    Sleep(milliseconds(1000));
  };
}

// The link has the fault for half of the time, in pieces.
Happen LinkHas(LinkFault fault) {
  return Repeatedly(milliseconds(400), [fault](Scene& scene, int round) {
    scene.link->Set(round % 2 == 0 ? fault : LinkFault::kNone);
    if (round % 2 == 1) return;
    Sleep(milliseconds(200));
    scene.link->Set(LinkFault::kNone);
  });
}

void KillAndRestart(Scene& scene, std::size_t classifier, milliseconds gone) {
  scene.classifiers[classifier]->process().Signal(SIGKILL);
  scene.classifiers[classifier]->process().Wait();
  Sleep(gone);
  scene.Restart(classifier);
}

void Freeze(Process& process, milliseconds time) {
  process.Signal(SIGSTOP);
  Sleep(time);
  process.Signal(SIGCONT);
}

// Sends six texts, one after the other, that each crash every classifier that gets them; crashed classifiers are
// started again. Each text may crash two classifiers, and its caller must be told that it failed.
void SendCrashers(Scene& scene, milliseconds time) {
  constexpr int kTexts = 6;
  Sleep(time / 4);
  std::atomic<bool> done = false;
  std::atomic<int> told = 0;
  std::jthread callers([&] {
    for (int i = 0; i < kTexts; ++i) {
      const auto seen = scene.proxy->Classify({"def crash-me " + std::to_string(i)}, "culprit");
      if (seen.status.error_code() == grpc::StatusCode::INTERNAL) ++told;
    }
    done = true;
  });
  int crashes = 0;
  while (!done) {
    for (std::size_t i = 0; i < scene.classifiers.size(); ++i) {
      if (!scene.classifiers[i]->process().Wait(milliseconds(5))) continue;
      ++crashes;
      scene.Restart(i);
    }
  }
  Sleep(time / 4);
  if (told != kTexts) throw std::runtime_error(std::to_string(told) + " of 6 crashers were told that they failed");
  if (crashes > 2 * kTexts) throw std::runtime_error("6 texts crashed " + std::to_string(crashes) + " classifiers");
}

const Flags kQuickTimeout = {"--batch-timeout-seconds", "0.3"};

std::vector<Fault> ClassifierFaults() {
  return {
      {.name = "none", .what = "all is well", .may_fail = false},
      {.name = "killed",
       .what = "the classifier is killed and comes back 200 ms later, in a loop",
       .happen = Repeatedly(milliseconds(600), [](Scene& scene, int) { KillAndRestart(scene, 0, milliseconds(200)); })},
      {.name = "gone",
       .what = "the classifier is away for 1.5 s",
       .happen =
           [](Scene& scene, milliseconds time) {
             Sleep(time / 4);
             KillAndRestart(scene, 0, milliseconds(1500));
             Sleep(time / 4);
           }},
      {.name = "replaced",
       .what = "a newer classifier takes the port over, again and again",
       .happen = Repeatedly(milliseconds(500), [](Scene& scene, int) { scene.Replace(0); }),
       .classifier_flags = {"--share-ports"},
       .may_fail = false},
      {.name = "one-of-three-killed",
       .what = "one of three classifiers is killed, for good",
       .happen =
           [](Scene& scene, milliseconds time) {
             Sleep(time / 3);
             scene.classifiers[0]->process().Signal(SIGKILL);
             Sleep(time * 2 / 3);
           },
       .classifiers = 3,
       .may_fail = false},
      {.name = "one-of-three-stopped",
       .what = "one of three classifiers is told to stop, says so, and comes back, in a loop",
       .happen = Repeatedly(milliseconds(600),
                            [](Scene& scene, int round) {
                              const auto one = static_cast<std::size_t>(round % 3);
                              scene.classifiers[one]->process().Signal(SIGTERM);
                              scene.classifiers[one]->process().Wait();
                              scene.Restart(one);
                            }),
       .classifiers = 3,
       .may_fail = false},
      {.name = "one-of-three-slow",
       .what = "one of three classifiers comes back sixty times as slow",
       .happen =
           [](Scene& scene, milliseconds time) {
             Sleep(time / 2);
             scene.classifier_flags.insert(scene.classifier_flags.end(),
                                           {"--fault-slow-rate", "1", "--fault-slow-factor", "60"});
             KillAndRestart(scene, 0, milliseconds(0));
             Sleep(time / 2);
           },
       .classifiers = 3,
       .may_fail = false},
      {.name = "one-of-three-lies",
       .what = "one of three classifiers answers one result too few, always",
       .classifiers = 2,
       .lie = OneResultTooFew(),
       .may_fail = false},
      {.name = "one-of-three-damages-replies",
       .what =
           "one of three classifiers sends replies that are cut, garbage, not UTF-8 or without a sensible confidence",
       .classifiers = 2,
       .lie = DamagedReplies(),
       .may_fail = false},
      {.name = "one-of-three-sends-too-much",
       .what = "one of three classifiers sends replies of 5 MB, or error texts and metadata of 20 kB",
       .classifiers = 2,
       .lie = OversizedReplies(),
       .may_fail = false},
      {.name = "classifiers-come-and-go",
       .what = "two of three classifiers are taken out of the configuration and put back, in a loop",
       .happen = Repeatedly(milliseconds(100),
                            [](Scene& scene, int round) { scene.NameClassifiers(round % 2 == 0 ? 1 : 3); }),
       .classifiers = 3,
       .classifiers_in_file = true,
       .may_fail = false},
      {.name = "all-classifiers-exchanged",
       .what = "all classifiers are replaced at once by others, in a loop",
       .happen = Repeatedly(milliseconds(100),
                            [](Scene& scene, int round) {
                              const std::size_t first = round % 2 == 0 ? 1 : 0;
                              scene.NameClassifiers(first + 1, first);
                            }),
       .classifiers = 2,
       .classifiers_in_file = true,
       .may_fail = false},
      {.name = "name",
       .what = "the classifier is known by a name, and is killed and comes back 200 ms later, in a loop",
       .happen = Repeatedly(milliseconds(600), [](Scene& scene, int) { KillAndRestart(scene, 0, milliseconds(200)); }),
       .by_name = true,
       .proxy_flags = {"--lookup-seconds", "0.1"}},
      {.name = "frozen",
       .what = "the classifier is frozen for 600 ms, again and again",
       .happen = Repeatedly(milliseconds(800),
                            [](Scene& scene, int) { Freeze(scene.classifiers[0]->process(), milliseconds(600)); }),
       .proxy_flags = kQuickTimeout},
      {.name = "hangs",
       .what = "one batch in twenty never ends",
       .classifier_flags = {"--fault-hang-rate", "0.05"},
       .proxy_flags = kQuickTimeout},
      {.name = "hangs-longer-than-callers-wait",
       .what = "one batch in ten never ends, and callers wait for less than the timeout",
       .classifier_flags = {"--fault-hang-rate", "0.1"},
       .load = {.timeout = milliseconds(700)}},
      {.name = "crashers",
       .what = "six texts crash every classifier that gets them; crashed classifiers are started again",
       .happen = SendCrashers,
       .classifiers = 3,
       .classifier_flags = {"--fault-crash-text", "crash-me"},
       // A classifier that is not back yet refuses its batch, which costs an attempt too.
       .proxy_flags = {"--max-attempts", "8"},
       .may_fail = false},
      {.name = "errors",
       .what = "one batch in five fails with INTERNAL",
       .classifier_flags = {"--fault-error-rate", "0.2"}},
      {.name = "slow",
       .what = "one batch in ten takes twenty times as long",
       .classifier_flags = {"--fault-slow-rate", "0.1", "--fault-slow-factor", "20"},
       .may_fail = false},
  };
}

std::vector<Fault> LinkFaults() {
  return {
      {.name = "delay",
       .what = "every piece on the way is 20 ms late",
       .happen =
           [](Scene& scene, milliseconds time) {
             scene.link->Set(LinkFault::kDelay);
             Sleep(time);
           },
       .link = true,
       .may_fail = false},
      {.name = "stall",
       .what = "nothing passes for 200 ms, again and again",
       .happen = LinkHas(LinkFault::kStall),
       .link = true,
       .may_fail = false},
      {.name = "reset",
       .what = "every connection to the classifier is reset, ten times a second",
       .happen = Repeatedly(milliseconds(100), [](Scene& scene, int) { scene.link->Reset(); }),
       .link = true},
      {.name = "half-open",
       .what = "the connection's other side vanishes silently",
       .happen = Repeatedly(milliseconds(1000), [](Scene& scene, int) { scene.link->Abandon(); }),
       .link = true,
       .proxy_flags = kQuickTimeout},
      {.name = "truncated", .what = "replies end in the middle", .happen = LinkHas(LinkFault::kTruncate), .link = true},
      {.name = "garbage", .what = "replies are other bytes", .happen = LinkHas(LinkFault::kGarbage), .link = true},
  };
}

std::vector<Fault> CallerAndOperatorFaults() {
  return {
      {.name = "callers-leave",
       .what = "half of the callers cancel or have deadlines of milliseconds",
       .load = {.impatient_share = 0.25, .cancelled_share = 0.25}},
      {.name = "overload",
       .what = "many more callers than the queue may hold",
       .proxy_flags = {"--max-queued-requests", "20"},
       .load = {.callers = 100}},
      {.name = "switches",
       .what = "the strategy changes a hundred times a second",
       .happen = Repeatedly(milliseconds(10),
                            [](Scene& scene, int round) {
                              const std::vector<std::string> all = StrategiesThatAnswerAll();
                              scene.proxy->SetStrategy(all[static_cast<std::size_t>(round) % all.size()]);
                            }),
       .may_fail = false},
      {.name = "reloads",
       .what = "the configuration is reloaded fifty times a second, one file in forty being wrong",
       .happen = Repeatedly(milliseconds(20),
                            [](Scene& scene, int round) {
                              std::ofstream(scene.config_file)
                                  << "customers { name: \"customer-1\" weight: " << round % 40 << " }";
                              scene.proxy->process().Signal(SIGHUP);
                            }),
       .may_fail = false},
      {.name = "reloads-of-what-is-no-configuration",
       .what = "the configuration is gone, empty, cut, a folder and a pipe in turn, and reloaded each time",
       .happen = Repeatedly(milliseconds(50),
                            [](Scene& scene, int round) {
                              const std::string& path = scene.config_file;
                              std::filesystem::remove_all(path);
                              if (round % 5 == 1) std::ofstream(path) << "";
                              if (round % 5 == 2) std::ofstream(path) << "customers { name: \"customer-1\" weig";
                              if (round % 5 == 3) std::filesystem::create_directory(path);
                              if (round % 5 == 4) mkfifo(path.c_str(), S_IRUSR | S_IWUSR);
                              scene.proxy->process().Signal(SIGHUP);
                            }),
       .may_fail = false},
      {.name = "proxy-frozen",
       .what = "the proxy is frozen for 300 ms, again and again",
       .happen =
           Repeatedly(milliseconds(600), [](Scene& scene, int) { Freeze(scene.proxy->process(), milliseconds(300)); }),
       .may_fail = false},
      {.name = "log-unread",
       .what = "nobody reads the proxy's standard error, and every call is logged",
       .log_unread = true,
       .proxy_flags = {"--log-level", "debug"},
       .may_fail = false},
      {.name = "proxy-terminated",
       .what = "SIGTERM under load",
       .happen =
           [](Scene& scene, milliseconds time) {
             Sleep(time / 2);
             scene.proxy->process().Signal(SIGTERM);
             Sleep(time / 2);
           },
       .ends_proxy = true},
      {.name = "proxy-killed",
       .what = "SIGKILL under load",
       .happen =
           [](Scene& scene, milliseconds time) {
             Sleep(time / 2);
             scene.proxy->process().Signal(SIGKILL);
             Sleep(time / 2);
           },
       .ends_proxy = true},
  };
}

}  // namespace

std::vector<Fault> AllFaults() {
  std::vector<Fault> all = ClassifierFaults();
  for (const Fault& fault : LinkFaults()) all.push_back(fault);
  for (const Fault& fault : CallerAndOperatorFaults()) all.push_back(fault);
  for (const Fault& fault : ModelFaults()) all.push_back(fault);
  return all;
}

}  // namespace smartbatch::testing
