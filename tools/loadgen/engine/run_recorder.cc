#include "tools/loadgen/engine/run_recorder.h"

#include <algorithm>
#include <utility>

#include "common/statistics.h"

namespace smartbatch::loadgen {

void RunRecorder::CountSent() {
  if (observer_ != nullptr) observer_->Sent();
  const MutexLock lock(mutex_);
  ++sent_;
}

void RunRecorder::AddDone(RequestRecord record, const std::string& message) {
  if (observer_ != nullptr) observer_->Ended(record);
  const MutexLock lock(mutex_);
  if (record.answered()) {
    recent_ms_[answered_ % kRecent] = record.latency_ms();
    ++answered_;
  } else {
    ++failed_;
    messages_.try_emplace(record.status_code, message);
  }
  records_.push_back(std::move(record));
}

void RunRecorder::AddNotSent(RequestRecord record) {
  record.status_code = kStatusNotSent;
  if (observer_ != nullptr) observer_->Ended(record);
  const MutexLock lock(mutex_);
  messages_.try_emplace(kStatusNotSent, "the limit of requests in flight was reached");
  records_.push_back(std::move(record));
}

LiveFigures RunRecorder::Live() const {
  LiveFigures live;
  Sample recent;
  {
    const MutexLock lock(mutex_);
    live = {sent_, answered_, failed_, 0, 0};
    const std::size_t count = std::min<std::size_t>(answered_, kRecent);
    recent.Reserve(count);
    for (std::size_t i = 0; i < count; ++i) recent.Add(recent_ms_[i]);
  }
  live.p50_ms = recent.Percentile(50);
  live.p99_ms = recent.Percentile(99);
  return live;
}

std::vector<RequestRecord> RunRecorder::TakeRecords() {
  const MutexLock lock(mutex_);
  return std::exchange(records_, {});
}

std::map<int, std::string> RunRecorder::TakeMessages() {
  const MutexLock lock(mutex_);
  return std::exchange(messages_, {});
}

}  // namespace smartbatch::loadgen
