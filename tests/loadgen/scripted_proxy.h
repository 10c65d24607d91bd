// A server in the test's own process that takes the place of the proxy: it answers as the test tells it to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::loadgen {

// What one call carried.
struct ReceivedCall {
  std::string customer;
  std::string strategy;  // the active one
  const proxy::v1::ProxyClassifyRequest& request;
  const std::multimap<grpc::string_ref, grpc::string_ref>& metadata;
};

// Data and admin service on one port of the loopback device. Thread safe.
class ScriptedProxy {
 public:
  // Called for each request, on several threads at once; may block. It need not fill in the response.
  using Handler = std::function<grpc::Status(const ReceivedCall& call)>;

  explicit ScriptedProxy(
      Handler handler = [](const ReceivedCall&) { return grpc::Status::OK; },
      std::vector<std::string> strategies = {"fair", "fcfs", "sjf"},
      const std::shared_ptr<grpc::ServerCredentials>& credentials = grpc::InsecureServerCredentials());
  ~ScriptedProxy();
  ScriptedProxy(const ScriptedProxy&) = delete;
  ScriptedProxy& operator=(const ScriptedProxy&) = delete;

  const std::string& address() const { return address_; }
  std::string active_strategy() const;
  // Every strategy that was set, in order.
  std::vector<std::string> switches() const;
  // The models that operators' calls were about; empty names are those of calls that named none.
  std::set<std::string> models() const;

 private:
  class DataService;
  class AdminService;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string active_;
  std::vector<std::string> switches_;
  std::set<std::string> models_;

  std::unique_ptr<DataService> data_;
  std::unique_ptr<AdminService> admin_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace smartbatch::loadgen
