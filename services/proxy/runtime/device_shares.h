// A model's parts in the devices that it shares with other models.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/time.h"
#include "services/proxy/runtime/device.h"
#include "services/proxy/scheduling/backends/device_broker.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {

// The part of one model in one device. It lasts until the last of its backends there is removed and has no batch.
// Thread safety: SetWeight is safe; the rest is for the dispatcher of the model, under its lock.
class DeviceShare {
 public:
  // The dispatcher must outlive it. Requires: the weight is above 0.
  DeviceShare(std::shared_ptr<Device> device, Dispatcher& dispatcher, double weight)
      : device_(std::move(device)), member_(device_->Join(dispatcher, weight)) {}
  ~DeviceShare();
  DeviceShare(const DeviceShare&) = delete;
  DeviceShare& operator=(const DeviceShare&) = delete;

  Device& device() const { return *device_; }
  // Requires: the weight is above 0.
  void SetWeight(double weight);

 private:
  friend class DeviceShares;

  void Ask();
  void Return();
  void Withdraw();

  const std::shared_ptr<Device> device_;
  const scheduling::DeviceBroker::Member member_;
  bool wanted_ = false;    // sequences wait, and a backend on the device has room for a batch
  bool asks_ = false;      // the broker believes that it wants a slot
  bool has_slot_ = false;  // which no batch has taken yet
};

// A slot that a batch has; nothing for a batch on a device of its own.
struct DeviceUse {
  std::shared_ptr<DeviceShare> share;
  double counted_seconds = 0;
  Time since{};
};

struct DeviceState {
  std::string name;
  std::uint32_t slots = 0;
  // By all models.
  std::uint32_t slots_in_use = 0;
  // By this model's batches that have ended.
  double used_seconds = 0;
};

// The parts of one model in the devices of its backends. Its dispatcher calls it in every turn:
//
//   Ask, then the scheduler's Next, and Start if that is a batch; again, until there is no batch
//   Finish; and when it has released its lock it ticks the dispatchers that Finish has named
//
// Thread safety: none; under the dispatcher's lock.
class DeviceShares {
 public:
  // The backend is on that device from now on; null: on one of its own. Requires: it has no batch.
  void Place(scheduling::BackendId backend, std::shared_ptr<DeviceShare> share);
  // The backend was removed; it may still have batches.
  void Remove(scheduling::BackendId backend);

  // Gets a slot on each device of which a backend could take a batch now, if it is the model's turn there, and holds
  // back the backends on the others.
  void Ask(scheduling::Scheduler& scheduler, Time now);
  // The batch takes the slot of its device.
  DeviceUse Start(const scheduling::Batch& batch);
  void End(const DeviceUse& use, Time now);
  // Gives back the slots that no batch has taken, and adds to `next` a dispatcher for each device that has a free slot
  // for one.
  void Finish(std::vector<Dispatcher*>& next);

  // The devices of its backends.
  std::vector<DeviceState> Look() const;

 private:
  // Finish looks who is next on this device.
  void Touch(const std::shared_ptr<Device>& device);

  std::vector<std::shared_ptr<DeviceShare>> places_;  // by BackendId; empty if no backend was ever on a device
  std::vector<std::shared_ptr<Device>> touched_;
};

}  // namespace smartbatch::runtime
