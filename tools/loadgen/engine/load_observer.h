// What is told of every request while a block is played.
#pragma once

#include "tools/loadgen/model/request_record.h"

namespace smartbatch::loadgen {

// Called on the threads that send and that take answers, several at once: must be thread safe and must not block.
class LoadObserver {
 public:
  virtual ~LoadObserver() = default;
  // A request has left.
  virtual void Sent() = 0;
  // A request has ended, or was due and could not be sent.
  virtual void Ended(const RequestRecord& record) = 0;
};

}  // namespace smartbatch::loadgen
