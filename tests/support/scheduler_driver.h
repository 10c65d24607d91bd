// A random life of a scheduler: everything that can happen to it, in virtual time, from one seed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/random.h"
#include "services/proxy/scheduling/scheduler.h"
#include "tests/support/scheduler_checker.h"

namespace smartbatch::test {

// What happens, and how often; the rest of the events are arrivals and ends of batches.
struct DriverOptions {
  std::uint64_t seed = 1;
  std::uint64_t events = 500;
  // The strategy at the start, which need not be one of AllStrategies; any if there is none.
  std::optional<scheduling::CheckedChoice> strategy;
  // For controls: holds it to these promises and not to its own.
  std::optional<scheduling::StrategyPromises> promises;
  bool switches = true;
  bool cancels = true;
  bool deadlines = true;
  // Backends that fail, hang, go and come back, are unhealthy, are removed and added.
  bool backend_faults = true;
  // Sequences that fail every batch they are in.
  bool poison = true;
  // Sequences that crash every backend that gets them.
  bool crashers = true;
  bool configuration = true;
  // The number of kinds of requests; kinds never share a batch.
  std::uint32_t kinds = 1;
  // The largest requests have this many times the sequences of a batch; 8 sequences at most if that is 0.
  std::uint32_t batches_of_a_request = 0;
  // Ends by Close with work in the queue, instead of waiting until all is done.
  bool close = false;
};

// Plays a number of events and then lets everything end. The scheduler's options, backends and customers are also drawn
// from the seed. The same options give the same life.
class SchedulerDriver {
 public:
  explicit SchedulerDriver(const DriverOptions& options);

  // Plays all events; stops at the first violation.
  void Play();

  SchedulerChecker& checker() { return *checker_; }
  const scheduling::Scheduler& scheduler() const { return *scheduler_; }
  // Batches whose backend crashed because of a crasher.
  std::uint64_t crashes() const { return crashes_; }
  std::uint64_t offered_crashers() const { return offered_crashers_; }
  // Of requests without a poisoned sequence or a crasher: how many ended because a backend failed.
  std::uint64_t innocent_failures() const { return innocent_failures_; }
  std::uint64_t poisoned_answers() const { return poisoned_answers_; }
  // Of requests with more sequences than a batch.
  std::uint64_t cut_answers() const { return cut_answers_; }
  Time now() const { return now_; }
  std::uint64_t events() const { return events_; }

  // For controls: puts an observer between the scheduler and the checker, which must pass everything on to the checker.
  // Call it before Play.
  void Interpose(scheduling::SchedulerObserver* between) { between_ = between; }

 private:
  struct Running {
    scheduling::BatchId id = 0;
    scheduling::BackendId backend = 0;
    bool poisoned = false;
    bool crashes = false;
    bool too_large = false;
    bool abandoned = false;
  };
  struct Live {
    scheduling::RequestId id;
    bool poisoned = false;
    bool is_cut = false;
  };

  void Start();
  void Event();
  void Offer();
  void EndBatch();
  void Cancel();
  void SwitchStrategy();
  void Configure();
  void Wait();
  void ToggleBackend();
  void AddBackend();
  scheduling::BackendId AnyBackend();
  void Drain();
  void Close();
  void Settle();
  void TakeEffects();
  std::uint32_t DrawLength();
  std::uint32_t LargestRequest() const;

  const DriverOptions options_;
  Random random_;
  scheduling::SchedulerOptions scheduler_options_;
  std::unique_ptr<SchedulerChecker> checker_;
  scheduling::SchedulerObserver* between_ = nullptr;
  std::unique_ptr<scheduling::Scheduler> scheduler_;

  Time now_{};
  Time ask_again_ = kNever;
  std::uint32_t customers_ = 1;
  std::uint32_t longest_ = 1000;
  std::vector<bool> backend_is_gone_;         // by BackendId
  std::vector<std::uint32_t> largest_batch_;  // that the backend takes, by BackendId
  std::vector<Running> running_;
  std::vector<Live> live_;
  scheduling::Effects effects_;
  std::uint64_t events_ = 0;
  std::uint64_t innocent_failures_ = 0;
  std::uint64_t poisoned_answers_ = 0;
  std::uint64_t cut_answers_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t offered_crashers_ = 0;
};

}  // namespace smartbatch::test
