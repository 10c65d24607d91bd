#include "tools/loadgen/engine/block.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/engine/pacer.h"

namespace smartbatch::loadgen {
namespace {

void TakeTimings(const ServerTimings& timings, RequestRecord& record) {
  record.proxy_latency_ms = timings.latency_ms;
  record.queue_ms = timings.queue_ms;
  record.service_ms = timings.service_ms;
  record.batches = timings.batches;
  record.strategy = timings.strategy;
  // Where a request was split the parts are not known; equal ones are assumed.
  const double part =
      1.0 * record.sequences / static_cast<double>(std::max<std::size_t>(timings.batch_sizes.size(), 1));
  for (const std::uint32_t size : timings.batch_sizes) record.batch_share += part / std::max(size, 1U);
}

class BlockPlayer {
 public:
  BlockPlayer(const BlockOptions& options, ArrivalPlan& plan, Client& client, RunRecorder& recorder)
      : options_(options),
        plan_(plan),
        client_(client),
        recorder_(recorder),
        pacer_([this](std::uint32_t customer, Time moment) { SendOne(customer, moment); }) {}

  void Play(const std::stop_token& stop) {
    start_ = Now();
    for (std::uint32_t customer = 0; customer < plan_.customer_count(); ++customer) {
      MakeAppointment(plan_.FirstArrival(customer), customer);
    }
    pacer_.RunUntil(start_ + options_.length, stop);
    const Duration drain = stop.stop_requested() ? options_.interrupted_drain : options_.drain;
    if (client_.WaitUntilIdle(Now() + drain)) return;
    cancelling_ = true;
    client_.CancelAll();
    client_.WaitUntilIdle(kNever);
  }

 private:
  void MakeAppointment(Time since_start, std::uint32_t customer) {
    if (since_start != kNever) pacer_.At(start_ + since_start.time_since_epoch(), customer);
  }

  // On the pacer's thread, which alone touches the plan.
  void SendOne(std::uint32_t customer, Time moment) {
    const PlannedRequest planned = plan_.NextRequest(customer);
    const std::optional<Duration> think_time = plan_.NextThinkTime(customer);
    if (!think_time) MakeAppointment(plan_.NextArrival(customer), customer);

    RequestRecord record;
    record.customer = customer;
    record.sequences = static_cast<std::uint32_t>(planned.sequences.size());
    record.longest = planned.longest;
    record.scheduled = moment - start_;
    if (options_.on_due) options_.on_due(customer, record.scheduled, planned.lengths);
    if (client_.in_flight() >= options_.max_in_flight) {
      record.sent = record.done = Now() - start_;
      recorder_.AddNotSent(std::move(record));
      if (think_time) pacer_.At(Now() + std::max<Duration>(*think_time, std::chrono::milliseconds(1)), customer);
      return;
    }
    recorder_.CountSent();
    record.sent = Now() - start_;
    client_.Send(plan_.name(customer), planned.sequences, [this, think_time, record](const Answer& answer) mutable {
      Finish(std::move(record), think_time, answer);
    });
  }

  // On one of the client's threads.
  void Finish(RequestRecord record, std::optional<Duration> think_time, const Answer& answer) {
    record.done = answer.done - start_;
    record.status_code = answer.status.error_code();
    record.disconnected = answer.disconnected;
    if (cancelling_ && record.status_code == grpc::StatusCode::CANCELLED) record.status_code = kStatusUnfinished;
    if (record.answered()) TakeTimings(answer.timings, record);
    if (think_time) pacer_.At(answer.done + *think_time, record.customer);
    recorder_.AddDone(std::move(record), answer.status.error_message());
  }

  const BlockOptions& options_;
  ArrivalPlan& plan_;
  Client& client_;
  RunRecorder& recorder_;
  Pacer pacer_;
  Time start_{};
  // Set by the player's thread, read by the client's: no other data depends on its order.
  std::atomic<bool> cancelling_ = false;
};

}  // namespace

void PlayBlock(const BlockOptions& options, ArrivalPlan& plan, Client& client, RunRecorder& recorder,
               const std::stop_token& stop) {
  BlockPlayer(options, plan, client, recorder).Play(stop);
}

}  // namespace smartbatch::loadgen
