// What whoever serves the calls tells of them.
#pragma once

#include "common/time.h"

namespace smartbatch::runtime {

// Told of every call, those included that never become a request. Thread safe; returns soon and never waits.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void CallStarted() {}
  // The answer was handed over; `code` is the number of the gRPC status code.
  virtual void CallHandled(int /*code*/, Duration /*took*/) {}
};

}  // namespace smartbatch::runtime
