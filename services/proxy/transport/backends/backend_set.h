// The current backends: those that are configured by address, and those that configured names resolve to.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/transport/backends/address_lookup.h"
#include "services/proxy/transport/backends/backend_client.h"

namespace smartbatch::transport {

// One configured target: host:port is one backend; dns:///name:port is a backend for each address of the name.
inline constexpr char kDnsPrefix[] = "dns:///";
struct BackendTarget {
  std::string address;
  std::uint32_t slots = 1;
  // The dispatcher's share of the device that it runs on; null if it has its slots to itself.
  std::shared_ptr<runtime::DeviceShare> device = nullptr;
};

struct BackendSetOptions {
  // The predicted cost of a batch on a backend of which nothing is known yet.
  CostModel cost;
  // The time from one health check of a backend to the next; zero for no checks.
  Duration health_check_interval = std::chrono::seconds(1);
  // The time from one lookup of the names to the next.
  Duration lookup_interval = std::chrono::seconds(5);
};

// Adds a backend to the dispatcher for every address, and removes it when no target names the address any more; the
// batches that it has then are finished. New backends are added before any is removed, and slots change in place, so
// that the dispatcher is never without a backend while there is one. A backend that moves to another device is removed
// and added again at once, so that its batches end where they began. Thread safe.
class BackendSet {
 public:
  // Creates the client of the backend at an address.
  using MakeClient = std::function<std::shared_ptr<BackendClient>(const std::string& address)>;

  // The dispatcher must outlive the set.
  BackendSet(runtime::Dispatcher& dispatcher, MakeClient make_client, const BackendSetOptions& options,
             Lookup lookup = LookUpBySystem);
  // Stops the health checks; the backends stay.
  ~BackendSet();
  BackendSet(const BackendSet&) = delete;
  BackendSet& operator=(const BackendSet&) = delete;

  // Sets the targets. A name has the addresses of its last lookup; before its first lookup (Refresh) it has none.
  void SetTargets(std::vector<BackendTarget> targets);
  // Looks all names up again. A name that cannot be looked up, or that has no address, keeps its previous addresses.
  void Refresh();
  // Looks names up at the interval, and when SetTargets has brought new names, until it is asked to stop. Run it in a
  // thread of its own.
  void Run(const std::stop_token& stop);

  // The addresses of the backends, sorted.
  std::vector<std::string> addresses() const;
  // What is wrong with the backends, for a line in the log: the first ten addresses with their last errors.
  std::string Troubles() const;

 private:
  struct Member {
    scheduling::BackendId id = 0;
    std::uint32_t slots = 1;
    std::shared_ptr<runtime::DeviceShare> device;
    std::shared_ptr<BackendClient> client;
  };

  void Update() SMARTBATCH_REQUIRES(mutex_);
  // `target` says all but the address.
  void Add(const std::string& address, const BackendTarget& target) SMARTBATCH_REQUIRES(mutex_);
  void Remove(const std::string& address) SMARTBATCH_REQUIRES(mutex_);
  void Change(const std::string& address, const BackendTarget& target) SMARTBATCH_REQUIRES(mutex_);

  runtime::Dispatcher& dispatcher_;
  const MakeClient make_client_;
  const BackendSetOptions options_;
  const Lookup lookup_;

  mutable Mutex mutex_;
  std::condition_variable_any wake_;
  bool has_new_names_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  // True once Run has begun: from then on changes are logged as info.
  bool runs_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  std::vector<BackendTarget> targets_ SMARTBATCH_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> found_ SMARTBATCH_GUARDED_BY(mutex_);  // by name
  std::map<std::string, Member> members_ SMARTBATCH_GUARDED_BY(mutex_);                  // by address
};

}  // namespace smartbatch::transport
