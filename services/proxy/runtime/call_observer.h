// What the server of the calls reports about them.
#pragma once

#include "common/time.h"

namespace smartbatch::runtime {

// An observer of every call, including calls that never become a request. Implementations must return soon and never
// wait. Thread safety: safe.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void CallStarted() {}
  // The answer was handed to gRPC; `code` is the number of the gRPC status code.
  virtual void CallHandled(int /*code*/, Duration /*took*/) {}
};

}  // namespace smartbatch::runtime
