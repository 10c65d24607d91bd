// What the first thread of the proxy's completion queue does.
#pragma once

#include <grpcpp/completion_queue.h>

#include "services/proxy/runtime/dispatcher.h"

namespace smartbatch::transport {

// Works off what ends on the queue, whose tags are rpc::Tag, and looks after the dispatcher's time meanwhile, until the
// queue is shut down and empty. One thread does this; others may serve the queue with rpc::RunTags, since several
// that look for events without waiting would only take the processor from each other.
void RunEvents(grpc::CompletionQueue& queue, runtime::Dispatcher& dispatcher);

}  // namespace smartbatch::transport
