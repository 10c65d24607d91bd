#include "services/metrics_endpoint/metrics_endpoint.h"

#include <array>
#include <chrono>
#include <exception>
#include <stop_token>
#include <thread>
#include <utility>

#include <civetweb.h>

#include "absl/status/status.h"
#include "services/metrics_endpoint/process_metrics.h"

namespace smartbatch::metrics {
namespace {

// Connects to the endpoint again and again. civetweb looks every 2 s, or at a new connection, whether it should stop.
void ConnectUntil(const std::stop_token& stop, const std::string& address) {
  const auto colon = address.rfind(':');
  const bool bracketed = address.front() == '[';
  const std::string host = bracketed ? address.substr(1, colon - 2) : address.substr(0, colon);
  const int port = std::stoi(address.substr(colon + 1));
  std::array<char, 128> error{};
  while (!stop.stop_requested()) {
    if (mg_connection* const connection = mg_connect_client(host.c_str(), port, 0, error.data(), error.size())) {
      mg_close_connection(connection);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Start(const std::string& address,
                                                       std::shared_ptr<prometheus::Collectable> collectable) {
  std::unique_ptr<prometheus::Exposer> exposer;
  try {
    exposer = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception&) {  // what() of civetweb says no more than that the start failed
    return absl::UnavailableError("cannot serve metrics on " + address +
                                  ": the port is taken or the host is not of this machine; choose another host:port");
  }
  std::string bound = address.substr(0, address.rfind(':')) + ":" + std::to_string(exposer->GetListeningPorts().at(0));
  return MetricsEndpoint(std::move(bound), std::move(collectable), std::move(exposer));
}

MetricsEndpoint::MetricsEndpoint(std::string address, std::shared_ptr<prometheus::Collectable> collectable,
                                 std::unique_ptr<prometheus::Exposer> exposer)
    : address_(std::move(address)),
      collectable_(std::move(collectable)),
      process_(MakeProcessMetrics()),
      exposer_(std::move(exposer)) {
  exposer_->RegisterCollectable(collectable_);
  exposer_->RegisterCollectable(process_);
}

MetricsEndpoint::~MetricsEndpoint() {
  if (!exposer_) return;  // moved from
  const std::jthread hurry([this](const std::stop_token& stop) { ConnectUntil(stop, address_); });
  exposer_.reset();
}

}  // namespace smartbatch::metrics
