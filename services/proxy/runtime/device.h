// Devices that several models share.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "services/proxy/scheduling/backends/device_broker.h"

namespace smartbatch::runtime {

class Dispatcher;

// One device: its broker, shared by the dispatchers of several models and their threads.
//
// A dispatcher asks, under its own lock, before it forms a batch. When it has released its lock, it ticks the
// dispatcher that is next: so a free slot never waits for a dispatcher that has not heard of it. A device's lock is the
// last that is taken: under it, only the broker is called.
//
// Thread safety: safe.
class Device {
 public:
  // Requires: slots is at least 1.
  Device(std::string name, std::uint32_t slots) : name_(std::move(name)), broker_(slots) {}
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const std::string& name() const { return name_; }

  // Calls `use` with the broker, under the lock, and returns what it returns.
  template <class Function>
  auto WithBroker(Function use) {
    const MutexLock lock(mutex_);
    return use(broker_);
  }
  // The dispatcher joins as a member of the broker. It must outlive its membership, and every thread that may Tick it.
  scheduling::DeviceBroker::Member Join(Dispatcher& dispatcher, double weight);
  // The dispatcher that waits for a slot which is free; null if there is none.
  Dispatcher* Next();

 private:
  const std::string name_;
  Mutex mutex_;
  scheduling::DeviceBroker broker_ SMARTBATCH_GUARDED_BY(mutex_);
  std::vector<Dispatcher*> dispatchers_ SMARTBATCH_GUARDED_BY(mutex_);  // by DeviceBroker::Member
};

// The configured devices, by name. Thread safety: safe.
class DeviceTable {
 public:
  struct Setting {
    std::string name;
    std::uint32_t slots = 1;
  };
  struct Use {
    std::string name;
    std::uint32_t slots = 0;
    std::uint32_t slots_in_use = 0;
  };

  // These are the devices from now on. One that is there already keeps its members; one that is gone is released by
  // its last backend. Models that wait for a slot which is new get it at their next event. Requires: every number of
  // slots is at least 1.
  void Set(const std::vector<Setting>& settings);
  // The device of that name; null if there is none.
  std::shared_ptr<Device> Find(std::string_view name) const;
  std::vector<Use> Look() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Device>, std::less<>> devices_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::runtime
