#include "tests/integration/stack.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

namespace smartbatch::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

Flags Joined(Flags first, const Flags& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Adds a log level to the flags, unless they have one.
Flags Quieted(const Flags& flags, const std::string& level) {
  if (std::find(flags.begin(), flags.end(), "--log-level") != flags.end()) return flags;
  return Joined(flags, {"--log-level", level});
}

}  // namespace

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::shared_ptr<grpc::Channel> TlsChannelTo(const std::string& address, const std::string& trusted,
                                            const std::string& name) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetSslTargetNameOverride(name);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = trusted;
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments);
}

Scrape::Scrape(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.rfind(' ');
    series_[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
}

std::optional<double> Scrape::Value(const std::string& series) const {
  const auto found = series_.find(series);
  if (found == series_.end()) return std::nullopt;
  return found->second;
}

double Scrape::Sum(const std::string& name, const std::string& labels) const {
  double sum = 0;
  for (const auto& [series, value] : series_) {
    const bool named = series.rfind(name, 0) == 0 && (series.size() == name.size() || series[name.size()] == '{');
    if (named && series.find(labels) != std::string::npos) sum += value;
  }
  return sum;
}

double Scrape::Count(const std::string& name) const {
  return static_cast<double>(std::count_if(series_.begin(), series_.end(), [&](const auto& series) {
    return series.first.rfind(name + "{", 0) == 0 || series.first == name;
  }));
}

ClassifierProcess::ClassifierProcess(const Flags& flags, const std::string& address)
    : process_("smartbatch-classifier",
               Joined({"--listen", address, "--metrics-listen", "127.0.0.1:0"}, Quieted(flags, "warning"))) {
  const auto ready = process_.WaitUntilReady();
  if (!ready) throw std::runtime_error("the classifier did not start");
  address_ = ready->at("listen");
}

ProxyProcess::ProxyProcess(const std::string& classifier_address, const Flags& flags)
    : process_(
          "smartbatch-proxy",
          Joined(Joined({"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"},
                        classifier_address.empty() ? Flags{} : Flags{"--backend", classifier_address}),
                 Quieted(flags, "error"))) {
  const auto ready = process_.WaitUntilReady();
  if (!ready) throw std::runtime_error("the proxy did not start");
  address_ = ready->at("listen");
  admin_address_ = ready->at("admin");
  metrics_address_ = ready->at("metrics");
  channel_ = ChannelTo(address_);
  stub_ = proxy::v1::ProxyService::NewStub(channel_);
  admin_ = proxy::v1::AdminService::NewStub(ChannelTo(admin_address_));
}

ProxyProcess::Seen ProxyProcess::Classify(const std::vector<std::string>& sequences, const std::string& customer,
                                          std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.AddMetadata("x-customer-id", customer);
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  proxy::v1::ProxyClassifyRequest request;
  request.mutable_sequences()->Add(sequences.begin(), sequences.end());
  Seen seen;
  const auto start = std::chrono::steady_clock::now();
  seen.status = stub_->ProxyClassify(&context, request, &seen.response);
  seen.took = std::chrono::steady_clock::now() - start;
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    seen.trailers[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
  }
  return seen;
}

grpc::Status ProxyProcess::SetStrategy(const std::string& strategy,
                                       const std::map<std::string, std::string>& parameters) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  proxy::v1::SetStrategyRequest request;
  request.set_strategy(strategy);
  request.mutable_parameters()->insert(parameters.begin(), parameters.end());
  proxy::v1::SetStrategyResponse response;
  return admin_->SetStrategy(&context, request, &response);
}

proxy::v1::GetStatusResponse ProxyProcess::Status() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  proxy::v1::GetStatusResponse response;
  const grpc::Status status = admin_->GetStatus(&context, {}, &response);
  if (!status.ok()) throw std::runtime_error("GetStatus: " + status.error_message());
  return response;
}

grpc::health::v1::HealthCheckResponse::ServingStatus ProxyProcess::Health(const std::string& service) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, &response);
  return status.ok() ? response.status() : grpc::health::v1::HealthCheckResponse::UNKNOWN;
}

Scrape ProxyProcess::Metrics() const {
  return Scrape(
      RunToEnd("/usr/bin/curl", {"--silent", "--fail", "http://" + metrics_address_ + "/metrics"}).standard_output);
}

bool ProxyProcess::WaitForUnfinished(std::uint64_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < deadline) {
    const auto outcomes = Status().outcomes();
    const std::uint64_t ended = outcomes.answered() + outcomes.rejected() + outcomes.expired() + outcomes.cancelled() +
                                outcomes.backend_failed() + outcomes.shut_down() + outcomes.shed();
    if (outcomes.offered() - ended == count) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

}  // namespace smartbatch::testing
