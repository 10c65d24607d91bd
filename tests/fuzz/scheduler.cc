// A life of the scheduler: the first bytes are its options and backends, the others events. After every event the
// checker of tests/support compares it with its own books.
#include <algorithm>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/scheduler_checker.h"

namespace smartbatch::fuzz {
namespace {

using scheduling::ParameterSpecification;
using scheduling::SchedulerOptions;
using scheduling::StrategyChoice;

constexpr std::uint32_t kLongest = 2000;
// Bounded so that an input takes milliseconds: the checker reads its books after every event.
constexpr int kMostEvents = 200;

SchedulerOptions OptionsOf(Choices& choices) {
  SchedulerOptions options;
  options.max_batch_size = choices.Of({5U, 1U, 2U, 16U, 64U});
  options.max_sequence_length = kLongest;
  options.max_attempts = 1 + choices.Below(4);
  options.max_queued_requests = choices.Of({100'000U, 1U, 3U, 20U});
  options.max_queued_requests_per_customer = choices.Of({100'000U, 1U, 2U, 10U});
  options.max_queued_bytes = choices.Of({1'000'000'000U, 1U, 300U, 2000U});
  options.max_queued_cost = choices.Of({test::kNoCostLimit, Duration(1), Duration(std::chrono::milliseconds(100))});
  options.max_queued_cost_per_customer = choices.Of({test::kNoCostLimit, Duration(std::chrono::milliseconds(50))});
  options.max_idle_accounts = choices.Of({10'000U, 0U, 1U, 3U});
  options.batch_timeout_minimum = choices.Of({Duration(std::chrono::seconds(5)), Duration(1)});
  options.backends.unavailable_after = choices.Of({options.backends.unavailable_after, Duration(1)});
  return options;
}

StrategyChoice StrategyOf(Choices& choices) {
  const auto& all = scheduling::AllStrategies();
  const scheduling::StrategySpecification& specification = all[choices.Below(all.size())];
  StrategyChoice choice{specification.name, {}};
  for (const ParameterSpecification& parameter : specification.parameters) {
    const std::uint8_t place = choices.Byte();
    if (place == 0) continue;  // the default
    double value = parameter.minimum + (parameter.maximum - parameter.minimum) * (place - 1) / 254;
    if (parameter.kind == ParameterSpecification::Kind::kChoice) {
      value = static_cast<double>(place % parameter.choices.size());
    } else if (parameter.kind != ParameterSpecification::Kind::kNumber) {
      value = std::floor(value);
    }
    choice.parameters[parameter.name] = scheduling::FormatValue(parameter, value);
  }
  return choice;
}

class Life {
 public:
  Life(const std::uint8_t* data, std::size_t size)
      : choices_(data, size), options_(OptionsOf(choices_)), checker_(options_) {
    const StrategyChoice start = StrategyOf(choices_);
    scheduler_ = *scheduling::Scheduler::Create(options_, start, &checker_);
    checker_.Promised(PromisesOf(*scheduling::CheckChoice(start)));
    const std::uint32_t backends = 1 + choices_.Below(3);
    for (std::uint32_t i = 0; i < backends; ++i) {
      const std::uint32_t slots = 1 + choices_.Below(3);
      const double terms[] = {0, 0.005, 0.001, 1e-5, 10};
      const CostModel cost{choices_.Of(terms), 1e-6, choices_.Of(terms), choices_.Of(terms)};
      scheduler_->AddBackend("backend", slots, cost);
    }
  }

  void Play() {
    for (int event = 0; event < kMostEvents && !choices_.empty(); ++event) {
      Event();
      Settle();
    }
    Drain();
  }

 private:
  void Event() {
    const std::uint8_t kind = choices_.Byte();
    if (kind < 100) return Offer();
    if (kind < 180) return Complete(choices_.Byte());
    if (kind < 200) return Tick();
    if (kind < 215) return Cancel();
    if (kind < 225) return SetStrategy();
    if (kind < 232) return Follow();
    if (kind < 240) return ConfigureCustomers();
    if (kind < 248) return Reconfigure();
    if (kind < 253) return ChangeBackend();
    if (kind < 254) return scheduler_->StopAccepting();
    Close();
  }

  std::string Customer() { return "customer-" + std::to_string(choices_.Byte() % 200); }

  std::uint32_t Length() {
    const std::uint32_t byte = choices_.Byte();
    return byte < 128 ? byte + 1 : std::min(kLongest, (byte - 127) * 16);
  }

  Duration Gap() {
    const Duration gaps[] = {Duration(0),
                             Duration(1),
                             std::chrono::milliseconds(1),
                             std::chrono::milliseconds(20),
                             std::chrono::milliseconds(300),
                             std::chrono::seconds(3),
                             std::chrono::minutes(2),
                             std::chrono::hours(3)};
    return choices_.Of(gaps);
  }

  void Offer() {
    const std::string customer = Customer();
    std::vector<std::uint32_t> lengths(1 + choices_.Below(8U));
    for (std::uint32_t& length : lengths) length = Length();
    scheduling::Arrival arrival{customer, lengths};
    arrival.bytes = choices_.Byte();
    if (choices_.Chance(64)) arrival.deadline = now_ + Gap();
    const auto answer = scheduler_->Offer(arrival, now_, effects_);
    if (const auto* const id = std::get_if<scheduling::RequestId>(&answer)) ids_.push_back(*id);
    TakeEffects();
  }

  // Half of the values of `code` are OK, the common case; the others give any code.
  void Complete(std::uint8_t code) {
    if (running_.empty()) return Tick();
    const std::size_t place = choices_.Below(running_.size());
    const scheduling::BatchId id = running_[place];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(place));
    now_ += Gap();
    absl::Status status(static_cast<absl::StatusCode>(code < 128 ? 0 : code % 17), "as the input says");
    if (absl::IsUnavailable(status) && code > 192) status = scheduling::Fell(status);
    scheduler_->Complete(id, status, now_, effects_);
    TakeEffects();
  }

  void Tick() {
    const Time due = std::min(ask_again_, scheduler_->NextTick(now_));
    now_ = choices_.Chance(128) && due != kNever ? std::max(now_, due) : now_ + Gap();
    scheduler_->Tick(now_, effects_);
    TakeEffects();
  }

  // Cancels any request, even one that has ended.
  void Cancel() {
    if (ids_.empty()) return;
    const scheduling::RequestId id = ids_[ids_.size() - 1 - choices_.Below(ids_.size())];
    checker_.Cancelling(id);
    scheduler_->Cancel(id, now_, effects_);
    TakeEffects();
  }

  void SetStrategy() {
    const StrategyChoice choice = StrategyOf(choices_);
    const bool validate_only = choices_.Chance(32);
    if (!validate_only) checker_.Promised(PromisesOf(*scheduling::CheckChoice(choice)));
    Require(scheduler_->SetStrategy(choice, 0, validate_only).ok(), "a valid strategy is taken", choice.name);
  }

  void Follow() {
    const auto& all = scheduling::AllStrategies();
    const std::string& name = all[choices_.Below(all.size())].name;
    if (!scheduler_->Follow(name).ok()) return;
    checker_.Promised(PromisesOf(*scheduling::FindStrategy(name)));
  }

  scheduling::CustomerPolicy Policy() {
    const double weights[] = {1, 0.1, 5, 1e-9, 1e9};
    scheduling::CustomerPolicy policy{choices_.Of(weights), choices_.Below(12)};
    if (choices_.Chance(64)) policy.max_queued_requests = 1 + choices_.Below(20);
    return policy;
  }

  void ConfigureCustomers() {
    if (choices_.Chance(128)) return scheduler_->ConfigureCustomer(Customer(), Policy());
    std::map<std::string, scheduling::CustomerPolicy> policies;
    for (std::uint32_t i = choices_.Below(4); i > 0; --i) policies[Customer()] = Policy();
    scheduler_->ConfigureCustomers(policies);
  }

  void Reconfigure() {
    SchedulerOptions changed = OptionsOf(choices_);
    changed.max_batch_size = options_.max_batch_size;
    changed.max_idle_accounts = options_.max_idle_accounts;
    options_ = changed;
    checker_.Reconfigured(options_);
    const absl::Status status = scheduler_->Reconfigure(options_);
    Require(status.ok(), "valid options are taken", status.ToString());
  }

  // The batches of a removed backend end as they would have.
  void ChangeBackend() {
    const auto& backends = scheduler_->backends().backends();
    if (backends.size() < 2) return;
    const scheduling::BackendId id = 1 + choices_.Below(backends.size() - 1);  // the first one stays
    if (backends[id].removed) return;
    if (choices_.Byte() < 128) {
      scheduler_->RemoveBackend(id);
    } else {
      scheduler_->SetSlots(id, 1 + static_cast<std::uint32_t>(choices_.Below(4)));
    }
  }

  void Close() {
    checker_.Closing();
    scheduler_->Close(now_, effects_);
    TakeEffects();
    Require(checker_.unfinished() == 0, "closing ends every request");
  }

  // Does what the owner of a scheduler does: ticks when the timer is due, sends until there is nothing to send.
  void Settle() {
    if (scheduler_->NextTick(now_) <= now_) {
      scheduler_->Tick(now_, effects_);
      TakeEffects();
    }
    ask_again_ = kNever;
    for (;;) {
      const scheduling::Step step = scheduler_->Next(now_);
      if (const auto* const batch = std::get_if<scheduling::Batch>(&step)) {
        running_.push_back(batch->id);
        continue;
      }
      if (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) ask_again_ = wait->time;
      checker_.Settled(*scheduler_, step, now_);
      Require(checker_.violations().empty(), "the scheduler's promises", checker_.Summary());
      return;
    }
  }

  void TakeEffects() {
    for (const scheduling::BatchId id : effects_.abandoned) {
      Require(std::find(running_.begin(), running_.end(), id) != running_.end(), "what is abandoned runs");
    }
    effects_ = {};
  }

  // The input is over, so that every batch is answered now.
  void Drain() {
    for (;;) {
      const Time due = std::min(ask_again_, scheduler_->NextTick(now_));
      if (!running_.empty()) {
        Complete(0);
      } else if (scheduler_->pending().unfinished_requests() > 0) {
        Require(due != kNever, "what waits is served in the end");
        now_ = std::max(now_, due);
        scheduler_->Tick(now_, effects_);
        TakeEffects();
      } else {
        return;
      }
      Settle();
    }
  }

  Choices choices_;
  SchedulerOptions options_;
  test::SchedulerChecker checker_;
  std::unique_ptr<scheduling::Scheduler> scheduler_;
  scheduling::Effects effects_;
  std::vector<scheduling::BatchId> running_;
  std::vector<scheduling::RequestId> ids_;
  Time now_{};
  Time ask_again_ = kNever;
};

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::Life(data, size).Play();
  return 0;
}
