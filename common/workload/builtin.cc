#include <functional>
#include <string>
#include <utility>

#include "common/workload/workload.h"

namespace smartbatch::workload {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// `def foo(): pass` (15 characters) or `hello world` (11), cut to 5..15.
RequestModel SmallSnippets() { return {1, 3, CutTextLength{{15, 11}, 5, 15}}; }
// A class of 558 characters or a function of 116.
RequestModel LargeBlocks() { return {2, 5, EitherLength{0.3, 558, 116}}; }
RequestModel MixedLengths() { return {1, 5, LognormalLength{80, 1.0, 10, 2000}}; }
RequestModel Mouse() { return {1, 2, UniformLength{10, 60}}; }
RequestModel Elephant() { return {2, 5, UniformLength{300, 800}}; }
RequestModel Victim() { return {1, 5, LognormalLength{80, 0.8, 10, 1000}}; }

// Context tokens of the Azure LLM inference trace of 2023 by their published quantiles (Patel et al., "Splitwise", ISCA
// 2024; the trace: AzurePublicDataset, CC-BY 4.0).
RequestModel AzureCode() {
  return {1, 1,
          QuantileLength{{{1, 17}, {10, 147}, {25, 578}, {50, 1469}, {75, 2744}, {90, 5186}, {99, 7436}, {100, 7437}}}};
}
RequestModel AzureConversation() {
  return {
      1, 1,
      QuantileLength{{{1, 29}, {10, 207}, {25, 396}, {50, 1020}, {75, 1189}, {90, 2734}, {99, 4142}, {100, 14050}}}};
}

// A group of like customers; `share` is the group's part of all requests. They are numbered if the prefix ends with
// '-'.
struct Group {
  std::string prefix;
  int customers = 1;
  double share = 1;
  RequestModel requests;
};

std::string NameOf(const Group& group, int index) {
  return group.prefix.ends_with('-') ? NumberedName(group.prefix, index) : group.prefix;
}

using ArrivalsAtRate = std::function<ArrivalModel(double)>;

ArrivalModel PoissonAt(double rate) { return Poisson{rate}; }
// Burstier than Poisson: the standard deviation of the gaps is 1.41 times their mean.
ArrivalModel GammaAt(double rate) { return GammaGaps{rate, 0.5}; }
// On for a third of the time: 2.6 / 3 + 0.2 * 2 / 3 = 1.
ArrivalModel BurstyAt(double rate) { return OnOff{2.6 * rate, 0.2 * rate, seconds(2), seconds(4)}; }

// The rate, in requests a second, at which the groups together offer rho.
double RateFor(const std::vector<Group>& groups, double rho, const BuiltinOptions& options) {
  double seconds_a_request = 0;
  for (const Group& group : groups) {
    seconds_a_request +=
        group.share * MomentsOf(group.requests, options.cost, options.max_batch_size).mean_packed_seconds;
  }
  return rho / seconds_a_request;
}

void AddOpenLoop(Workload& workload, const std::vector<Group>& groups, double rho, const BuiltinOptions& options,
                 const ArrivalsAtRate& arrivals, const Presence& presence = {}) {
  const double rate = RateFor(groups, rho, options);
  for (const Group& group : groups) {
    for (int i = 0; i < group.customers; ++i) {
      workload.customers.push_back(
          {NameOf(group, i), arrivals(rate * group.share / group.customers), group.requests, presence});
    }
  }
}

void AddClosedLoop(Workload& workload, int customers_of_each_kind) {
  for (int i = 0; i < customers_of_each_kind; ++i) {
    const bool one = customers_of_each_kind == 1;
    workload.customers.push_back({one ? "A" : NumberedName("A", i), ClosedLoop{milliseconds(330)}, SmallSnippets()});
    workload.customers.push_back({one ? "B" : NumberedName("B", i), ClosedLoop{milliseconds(670)}, LargeBlocks()});
  }
}

std::vector<Group> SeedGroups() {
  return {{"small-", 8, 2.0 / 3.0, SmallSnippets()}, {"large-", 4, 1.0 / 3.0, LargeBlocks()}};
}
std::vector<Group> MixedGroups() { return {{"customer-", 20, 1, MixedLengths()}}; }
std::vector<Group> ElephantGroups() { return {{"mouse-", 190, 0.9, Mouse()}, {"elephant-", 10, 0.1, Elephant()}}; }

// The hour of the trace has 8,819 requests of code and 19,366 of conversation.
std::vector<Group> AzureGroups() {
  constexpr double kCodeShare = 8819.0 / (8819 + 19366);
  return {{"code", 1, kCodeShare, AzureCode()}, {"conversation", 1, 1 - kCodeShare, AzureConversation()}};
}

constexpr double kVictimsRho = 0.4;

void AddFlood(Workload& workload, std::uint32_t length, const BuiltinOptions& options, const Presence& presence = {}) {
  AddOpenLoop(workload, {{"victim-", 10, 1, Victim()}}, kVictimsRho, options, PoissonAt, presence);
  const std::uint32_t spread = length / 10;
  const RequestModel flooder{5, 5, UniformLength{length - spread, length + spread}};
  const double rate = RateFor({{"", 1, 1, flooder}}, options.rho, options);
  workload.customers.push_back({"flooder", Poisson{rate}, flooder, presence});
}

constexpr double kLightRho = 0.3;

void AddChanging(Workload& workload, const BuiltinOptions& options) {
  constexpr std::chrono::minutes kPhase{3};
  const auto phase = [&](int number) { return Presence{4 * kPhase, number * kPhase, (number + 1) * kPhase}; };
  AddOpenLoop(workload, MixedGroups(), kLightRho, options, PoissonAt, phase(0));
  AddFlood(workload, 300, options, phase(1));
  AddOpenLoop(workload, ElephantGroups(), options.rho, options, PoissonAt, phase(2));
  AddOpenLoop(workload, SeedGroups(), options.rho, options, BurstyAt, phase(3));
}

struct Builtin {
  BuiltinDescription description;
  std::function<void(Workload&, const BuiltinOptions&)> fill;
};

const std::vector<Builtin>& Table() {
  static const std::vector<Builtin>* const table = new std::vector<Builtin>{
      {{"two-customers", "closed loop: A sends 1 to 3 small snippets and thinks 0.33 s, B 2 to 5 large blocks, 0.67 s",
        true},
       [](Workload& w, const BuiltinOptions&) { AddClosedLoop(w, 1); }},
      {{"eight-and-eight", "closed loop: 8 customers like A and 8 like B of two-customers", true},
       [](Workload& w, const BuiltinOptions&) { AddClosedLoop(w, 8); }},
      {{"seedopen", "open loop, Poisson: 8 customers of small snippets (2/3 of the requests), 4 of large blocks",
        false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, SeedGroups(), o.rho, o, PoissonAt); }},
      {{"mixed", "open loop, Poisson: 20 customers, 1 to 5 sequences of lognormal lengths (median 80, sigma 1)", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, MixedGroups(), o.rho, o, PoissonAt); }},
      {{"elephants", "open loop, Poisson: 190 customers of 10 to 60 characters, 10 of 300 to 800", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, ElephantGroups(), o.rho, o, PoissonAt); }},
      {{"burstyseed", "seedopen in bursts: a third of the time 2.6 times the mean rate, else 0.2 times", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, SeedGroups(), o.rho, o, BurstyAt); }},
      {{"burstymixed", "mixed in bursts: a third of the time 2.6 times the mean rate, else 0.2 times", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, MixedGroups(), o.rho, o, BurstyAt); }},
      {{"burstyelephants", "elephants in bursts: a third of the time 2.6 times the mean rate, else 0.2 times", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, ElephantGroups(), o.rho, o, BurstyAt); }},
      {{"flood-short", "10 victims at rho 0.4 together, and one that floods at rho with 5 sequences of about 20",
        false},
       [](Workload& w, const BuiltinOptions& o) { AddFlood(w, 20, o); }},
      {{"flood-long", "10 victims at rho 0.4 together, and one that floods at rho with 5 sequences of about 300",
        false},
       [](Workload& w, const BuiltinOptions& o) { AddFlood(w, 300, o); }},
      {{"changing",
        "3 minutes each in turn: mixed at rho 0.3, flood-long, elephants, burstyseed; each with customers of its own",
        false},
       AddChanging},
      {{"azure2023",
        "open loop, Poisson: 2 tenants, code and conversation, with the lengths of Azure's trace of 2023 in tokens",
        false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, AzureGroups(), o.rho, o, PoissonAt); }},
      {{"azure2023-gamma", "azure2023 with gaps of a gamma distribution of shape 0.5, burstier than Poisson", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, AzureGroups(), o.rho, o, GammaAt); }},
      {{"azure2023-bursty", "azure2023 in bursts: a third of the time 2.6 times the mean rate, else 0.2 times", false},
       [](Workload& w, const BuiltinOptions& o) { AddOpenLoop(w, AzureGroups(), o.rho, o, BurstyAt); }},
  };
  return *table;
}

}  // namespace

const std::vector<BuiltinDescription>& Builtins() {
  static const std::vector<BuiltinDescription>* const descriptions = [] {
    auto* list = new std::vector<BuiltinDescription>;
    for (const Builtin& builtin : Table()) list->push_back(builtin.description);
    return list;
  }();
  return *descriptions;
}

Workload MakeBuiltin(const std::string& name, const BuiltinOptions& options) {
  Workload workload;
  for (const Builtin& builtin : Table()) {
    if (builtin.description.name != name) continue;
    workload.name = name;
    workload.description = builtin.description.description;
    builtin.fill(workload, options);
  }
  return workload;
}

}  // namespace smartbatch::workload
