#include "tests/reliability/fault_matrix.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::testing {
namespace {

Flags WithCost(const Flags& flags) {
  Flags all = {"--cost-fixed", "0.005", "--cost-quadratic", "0"};
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}

// A proxy that speaks the Open Inference Protocol on both sides.
std::unique_ptr<Scene> MakeModelScene(const Fault& fault) {
  auto scene = std::make_unique<Scene>();
  Flags proxy_flags = {"--strategy",    "density", "--max-batch-size", "8",    "--pad-input", "ids",
                       "--trim-output", "squares", "--cost-fixed",     "0.005"};
  for (int i = 0; i < fault.models; ++i) {
    ScriptedModel& model = *scene->models.emplace_back(std::make_unique<ScriptedModel>());
    model.Take(std::chrono::milliseconds(5));
    std::string address = model.address();
    if (i == 0 && fault.link) {
      scene->link = std::make_unique<FaultyLink>(address);
      address = scene->link->address();
    }
    proxy_flags.insert(proxy_flags.end(), {"--backend", "oip://" + address + "/m"});
  }
  proxy_flags.insert(proxy_flags.end(), fault.proxy_flags.begin(), fault.proxy_flags.end());
  scene->proxy = std::make_unique<ProxyProcess>("", proxy_flags);
  return scene;
}

std::unique_ptr<Scene> MakeScene(const Fault& fault) {
  if (fault.models > 0) return MakeModelScene(fault);
  auto scene = std::make_unique<Scene>();
  scene->classifier_flags = WithCost(fault.classifier_flags);
  Flags proxy_flags = {"--strategy", "density"};
  for (int i = 0; i < fault.classifiers; ++i) {
    scene->classifiers.push_back(std::make_unique<ClassifierProcess>(scene->classifier_flags));
    if (i > 0 && !fault.classifiers_in_file) {
      proxy_flags.insert(proxy_flags.end(), {"--backend", scene->classifiers.back()->address()});
    }
  }
  std::string address = scene->classifiers[0]->address();
  if (fault.link) {
    scene->link = std::make_unique<FaultyLink>(address);
    address = scene->link->address();
  }
  scene->config_file =
      (std::filesystem::temp_directory_path() / ("reliability-" + std::to_string(getpid()) + ".textproto")).string();
  std::ofstream(scene->config_file) << "drain_seconds: 10";
  if (fault.classifiers_in_file) {
    scene->NameClassifiers(scene->classifiers.size());
    address.clear();
  }
  if (fault.lie) {
    scene->liar = std::make_unique<RawClassifier>(fault.lie);
    proxy_flags.insert(proxy_flags.end(), {"--backend", scene->liar->address()});
  }
  if (fault.by_name) address = "dns:///localhost" + address.substr(address.rfind(':'));
  proxy_flags.insert(proxy_flags.end(), {"--config", scene->config_file, "--cost-fixed", "0.005"});
  proxy_flags.insert(proxy_flags.end(), fault.proxy_flags.begin(), fault.proxy_flags.end());
  if (fault.log_unread) {
    scene->log_reader = std::make_unique<LogReader>();
    scene->proxy = scene->log_reader->Start<ProxyProcess>(address, proxy_flags);
  } else {
    scene->proxy = std::make_unique<ProxyProcess>(address, proxy_flags);
  }
  return scene;
}

// Requests that the proxy still has in its books once every call has ended.
std::uint64_t LeftInTheBooks(ProxyProcess& proxy) {
  if (proxy.WaitForUnfinished(0)) return 0;
  const auto outcomes = proxy.Status().outcomes();
  return outcomes.offered() - outcomes.answered() - outcomes.rejected() - outcomes.expired() - outcomes.cancelled() -
         outcomes.backend_failed() - outcomes.shut_down() - outcomes.shed();
}

}  // namespace

void Scene::Restart(std::size_t classifier) {
  const std::string address = classifiers[classifier]->address();
  classifiers[classifier].reset();
  classifiers[classifier] = std::make_unique<ClassifierProcess>(classifier_flags, address);
}

void Scene::Replace(std::size_t classifier) {
  auto newer = std::make_unique<ClassifierProcess>(classifier_flags, classifiers[classifier]->address());
  classifiers[classifier]->process().Signal(SIGTERM);
  classifiers[classifier]->process().Wait();
  classifiers[classifier] = std::move(newer);
}

void Scene::NameClassifiers(std::size_t end, std::size_t first) const {
  std::ofstream file(config_file);
  for (std::size_t i = first; i < end; ++i) file << "backends { address: \"" << classifiers[i]->address() << "\" }\n";
  file.close();
  if (proxy) proxy->process().Signal(SIGHUP);
}

std::vector<std::string> StrategiesThatAnswerAll() {
  std::vector<std::string> names;
  for (const scheduling::StrategySpecification& strategy : scheduling::AllStrategies()) {
    if (!PromisesOf(strategy).gives_up) names.push_back(strategy.name);
  }
  return names;
}

Tally Play(const Fault& fault, std::chrono::milliseconds time) {
  const std::unique_ptr<Scene> scene = MakeScene(fault);
  LoadOptions options = fault.load;
  if (fault.models > 0) {
    options.model = "m";
    options.open_inference = true;
  }
  Load load(scene->proxy->address(), options);
  if (fault.happen) {
    fault.happen(*scene, time);
  } else {
    std::this_thread::sleep_for(time);
  }
  load.Stop();
  std::remove(scene->config_file.c_str());

  Tally tally;
  tally.sent = load.issued();
  tally.answered = load.ended(grpc::StatusCode::OK);
  // If callers wait for less than the proxy may take, their time is over on both sides at once, and a call that ends
  // without an answer from the proxy proves nothing: only the proxy's books then show what is lost.
  const bool leave =
      fault.load.cancelled_share > 0 || fault.load.impatient_share > 0 || fault.load.timeout < LoadOptions().timeout;
  if (leave) tally.left = load.ended(grpc::StatusCode::CANCELLED) + load.ended(grpc::StatusCode::DEADLINE_EXCEEDED);
  const std::uint64_t unanswered = leave ? 0 : load.unanswered();
  tally.failed = load.ended() - tally.answered - tally.left - unanswered;
  tally.lost = (load.issued() - load.ended()) + unanswered + load.wrong();
  if (!fault.ends_proxy) tally.lost += LeftInTheBooks(*scene->proxy);
  tally.ways = load.Describe();
  return tally;
}

std::string Verdict(const Fault& fault, const Tally& tally) {
  if (tally.lost > 0) return "requests were lost";
  if (tally.answered == 0) return "nothing was answered";
  if (!fault.may_fail && tally.failed > 0) return "requests failed under a fault that must not fail any";
  if (tally.answered + tally.failed + tally.left != tally.sent) return "the figures do not add up";
  return "";
}

}  // namespace smartbatch::testing
