// A queue with its customers and backends, without a scheduler: for the parts that read them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

class QueueFixture : public testing::Test {
 protected:
  static constexpr std::uint64_t kCostNs = 1'000'000;  // of each request

  // A request comes.
  PendingRequest& Add(std::string_view customer, const std::vector<std::uint32_t>& lengths, std::size_t bytes = 0) {
    Customer* account = customers_.Find(customer);
    if (account == nullptr) account = &customers_.Open(customer);
    if (account->live_requests == 0) customers_.LeftIdle(*account);
    PendingRequest& request = pending_.Insert(*account, {customer, lengths, kNever, bytes},
                                              {.requests = 1, .bytes = bytes, .cost_ns = kCostNs}, ++requests_, now_);
    if (account->waiting_requests == 1) customers_.BecameBacklogged(*account, {}, now_);
    return request;
  }
  // It ends, wherever it is.
  void End(PendingRequest& request) {
    Customer& customer = *request.customer;
    const bool waited = customer.waiting_requests > 0;
    pending_.Finish(request);
    if (waited && customer.waiting_requests == 0) customers_.BecameUnbacklogged(customer, now_);
    pending_.ReleaseIfIdle(request);
  }
  // Starts one batch of all these requests' sequences.
  Batch Start(const std::vector<PendingRequest*>& requests, BackendId backend = 0) {
    Batch batch;
    batch.id = ++batches_;
    batch.backend = backend;
    batch.dispatched = now_;
    for (PendingRequest* const request : requests) {
      for (PendingSequence& sequence : request->sequences) sequence.selected = true;
      pending_.StartSelected(*request);
      for (PendingSequence& sequence : request->sequences) {
        sequence.selected = false;
        batch.members.push_back({request->id, sequence.index(), sequence.length});
        batch.longest = std::max(batch.longest, sequence.length);
      }
    }
    batch.predicted_seconds =
        backends_[backend].cost.Seconds(static_cast<std::uint32_t>(batch.members.size()), batch.longest);
    batch.counted_seconds = batch.predicted_seconds;
    backends_.Started(backend);
    return batch;
  }
  // Serves batches of one sequence of this length, in the predicted time, until the cost is known.
  void KnowCostOf(BackendId backend, std::uint32_t length) {
    for (std::size_t i = 0; i < CostFit::kSamples; ++i) {
      const Batch batch = Start({&Add("known", {length})}, backend);
      now_ += FromSeconds(batch.predicted_seconds);
      backends_.Succeeded(backend, batch, batch.predicted_seconds, true, now_);
      PendingRequest& request = *pending_.Find(batch.members.front().request);
      pending_.StopRunning(request.sequences.front());
      End(request);
    }
  }

  Time now_{std::chrono::hours(1)};
  PendingSet pending_;
  CustomerAccounts customers_{1000};
  BackendPool backends_{BackendOptions{}};

 private:
  std::uint64_t requests_ = 0;
  BatchId batches_ = 0;
};

}  // namespace smartbatch::scheduling
