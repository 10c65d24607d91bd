// Faults between callers, proxy and classifiers, and what the callers may see of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/load.h"
#include "tests/integration/stack.h"
#include "tests/reliability/faulty_link.h"
#include "tests/reliability/log_reader.h"
#include "tests/support/raw_classifier.h"
#include "tests/support/scripted_model.h"

namespace smartbatch::testing {

// Real programs on loopback, with something that misbehaves between them.
struct Scene {
  std::vector<std::unique_ptr<ClassifierProcess>> classifiers;
  Flags classifier_flags;
  // Between the proxy and its first classifier or server, if the fault asks for it.
  std::unique_ptr<FaultyLink> link;
  // Reads nothing, if the fault asks for it.
  std::unique_ptr<LogReader> log_reader;
  std::unique_ptr<ProxyProcess> proxy;
  std::string config_file;

  // One more classifier, which lies, if the fault has a lie.
  std::unique_ptr<RawClassifier> liar;
  // Servers of the Open Inference Protocol in place of the classifiers, if the fault asks for them.
  std::vector<std::unique_ptr<ScriptedModel>> models;

  // Starts the classifier again, at the address where it was.
  void Restart(std::size_t classifier);
  // Starts a newer classifier that takes over the address, and ends the older one; needs --share-ports.
  void Replace(std::size_t classifier);
  // The configuration file names the classifiers from `first` to before `end`, and the proxy is told to read it again.
  void NameClassifiers(std::size_t end, std::size_t first = 0) const;
};

// How the calls of one row ended.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  // Answered with an error.
  std::uint64_t failed = 0;
  // Abandoned by the caller.
  std::uint64_t left = 0;
  // Never answered, or answered with another call's results, or still in the proxy's books in the end.
  std::uint64_t lost = 0;
  std::string ways;  // how the calls ended that were not answered
};

struct Fault {
  std::string name;
  // The fault in a few words, for the table.
  std::string what;
  // Happens while the load runs, for about `time`. Empty if the flags are the fault.
  std::function<void(Scene& scene, std::chrono::milliseconds time)> happen = {};
  int classifiers = 1;
  // If above 0: there are so many servers of the Open Inference Protocol, and no classifiers; the load speaks it too.
  int models = 0;
  bool link = false;
  // The answers of one more classifier.
  RawClassifier::Answer lie = {};
  // Nobody reads what the proxy logs.
  bool log_unread = false;
  // The classifiers stand in the configuration file and not in flags, so that a reload can change them.
  bool classifiers_in_file = false;
  // The one classifier is given by a name that is looked up.
  bool by_name = false;
  Flags classifier_flags = {};
  Flags proxy_flags = {};
  LoadOptions load = {};
  // Calls may fail.
  bool may_fail = true;
  // The proxy has ended afterwards.
  bool ends_proxy = false;
};

std::vector<Fault> AllFaults();
// Those of them that concern servers of the Open Inference Protocol.
std::vector<Fault> ModelFaults();

// The strategies that give no request up: whatever is switched among them, every request that can be is answered.
std::vector<std::string> StrategiesThatAnswerAll();

// Plays one fault, for about that long.
Tally Play(const Fault& fault, std::chrono::milliseconds time);

// Returns what the row has broken, in a sentence; empty if it is as it should be.
std::string Verdict(const Fault& fault, const Tally& tally);

}  // namespace smartbatch::testing
