// What the first thread of the proxy's completion queue does.
#pragma once

#include <grpcpp/completion_queue.h>

#include "common/time.h"
#include "services/proxy/runtime/model_table.h"

namespace smartbatch::transport {

// Handles what ends on the queue, whose tags are rpc::Tag, and looks after the time of every model's dispatcher
// meanwhile, until the queue is shut down and empty. One thread does this; others may serve the queue with
// rpc::RunTags, since several that look for events without waiting would only take the processor from each other.
//
// After its last event the thread looks for another one for `busy_poll`, at least 0, and then sleeps until one comes.
// So it takes at most that much processor time for each time that it sleeps, beside what the events take.
void RunEvents(grpc::CompletionQueue& queue, const runtime::ModelTable& models, Duration busy_poll);

}  // namespace smartbatch::transport
