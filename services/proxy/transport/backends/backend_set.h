// The backends that there are now: those that are named, and those that names stand for.
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

// Where backends are: host:port is one; dns:///name:port is each of the addresses that the name stands for.
inline constexpr char kDnsPrefix[] = "dns:///";
struct BackendTarget {
  std::string address;
  std::uint32_t slots = 1;
};

struct BackendSetOptions {
  // What a batch is believed to cost on a backend that nothing is known of.
  scheduling::CostModel cost;
  // From one health check of a backend to the next; zero for none.
  Duration health_check_interval = std::chrono::seconds(1);
  // From one lookup of the names to the next.
  Duration lookup_interval = std::chrono::seconds(5);
};

// Makes a backend of the dispatcher from every address, and takes it away again when nothing names it any more; what it
// has then is finished. What is new is added before anything is removed, and slots change in place, so that the
// dispatcher is never without a backend while there is one. Thread safe.
class BackendSet {
 public:
  // The way to the backend at an address.
  using MakeClient = std::function<std::shared_ptr<BackendClient>(const std::string& address)>;

  // The dispatcher must outlive it.
  BackendSet(runtime::Dispatcher& dispatcher, MakeClient make_client, const BackendSetOptions& options,
             Lookup lookup = LookUpBySystem);
  // Stops the health checks; the backends stay.
  ~BackendSet();
  BackendSet(const BackendSet&) = delete;
  BackendSet& operator=(const BackendSet&) = delete;

  // These from now on. The addresses of a name are those of its last lookup, and none where there was none: Refresh.
  void SetTargets(std::vector<BackendTarget> targets);
  // Looks all names up again. One that cannot be looked up, or stands for nothing, keeps the addresses it had.
  void Refresh();
  // Looks names up at the interval, and where SetTargets has brought new ones, until it is asked to stop: the work of a
  // thread of its own.
  void Run(const std::stop_token& stop);

  // The addresses of the backends, sorted.
  std::vector<std::string> addresses() const;
  // What is wrong with them, for a line in the log: the addresses with their last errors, the first ten.
  std::string Troubles() const;

 private:
  struct Member {
    scheduling::BackendId id = 0;
    std::uint32_t slots = 1;
    std::shared_ptr<BackendClient> client;
  };

  void Update() SMARTBATCH_REQUIRES(mutex_);
  void Add(const std::string& address, std::uint32_t slots) SMARTBATCH_REQUIRES(mutex_);
  void ChangeSlots(const std::string& address, Member& member, std::uint32_t slots) SMARTBATCH_REQUIRES(mutex_);

  runtime::Dispatcher& dispatcher_;
  const MakeClient make_client_;
  const BackendSetOptions options_;
  const Lookup lookup_;

  mutable Mutex mutex_;
  std::condition_variable_any wake_;
  bool has_new_names_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  // Run has begun: what changes from now on is worth a line in the log.
  bool runs_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  std::vector<BackendTarget> targets_ SMARTBATCH_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> found_ SMARTBATCH_GUARDED_BY(mutex_);  // by name
  std::map<std::string, Member> members_ SMARTBATCH_GUARDED_BY(mutex_);                  // by address
};

}  // namespace smartbatch::transport
