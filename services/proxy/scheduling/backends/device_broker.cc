#include "services/proxy/scheduling/backends/device_broker.h"

#include <algorithm>
#include <cassert>
#include <tuple>

namespace smartbatch::scheduling {

DeviceBroker::Member DeviceBroker::Join(double weight) {
  const auto left = std::find_if(members_.begin(), members_.end(), [](const Share& share) { return !share.present; });
  const auto place = left == members_.end() ? members_.insert(left, Share{}) : left;
  *place = {.weight = weight};
  return static_cast<Member>(place - members_.begin());
}

void DeviceBroker::Leave(Member member) { members_[member] = {.present = false}; }

bool DeviceBroker::Ask(Member member) {
  Share& share = members_[member];
  if (!share.wants) share.tag = std::max(share.tag, last_tag_);
  share.wants = true;
  if (!share.waits) share.waits_since = ++waits_;
  share.waits = true;
  if (Next() != member) return false;
  share.waits = false;
  last_tag_ = std::max(last_tag_, share.tag);
  ++slots_in_use_;
  return true;
}

void DeviceBroker::Start(Member member, double predicted_seconds) {
  members_[member].tag += predicted_seconds / members_[member].weight;
}

void DeviceBroker::End(Member member, double predicted_seconds, double seconds) {
  assert(slots_in_use_ > 0);
  Share& share = members_[member];
  share.tag += (seconds - predicted_seconds) / share.weight;
  share.used_seconds += seconds;
  --slots_in_use_;
}

void DeviceBroker::Return(Member member) {
  --slots_in_use_;
  Withdraw(member);
}

void DeviceBroker::Withdraw(Member member) {
  members_[member].wants = false;
  members_[member].waits = false;
}

std::optional<DeviceBroker::Member> DeviceBroker::Next() const {
  if (slots_in_use_ >= slots_) return std::nullopt;
  std::optional<Member> next;
  const auto order = [this](Member member) { return std::tuple(members_[member].tag, members_[member].waits_since); };
  for (Member member = 0; member < members_.size(); ++member) {
    if (members_[member].waits && (!next || order(member) < order(*next))) next = member;
  }
  return next;
}

}  // namespace smartbatch::scheduling
