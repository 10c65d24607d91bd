// A dispatcher over a manual clock and a scripted backend, and the replies it gave.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/runtime/dispatcher.h"
#include "tests/proxy/manual_clock.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::testing {

// For one thread.
class Harness {
 public:
  // A request that was submitted, and every reply that came.
  struct Submitted {
    runtime::Ticket ticket;
    std::vector<runtime::Ending> replies;

    const runtime::Ending& only_reply() const {
      EXPECT_EQ(replies.size(), 1U);
      return replies.at(0);
    }
    std::vector<std::string> labels() const {
      std::vector<std::string> labels;
      for (const protocol::RowResult& result : only_reply().results) {
        labels.push_back(protocol::classify::ClassificationOf(result).label);
      }
      return labels;
    }
  };

  // One slot, batches of 5, and fcfs without linger unless told otherwise.
  explicit Harness(scheduling::SchedulerOptions options = {},
                   const scheduling::StrategyChoice& strategy = {"fcfs", {{"linger_ms", "0"}}},
                   runtime::DecisionObserver* observer = nullptr, std::uint32_t slots = 1)
      : dispatcher(*scheduling::Scheduler::Create(options, strategy, nullptr), clock, observer) {
    dispatcher.AddBackend("backend", slots, {}, backend);
  }
  ~Harness() {
    dispatcher.Close();
    while (auto sent = backend.Take()) std::move(sent->reply).Fulfil(absl::CancelledError("the test is over"));
    EXPECT_TRUE(dispatcher.WaitUntilIdle(Duration::zero()));
  }

  Submitted& Submit(std::vector<std::string> texts, Time deadline = kNever, const std::string& customer = "customer") {
    requests_.push_back(std::make_unique<Submitted>());
    return SubmitAs(*requests_.back(), std::move(texts), deadline, customer);
  }
  Submitted& SubmitAs(Submitted& submitted, std::vector<std::string> texts, Time deadline = kNever,
                      const std::string& customer = "customer", runtime::CallContext context = {}) {
    runtime::Submission request{.customer = customer, .payload = PayloadOf(std::move(texts)), .deadline = deadline};
    request.context = std::move(context);
    dispatcher.Submit(std::move(request), submitted.ticket,
                      runtime::Reply([&submitted](absl::StatusOr<runtime::Ending> ending) {
                        ASSERT_TRUE(ending.ok()) << ending.status();
                        submitted.replies.push_back(*std::move(ending));
                      }));
    return submitted;
  }

  ManualClock clock;
  ScriptedBackend backend;
  runtime::Dispatcher dispatcher;

 private:
  std::vector<std::unique_ptr<Submitted>> requests_;
};

}  // namespace smartbatch::testing
