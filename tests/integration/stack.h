// The real programs over loopback: a classifier with a proxy in front of it, and ways to call and to watch them.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/support/process.h"

namespace smartbatch::testing {

using Flags = std::vector<std::string>;

// A channel of its own, without retries.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address);

// The same over TLS, with a client's usual retries. It trusts these certificates (PEM) if they bear that name.
std::shared_ptr<grpc::Channel> TlsChannelTo(const std::string& address, const std::string& trusted,
                                            const std::string& name);

// The series of one scrape, by their names and labels as written.
class Scrape {
 public:
  explicit Scrape(const std::string& text);
  // The value of the series written in this way; nothing if it is not there.
  std::optional<double> Value(const std::string& series) const;
  // The sum over the series of that name whose labels hold the given text.
  double Sum(const std::string& name, const std::string& labels = "") const;
  // How many series of that name there are.
  double Count(const std::string& name) const;

 private:
  std::map<std::string, double> series_;
};

// A running classifier.
class ClassifierProcess {
 public:
  // On a free port, or on the given address.
  explicit ClassifierProcess(const Flags& flags = {}, const std::string& address = "127.0.0.1:0");
  const std::string& address() const { return address_; }
  Process& process() { return process_; }

 private:
  Process process_;
  std::string address_;
};

// A proxy that runs in front of the classifier at that address, on free ports. Without an address the flags or the file
// say where classifiers are.
class ProxyProcess {
 public:
  explicit ProxyProcess(const std::string& classifier_address, const Flags& flags = {});

  struct Seen {
    grpc::Status status;
    proxy::v1::ProxyClassifyResponse response;
    std::map<std::string, std::string> trailers;
    std::chrono::nanoseconds took{};
  };
  Seen Classify(const std::vector<std::string>& sequences, const std::string& customer = "test",
                std::chrono::milliseconds timeout = std::chrono::seconds(30));
  grpc::Status SetStrategy(const std::string& strategy, const std::map<std::string, std::string>& parameters = {});
  proxy::v1::GetStatusResponse Status();
  // The health of that service on the customers' port; of the server as a whole if the name is empty.
  grpc::health::v1::HealthCheckResponse::ServingStatus Health(
      const std::string& service = "smartbatch.proxy.v1.ProxyService");
  Scrape Metrics() const;
  // Waits until `count` requests are queued or at the classifier; returns false after a minute.
  bool WaitForUnfinished(std::uint64_t count);

  Process& process() { return process_; }
  const std::string& address() const { return address_; }
  const std::string& admin_address() const { return admin_address_; }
  const std::string& metrics_address() const { return metrics_address_; }
  proxy::v1::AdminService::Stub& admin() { return *admin_; }

 private:
  Process process_;
  std::string address_;
  std::string admin_address_;
  std::string metrics_address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<proxy::v1::ProxyService::Stub> stub_;
  std::unique_ptr<proxy::v1::AdminService::Stub> admin_;
};

}  // namespace smartbatch::testing
