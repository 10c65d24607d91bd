// What the threads of the proxy's completion queue do.
#pragma once

#include <grpcpp/completion_queue.h>

#include "services/proxy/runtime/dispatcher.h"

namespace smartbatch::transport {

// Works off what ends on the queue, whose tags are rpc::Tag, and looks after the dispatcher's time meanwhile, until the
// queue is shut down and empty. Any number of threads may do this.
void RunEvents(grpc::CompletionQueue& queue, runtime::Dispatcher& dispatcher);

}  // namespace smartbatch::transport
