#include "services/proxy/transport/event_loop.h"

#include <algorithm>
#include <chrono>

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

}  // namespace

void RunEvents(grpc::CompletionQueue& queue, const runtime::ModelTable& models) {
  using NextStatus = grpc::CompletionQueue::NextStatus;
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  Attend(models);
  for (bool open = true; open;) {
    const NextStatus status = queue.AsyncNext(&tag, &ok, at_once);
    if (status == NextStatus::GOT_EVENT) {
      static_cast<rpc::Tag*>(tag)->Run(ok);
      TickIfDue(models);
    } else if (status == NextStatus::SHUTDOWN) {
      open = false;
    } else if (TickIfDue(models) > kNotWorthSleeping) {
      Rest(models);
      open = queue.Next(&tag, &ok);
      Attend(models);
      if (open) static_cast<rpc::Tag*>(tag)->Run(ok);
    }
  }
  Rest(models);
}

}  // namespace smartbatch::transport
