#include "services/proxy/runtime/recent_decisions.h"

#include <algorithm>

#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::runtime {

std::vector<RecentDecision> RecentDecisions::List(std::size_t most) const {
  std::vector<RecentDecision> decisions;
  const MutexLock lock(mutex_);
  const std::size_t count = std::min(most, ring_.size());
  decisions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    decisions.push_back(ring_[(newest_ + ring_.size() - i) % ring_.size()]);
  }
  return decisions;
}

std::uint32_t RecentDecisions::PartOf(RecentDecision& decision, const std::string& customer) {
  std::uint32_t place = 0;
  while (place < decision.parts.size() && decision.parts[place].customer != customer) ++place;
  if (place == decision.parts.size()) decision.parts.push_back({.customer = customer});
  return place;
}

void RecentDecisions::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  if (id >= backends_.size()) backends_.resize(id + 1);
  backends_[id] = backend.name;
}

void RecentDecisions::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) {
  if (request.id.slot >= customers_.size()) customers_.resize(request.id.slot + 1);
  customers_[request.id.slot] = customer.name;
}

void RecentDecisions::Charged(const scheduling::Customer& customer, std::string_view, double seconds) {
  charges_.emplace_back(customer.name, seconds);
}

void RecentDecisions::Dispatched(const scheduling::Batch& batch) {
  RecentDecision decision;
  decision.batch = batch.id;
  decision.backend = backends_[batch.backend];
  decision.strategy = batch.strategy;
  decision.reason = batch.reason;
  decision.dispatched = batch.dispatched;
  decision.predicted_seconds = batch.predicted_seconds;
  decision.rows.reserve(batch.members.size());
  decision.requests = scheduling::RequestsIn(batch);
  for (const scheduling::BatchMember& member : batch.members) {
    const std::uint32_t part = PartOf(decision, customers_[member.request.slot]);
    decision.rows.push_back({member.length, part, member.request.number});
    ++decision.parts[part].sequences;
  }
  for (const auto& [customer, seconds] : charges_) {
    decision.parts[PartOf(decision, customer)].charged_seconds += seconds;
  }
  charges_.clear();

  const MutexLock lock(mutex_);
  if (ring_.size() < kCapacity) {
    newest_ = ring_.size();
    ring_.push_back(std::move(decision));
  } else {
    newest_ = (newest_ + 1) % kCapacity;
    ring_[newest_] = std::move(decision);
  }
}

RecentDecision* RecentDecisions::Find(scheduling::BatchId batch) {
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    RecentDecision& decision = ring_[(newest_ + ring_.size() - i) % ring_.size()];
    if (decision.batch < batch) return nullptr;
    if (decision.batch == batch) return &decision;
  }
  return nullptr;
}

void RecentDecisions::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  last_ended_ = batch.id;
  const MutexLock lock(mutex_);
  if (RecentDecision* const decision = Find(batch.id)) {
    decision->took = took;
    decision->status = status.code();
  }
}

void RecentDecisions::Ended(const scheduling::Finished&) {
  if (charges_.empty()) return;
  const MutexLock lock(mutex_);
  if (RecentDecision* const decision = Find(last_ended_)) {
    for (const auto& [customer, seconds] : charges_) {
      decision->parts[PartOf(*decision, customer)].charged_seconds += seconds;
    }
  }
  charges_.clear();
}

}  // namespace smartbatch::runtime
