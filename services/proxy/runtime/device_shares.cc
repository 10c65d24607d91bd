#include "services/proxy/runtime/device_shares.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace smartbatch::runtime {

using scheduling::BackendId;
using scheduling::DeviceBroker;

DeviceShare::~DeviceShare() {
  device_->WithBroker([this](DeviceBroker& broker) { broker.Leave(member_); });
}

void DeviceShare::SetWeight(double weight) {
  device_->WithBroker([this, weight](DeviceBroker& broker) { broker.SetWeight(member_, weight); });
}

void DeviceShare::Ask() {
  has_slot_ = device_->WithBroker([this](DeviceBroker& broker) { return broker.Ask(member_); });
  asks_ = true;
}

void DeviceShare::Return() {
  device_->WithBroker([this](DeviceBroker& broker) { broker.Return(member_); });
  has_slot_ = false;
  asks_ = false;
}

void DeviceShare::Withdraw() {
  device_->WithBroker([this](DeviceBroker& broker) { broker.Withdraw(member_); });
  asks_ = false;
}

void DeviceShares::Place(BackendId backend, std::shared_ptr<DeviceShare> share) {
  if (share == nullptr && backend >= places_.size()) return;
  places_.resize(std::max<std::size_t>(places_.size(), backend + 1));
  places_[backend] = std::move(share);
}

void DeviceShares::Remove(BackendId backend) {
  if (backend >= places_.size() || places_[backend] == nullptr) return;
  const std::shared_ptr<DeviceShare> left = std::move(places_[backend]);
  if (std::find(places_.begin(), places_.end(), left) != places_.end() || !left->asks_) return;
  left->Withdraw();
  Touch(left->device_);
}

void DeviceShares::Ask(scheduling::Scheduler& scheduler, Time now) {
  if (places_.empty()) return;
  const auto for_each_place = [this](auto what) {
    for (BackendId backend = 0; backend < places_.size(); ++backend) {
      if (places_[backend] != nullptr) what(backend, *places_[backend]);
    }
  };
  const bool has_work = scheduler.HasWork();
  const auto has_room = [&](BackendId backend) { return has_work && scheduler.backends().HasRoom(backend, now); };
  for_each_place([](BackendId, DeviceShare& share) { share.wanted_ = false; });
  for_each_place([&](BackendId backend, DeviceShare& share) { share.wanted_ = share.wanted_ || has_room(backend); });
  for_each_place([&](BackendId backend, DeviceShare& share) {
    if (share.wanted_ && !share.has_slot_) {
      share.Ask();
      Touch(share.device_);
    } else if (!share.wanted_ && share.asks_) {
      share.Withdraw();
      Touch(share.device_);
    }
    if (has_room(backend)) scheduler.HoldBack(backend, !share.has_slot_);
  });
}

DeviceUse DeviceShares::Start(const scheduling::Batch& batch) {
  if (batch.backend >= places_.size() || places_[batch.backend] == nullptr) return {};
  DeviceUse use{places_[batch.backend], batch.counted_seconds, batch.dispatched};
  DeviceShare& share = *use.share;
  assert(share.has_slot_);
  share.has_slot_ = false;
  share.device_->WithBroker([&](DeviceBroker& broker) { broker.Start(share.member_, use.counted_seconds); });
  return use;
}

void DeviceShares::End(const DeviceUse& use, Time now) {
  if (use.share == nullptr) return;
  const double seconds = ToSeconds(now - use.since);
  use.share->device_->WithBroker(
      [&](DeviceBroker& broker) { broker.End(use.share->member_, use.counted_seconds, seconds); });
  Touch(use.share->device_);
}

void DeviceShares::Finish(std::vector<Dispatcher*>& next) {
  for (const auto& share : places_) {
    if (share != nullptr && share->has_slot_) share->Return();
  }
  for (const auto& device : touched_) {
    Dispatcher* const dispatcher = device->Next();
    if (dispatcher != nullptr) next.push_back(dispatcher);
  }
  touched_.clear();
}

std::vector<DeviceState> DeviceShares::Look() const {
  std::vector<DeviceState> states;
  for (auto share = places_.begin(); share != places_.end(); ++share) {
    if (*share == nullptr || std::find(places_.begin(), share, *share) != share) continue;
    DeviceState state{.name = (*share)->device_->name()};
    (*share)->device_->WithBroker([&](const DeviceBroker& broker) {
      state.slots = broker.slots();
      state.slots_in_use = broker.slots_in_use();
      state.used_seconds = broker.UsedSeconds((*share)->member_);
    });
    states.push_back(std::move(state));
  }
  return states;
}

void DeviceShares::Touch(const std::shared_ptr<Device>& device) {
  if (std::find(touched_.begin(), touched_.end(), device) == touched_.end()) touched_.push_back(device);
}

}  // namespace smartbatch::runtime
