#include "services/proxy/simulation/replay.h"

#include <memory>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "services/proxy/simulation/advisor.h"
#include "services/proxy/simulation/log_lines.h"

namespace smartbatch::simulation {
namespace {

using log_lines::Asked;
using log_lines::BackendAdded;
using log_lines::BackendHealth;
using log_lines::BackendHeldBack;
using log_lines::BackendRemoved;
using log_lines::BackendSlots;
using log_lines::BatchEnded;
using log_lines::BatchSent;
using log_lines::Dropped;
using log_lines::Event;
using log_lines::Follows;
using log_lines::ParseLine;
using log_lines::Reconfigured;
using log_lines::RequestAccepted;
using log_lines::RequestEnded;
using log_lines::Sent;
using log_lines::Start;
using log_lines::StrategySet;
using log_lines::TimeOf;
using scheduling::Outcome;

std::string Describe(const BatchSent& batch) {
  const std::string members = absl::StrJoin(batch.members, " ", [](std::string* out, const auto& member) {
    absl::StrAppend(out, member.first, ".", member.second);
  });
  return absl::StrCat("batch ", batch.batch, " at ", ToMilliseconds(batch.time.time_since_epoch()), " ms by ",
                      batch.strategy, " to backend ", batch.backend, " (", batch.reason, "): ", members);
}

bool Same(const BatchSent& left, const BatchSent& right) {
  return left.time == right.time && left.batch == right.batch && left.strategy == right.strategy &&
         left.backend == right.backend && left.members == right.members && left.reason == right.reason;
}

class Replayer {
 public:
  explicit Replayer(const std::optional<scheduling::StrategyChoice>& instead) : instead_(instead) {}

  // Returns false when there is nothing more to compare.
  absl::StatusOr<bool> Take(const Event& event) {
    if (const auto* const start = std::get_if<Start>(&event)) {
      if (scheduler_ != nullptr) return absl::InvalidArgumentError("the log starts twice; replay its parts one by one");
      return Begin(*start);
    }
    if (const std::optional<Time> time = TimeOf(event); time && *time < now_) {
      return absl::InvalidArgumentError("its time is before that of the line above");
    }
    if (scheduler_ == nullptr) return absl::InvalidArgumentError("the log must begin with the event 'start'");
    if (const auto* const sent = std::get_if<BatchSent>(&event)) return Expect(*sent);
    if (const auto* const dropped = std::get_if<Dropped>(&event)) {
      result_.ended_early = absl::StrCat(dropped->lines, " lines are missing");
      return false;
    }
    // The devices are asked before the scheduler is, at one moment.
    if (const auto* const held = std::get_if<BackendHeldBack>(&event)) return HoldBack(*held);
    // Several requests may end at one moment before the scheduler is asked.
    const auto* const ended = std::get_if<RequestEnded>(&event);
    const bool same_moment = ended != nullptr && ended->time == now_;
    if (!same_moment && !AskedForNothingMore()) return false;
    // After a new strategy, configuration or backend the scheduler is asked at the moment that the next line gives.
    ask_is_due_ = !std::holds_alternative<StrategySet>(event) && !std::holds_alternative<Follows>(event) &&
                  !std::holds_alternative<Reconfigured>(event) && !std::holds_alternative<BackendAdded>(event) &&
                  !std::holds_alternative<BackendRemoved>(event) && !std::holds_alternative<BackendSlots>(event);
    // A shed request makes room for the request of the next line.
    if (ended != nullptr && ended->outcome == Outcome::kShed) ask_is_due_ = false;
    if (absl::Status status = std::visit([this](const auto& told) { return Tell(told); }, event); !status.ok()) {
      return status;
    }
    for (const scheduling::Finished& finished : effects_.finished) is_finished_[finished.id.number - 1] = true;
    effects_ = {};
    return true;
  }
  // The log has ended.
  void Finish() {
    if (scheduler_ != nullptr) AskedForNothingMore();
  }

  ReplayResult result() && { return std::move(result_); }

 private:
  absl::StatusOr<bool> Begin(const Start& start) {
    const scheduling::StrategyChoice& strategy = instead_.value_or(start.strategy);
    auto scheduler = scheduling::Scheduler::Create(WithoutQueueLimits(start.options), strategy, nullptr);
    if (!scheduler.ok()) return scheduler.status();
    scheduler_ = *std::move(scheduler);
    for (const auto& [name, policy] : start.customers) scheduler_->ConfigureCustomer(name, policy);
    return true;
  }

  // --- What happened, told to the scheduler ---

  absl::Status Tell(const BackendAdded& added) {
    if (scheduler_->AddBackend(added.name, added.slots, added.cost) != added.backend) {
      return absl::InvalidArgumentError(absl::StrCat("backend ", added.backend, " was added out of order"));
    }
    return absl::OkStatus();
  }
  absl::Status Tell(const BackendRemoved& removed) {
    if (auto known = CheckBackend(removed.backend); !known.ok()) return known;
    scheduler_->RemoveBackend(removed.backend);
    return absl::OkStatus();
  }
  absl::Status Tell(const BackendSlots& changed) {
    if (auto known = CheckBackend(changed.backend); !known.ok()) return known;
    scheduler_->SetSlots(changed.backend, changed.slots);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> HoldBack(const BackendHeldBack& held) {
    if (auto known = CheckBackend(held.backend); !known.ok()) return known;
    scheduler_->HoldBack(held.backend, held.held_back);
    return true;
  }
  absl::Status Tell(const BackendHealth& health) {
    now_ = health.time;
    if (auto known = CheckBackend(health.backend); !known.ok()) return known;
    const auto report = health.healthy ? scheduling::HealthReport::kServing : scheduling::HealthReport::kNotServing;
    scheduler_->ReportHealth(health.backend, report, now_, effects_);
    return absl::OkStatus();
  }
  absl::Status CheckBackend(scheduling::BackendId backend) const {
    if (backend < scheduler_->backends().backends().size()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("there is no backend ", backend));
  }
  absl::Status Tell(const RequestAccepted& accepted) {
    now_ = accepted.time;
    if (accepted.lengths.empty() || accepted.lengths.size() > scheduling::kMostSequences) {
      return absl::InvalidArgumentError(absl::StrCat("a request of ", accepted.lengths.size(), " sequences"));
    }
    const auto answer =
        scheduler_->Offer({accepted.customer, accepted.lengths, accepted.deadline, 0, accepted.kind}, now_, effects_);
    const auto* const id = std::get_if<scheduling::RequestId>(&answer);
    if (id == nullptr || id->number - 1 != accepted.request) {
      return absl::InvalidArgumentError(absl::StrCat("request ", accepted.request, " was accepted out of order"));
    }
    ids_.push_back(*id);
    is_finished_.push_back(false);
    ++result_.requests;
    return absl::OkStatus();
  }
  absl::Status Tell(const BatchEnded& ended) {
    now_ = ended.time;
    if (running_.erase(ended.batch) == 0) {
      return absl::InvalidArgumentError(absl::StrCat("batch ", ended.batch, " ended but was not running"));
    }
    const absl::Status status(ended.status, "as logged");
    scheduler_->Complete(ended.batch, ended.fell ? scheduling::Fell(status) : status, now_, effects_);
    return absl::OkStatus();
  }
  absl::Status Tell(const RequestEnded& ended) {
    now_ = ended.time;
    if (ended.request >= ids_.size()) {
      return absl::InvalidArgumentError(absl::StrCat("request ", ended.request, " ended but never came"));
    }
    // Many ends follow from earlier lines: a request failed with its batch.
    if (is_finished_[ended.request]) return absl::OkStatus();
    if (ended.outcome == Outcome::kCancelled || ended.outcome == Outcome::kShed) {
      scheduler_->Cancel(ids_[ended.request], now_, effects_);
    } else if (ended.outcome == Outcome::kShutDown) {
      scheduler_->Close(now_, effects_);
    } else {
      scheduler_->Tick(now_, effects_);
    }
    return absl::OkStatus();
  }
  absl::Status Tell(const StrategySet& set) {
    return scheduler_->SetStrategy(instead_.value_or(set.strategy)).status();
  }
  absl::Status Tell(const Follows& follows) {
    return instead_ ? absl::OkStatus() : scheduler_->Follow(follows.strategy);
  }
  absl::Status Tell(const Reconfigured& reconfigured) {
    scheduler_->ConfigureCustomers(reconfigured.customers);
    return scheduler_->Reconfigure(WithoutQueueLimits(reconfigured.options));
  }
  absl::Status Tell(const Asked& asked) {
    now_ = asked.time;
    return absl::OkStatus();
  }
  // Handled elsewhere.
  absl::Status Tell(const BackendHeldBack&) { return absl::OkStatus(); }
  absl::Status Tell(const Start&) { return absl::OkStatus(); }
  absl::Status Tell(const BatchSent&) { return absl::OkStatus(); }
  absl::Status Tell(const Dropped&) { return absl::OkStatus(); }

  // --- What the scheduler chooses ---

  std::optional<BatchSent> Ask() {
    const scheduling::Step step = scheduler_->Next(now_);
    const auto* const batch = std::get_if<scheduling::Batch>(&step);
    if (batch == nullptr) return std::nullopt;
    return Sent(*batch, Time{});
  }
  bool Expect(const BatchSent& logged) {
    const std::optional<BatchSent> chosen = Ask();
    if (chosen && Same(*chosen, logged)) {
      ++result_.same_batches;
      running_.insert(logged.batch);
      return true;
    }
    result_.difference =
        absl::StrCat("the log has ", Describe(logged), "; the replay has ", chosen ? Describe(*chosen) : "none");
    return false;
  }
  // The scheduler was asked until it had no more batches.
  bool AskedForNothingMore() {
    if (!ask_is_due_) return true;
    const std::optional<BatchSent> chosen = Ask();
    if (!chosen) return true;
    result_.difference = absl::StrCat("the log has none; the replay has ", Describe(*chosen));
    return false;
  }

  const std::optional<scheduling::StrategyChoice> instead_;
  std::unique_ptr<scheduling::Scheduler> scheduler_;
  std::vector<scheduling::RequestId> ids_;  // by the number in the log
  std::vector<bool> is_finished_;           // the same
  absl::flat_hash_set<scheduling::BatchId> running_;
  scheduling::Effects effects_;
  Time now_{};
  bool ask_is_due_ = false;
  ReplayResult result_;
};

}  // namespace

absl::StatusOr<ReplayResult> Replay(std::istream& log, const std::optional<scheduling::StrategyChoice>& instead) {
  Replayer replayer(instead);
  std::string text;
  for (std::uint64_t number = 1; std::getline(log, text); ++number) {
    const auto event = ParseLine(text);
    auto goes_on = event.ok() ? replayer.Take(*event) : absl::StatusOr<bool>(event.status());
    if (!goes_on.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", goes_on.status().message()));
    }
    if (!*goes_on) return std::move(replayer).result();
  }
  replayer.Finish();
  return std::move(replayer).result();
}

}  // namespace smartbatch::simulation
