#include "services/proxy/transport/event_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/support/time.h>

#include "services/rpc/tag.h"

namespace smartbatch::transport {
namespace {

// To wake the timer's thread and to be put to sleep costs more processor time than to look again and again for so long.
constexpr std::chrono::microseconds kNotWorthSleeping{20};

void Attend(const runtime::ModelTable& models) {
  for (const auto& model : models.all()) model.dispatcher.Attend();
}

void Rest(const runtime::ModelTable& models) {
  for (const auto& model : models.all()) model.dispatcher.Rest();
}

// How long it is until the first of them is due.
Duration TickIfDue(const runtime::ModelTable& models) {
  Duration first = Duration::max();
  for (const auto& model : models.all()) first = std::min(first, model.dispatcher.TickIfDue());
  return first;
}

// Says when a thread that finds no events has looked for long enough.
class Patience {
 public:
  explicit Patience(Duration limit) : limit_(limit) {}

  void Renew() { tried_ = false; }
  bool IsOver() {
    if (limit_ == Duration::zero()) return true;
    const auto now = std::chrono::steady_clock::now();
    if (!std::exchange(tried_, true)) since_ = now;
    return now - since_ >= limit_;
  }

 private:
  const Duration limit_;
  bool tried_ = false;
  std::chrono::steady_clock::time_point since_;  // the first look that found nothing
};

}  // namespace

void RunEvents(grpc::CompletionQueue& queue, const runtime::ModelTable& models, Duration busy_poll) {
  using NextStatus = grpc::CompletionQueue::NextStatus;
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  Patience patience(busy_poll);
  Attend(models);
  for (bool open = true; open;) {
    const NextStatus status = queue.AsyncNext(&tag, &ok, at_once);
    if (status == NextStatus::GOT_EVENT) {
      patience.Renew();
      static_cast<rpc::Tag*>(tag)->Run(ok);
      TickIfDue(models);
    } else if (status == NextStatus::SHUTDOWN) {
      open = false;
    } else if (TickIfDue(models) > kNotWorthSleeping && patience.IsOver()) {
      Rest(models);
      open = queue.Next(&tag, &ok);
      Attend(models);
      patience.Renew();
      if (open) static_cast<rpc::Tag*>(tag)->Run(ok);
    }
  }
  Rest(models);
}

}  // namespace smartbatch::transport
