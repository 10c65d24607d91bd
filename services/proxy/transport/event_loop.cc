#include "services/proxy/transport/event_loop.h"

#include <chrono>

#include <grpc/support/time.h>
#include <grpcpp/support/time.h>

#include "services/rpc/tag.h"

namespace smartbatch::transport {
namespace {

// To wake the timer's thread and to be put to sleep costs more processor time than to look again and again for so long.
constexpr std::chrono::microseconds kNotWorthSleeping{20};

}  // namespace

void RunEvents(grpc::CompletionQueue& queue, runtime::Dispatcher& dispatcher) {
  using NextStatus = grpc::CompletionQueue::NextStatus;
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  dispatcher.Attend();
  for (bool open = true; open;) {
    const NextStatus status = queue.AsyncNext(&tag, &ok, at_once);
    if (status == NextStatus::GOT_EVENT) {
      static_cast<rpc::Tag*>(tag)->Run(ok);
      dispatcher.TickIfDue();
    } else if (status == NextStatus::SHUTDOWN) {
      open = false;
    } else if (dispatcher.TickIfDue() > kNotWorthSleeping) {
      dispatcher.Rest();
      open = queue.Next(&tag, &ok);
      dispatcher.Attend();
      if (open) static_cast<rpc::Tag*>(tag)->Run(ok);
    }
  }
  dispatcher.Rest();
}

}  // namespace smartbatch::transport
