// A proxy that was told, or not told, what batches cost, in front of a backend of which the test decides what they
// take.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {

inline constexpr std::uint32_t kLong = 20'000;  // 400 s by the cost that is believed at first

class Proxy {
 public:
  explicit Proxy(bool costs_are_assumed, SchedulerOptions options = {}, const std::string& strategy = "fcfs") {
    options.backends.costs_are_assumed = costs_are_assumed;
    scheduler_ = *Scheduler::Create(options, {strategy, {}}, nullptr);
    backend_ = scheduler_->AddBackend("backend", 1, CostModel{});
  }

  // Nothing if the request was accepted.
  std::optional<Rejection> Refusal(std::uint32_t length, std::string_view customer = "a") {
    const std::uint32_t lengths[] = {length};
    const auto answer = scheduler_->Offer({customer, lengths, kNever, 0}, now_, effects_);
    if (const auto* const rejection = std::get_if<Rejection>(&answer)) return *rejection;
    last_ = std::get<RequestId>(answer);
    return std::nullopt;
  }
  std::optional<RejectReason> Offer(std::uint32_t length, std::string_view customer = "a") {
    const std::optional<Rejection> refusal = Refusal(length, customer);
    if (refusal) return refusal->reason;
    return std::nullopt;
  }
  // How many of that many requests, offered at once, are accepted.
  int Accepted(int requests, std::uint32_t length, std::string_view customer = "a") {
    int accepted = 0;
    for (int i = 0; i < requests; ++i) accepted += Offer(length, customer) ? 0 : 1;
    return accepted;
  }

  // The next batch, after as long as the strategy waits for company. Requires: something waits, and a backend is free.
  Batch Send() {
    while (true) {
      const Step step = scheduler_->Next(now_);
      if (const auto* const batch = std::get_if<Batch>(&step)) return *batch;
      now_ = std::get<AskAgainAt>(step).time;
    }
  }
  void End(const Batch& batch, Duration took, const absl::Status& status = absl::OkStatus()) {
    now_ = Later(batch.dispatched, took);
    scheduler_->Complete(batch.id, status, now_, effects_);
  }
  void Serve(const Batch& batch) { End(batch, FromSeconds(truth(batch.longest))); }
  void ServeAll() {
    while (scheduler_->HasWork()) Serve(Send());
  }
  void ServeOneByOne(int requests, std::uint32_t length) {
    for (int i = 0; i < requests; ++i) {
      EXPECT_EQ(Offer(length), std::nullopt) << i;
      ServeAll();
    }
  }
  // A request is offered, and its caller leaves after that time with the only batch that it is in.
  void OfferAndLeaveAfter(Duration patience, std::uint32_t length) {
    EXPECT_EQ(Offer(length), std::nullopt);
    const Batch batch = Send();
    now_ += patience;
    scheduler_->Cancel(last_, now_, effects_);
    End(batch, patience, absl::CancelledError("nobody waits for it"));
  }

  std::uint64_t Ended(Outcome outcome) const { return scheduler_->outcomes()[outcome]; }
  bool Works(BackendId backend) const { return scheduler_->backends().backends()[backend].works(); }
  Scheduler& scheduler() { return *scheduler_; }
  Effects& effects() { return effects_; }
  BackendId backend() const { return backend_; }
  Time now() const { return now_; }
  void Wait(Duration time) { now_ += time; }

  // What a batch takes, in seconds, by its longest sequence.
  std::function<double(std::uint32_t)> truth = [](std::uint32_t) { return 0.04; };

 private:
  std::unique_ptr<Scheduler> scheduler_;
  BackendId backend_ = 0;
  Effects effects_;
  Time now_{std::chrono::hours(1)};
  RequestId last_;
};

}  // namespace smartbatch::scheduling
