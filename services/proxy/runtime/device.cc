#include "services/proxy/runtime/device.h"

#include <algorithm>
#include <optional>

namespace smartbatch::runtime {

using scheduling::DeviceBroker;

DeviceBroker::Member Device::Join(Dispatcher& dispatcher, double weight) {
  const MutexLock lock(mutex_);
  const DeviceBroker::Member member = broker_.Join(weight);
  dispatchers_.resize(std::max<std::size_t>(dispatchers_.size(), member + 1));
  dispatchers_[member] = &dispatcher;
  return member;
}

Dispatcher* Device::Next() {
  const MutexLock lock(mutex_);
  const std::optional<DeviceBroker::Member> next = broker_.Next();
  return next ? dispatchers_[*next] : nullptr;
}

void DeviceTable::Set(const std::vector<Setting>& settings) {
  const MutexLock lock(mutex_);
  std::map<std::string, std::shared_ptr<Device>, std::less<>> devices;
  for (const Setting& setting : settings) {
    const auto known = devices_.find(setting.name);
    auto device = known != devices_.end() ? known->second : std::make_shared<Device>(setting.name, setting.slots);
    device->WithBroker([&setting](DeviceBroker& broker) { broker.SetSlots(setting.slots); });
    devices.emplace(setting.name, std::move(device));
  }
  devices_ = std::move(devices);
}

std::shared_ptr<Device> DeviceTable::Find(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = devices_.find(name);
  return found == devices_.end() ? nullptr : found->second;
}

std::vector<DeviceTable::Use> DeviceTable::Look() const {
  const MutexLock lock(mutex_);
  std::vector<Use> uses;
  for (const auto& [name, device] : devices_) {
    Use use{.name = name};
    device->WithBroker([&use](const DeviceBroker& broker) {
      use.slots = broker.slots();
      use.slots_in_use = broker.slots_in_use();
    });
    uses.push_back(std::move(use));
  }
  return uses;
}

}  // namespace smartbatch::runtime
