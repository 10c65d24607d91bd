// A scheduler for hand-made examples: requests go in one by one, batches come out as text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {

// One slot, batches of 5, c(L) = L^2 us unless told otherwise; nothing is learned unless asked for. Time moves only by
// Wait and End.
class Stage {
 public:
  explicit Stage(const StrategyChoice& strategy, const CostModel& cost = {}, std::uint32_t max_batch_size = 5,
                 bool learn_costs = false) {
    SchedulerOptions options;
    options.max_batch_size = max_batch_size;
    options.learn_costs = learn_costs;
    auto made = Scheduler::Create(options, strategy, nullptr);
    EXPECT_TRUE(made.ok()) << made.status();
    scheduler_ = *std::move(made);
    scheduler_->AddBackend("backend", 1, cost);
  }

  // A request comes; requests count from 0.
  void Offer(std::string_view customer, const std::vector<std::uint32_t>& lengths, Duration due_in = Duration::max()) {
    Effects shed;
    const auto answer = scheduler_->Offer({customer, lengths, Later(now_, due_in), 0}, now_, shed);
    ASSERT_TRUE(std::holds_alternative<RequestId>(answer));
  }
  // The requests that end now because they have expired or were given up, in that order: "3 expired" or "3 hopeless".
  std::string Tick() {
    Effects effects;
    scheduler_->Tick(now_, effects);
    std::string text;
    for (const Finished& finished : effects.finished) {
      text += (text.empty() ? "" : ", ") + std::to_string(finished.id.number - 1);
      text += finished.hopeless ? " hopeless" : " " + std::string(Name(finished.outcome));
    }
    return text;
  }
  void Wait(Duration duration) { now_ += duration; }

  // The batch that leaves now, as request.sequence, the requests in the order in which the strategy took the first of
  // their sequences, and the reason: "0.0 2.1 full". "nothing", or "wait 50 ms", if none leaves.
  std::string Next() {
    const Step step = scheduler_->Next(now_);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      return "wait " + std::to_string((wait->time - now_) / std::chrono::milliseconds(1)) + " ms";
    }
    const auto* const batch = std::get_if<Batch>(&step);
    if (batch == nullptr) return "nothing";
    running_ = *batch;
    std::string text;
    for (const BatchMember& member : batch->members) {
      text += std::to_string(member.request.number - 1) + "." + std::to_string(member.sequence) + " ";
    }
    return text + std::string(Name(batch->reason));
  }
  // The batch that runs ends, after its time.
  void End() { End(FromSeconds(running_->predicted_seconds)); }
  void End(Duration took) {
    ASSERT_TRUE(running_.has_value());
    now_ += took;
    scheduler_->Complete(running_->id, absl::OkStatus(), now_, effects_);
    running_.reset();
  }
  // The next batch; when it has left it ends.
  std::string Serve() {
    std::string text = Next();
    if (running_) End();
    return text;
  }

  double Charged(std::string_view customer) const { return scheduler_->customers().Find(customer)->charged_seconds; }
  double Counter(std::string_view customer) const { return scheduler_->customers().Find(customer)->counter; }
  Scheduler& scheduler() { return *scheduler_; }
  Time now() const { return now_; }

 private:
  std::unique_ptr<Scheduler> scheduler_;
  Time now_{};
  std::optional<Batch> running_;
  Effects effects_;
};

}  // namespace smartbatch::scheduling
