#include "tests/loadgen/scripted_proxy.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace smartbatch::loadgen {
namespace {

using grpc::ServerContext;
using grpc::Status;

constexpr char kCustomerKey[] = "x-customer-id";

}  // namespace

class ScriptedProxy::DataService final : public proxy::v1::ProxyService::Service {
 public:
  DataService(const ScriptedProxy& owner, Handler handler) : owner_(owner), handler_(std::move(handler)) {}

  Status ProxyClassify(ServerContext* context, const proxy::v1::ProxyClassifyRequest* request,
                       proxy::v1::ProxyClassifyResponse* response) override {
    const auto arrival = std::chrono::steady_clock::now();
    const auto customer = context->client_metadata().find(kCustomerKey);
    const std::string name = customer == context->client_metadata().end()
                                 ? "default"
                                 : std::string(customer->second.data(), customer->second.size());
    const std::string strategy = owner_.active_strategy();
    const Status status = handler_({name, strategy, *request, context->client_metadata()});
    const std::chrono::duration<double, std::milli> latency = std::chrono::steady_clock::now() - arrival;
    for (const std::string& sequence : request->sequences()) {
      auto& result = *response->add_results();
      result.set_label(sequence.find(';') == std::string::npos ? "not code" : "code");
      result.set_confidence(0.9);
    }
    response->set_proxy_latency_ms(latency.count());
    response->mutable_timings()->set_strategy(strategy);
    response->mutable_timings()->set_batches(1);
    response->mutable_timings()->add_batch_sizes(static_cast<std::uint32_t>(request->sequences_size()));
    return status;
  }

 private:
  const ScriptedProxy& owner_;
  const Handler handler_;
};

class ScriptedProxy::AdminService final : public proxy::v1::AdminService::Service {
 public:
  AdminService(ScriptedProxy& owner, std::vector<std::string> strategies)
      : owner_(owner), strategies_(std::move(strategies)) {}

  Status SetStrategy(ServerContext*, const proxy::v1::SetStrategyRequest* request,
                     proxy::v1::SetStrategyResponse* response) override {
    if (std::find(strategies_.begin(), strategies_.end(), request->strategy()) == strategies_.end()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "unknown strategy '" + request->strategy() + "'"};
    }
    const std::scoped_lock lock(owner_.mutex_);
    owner_.models_.insert(request->model());
    response->mutable_previous()->set_name(owner_.active_);
    owner_.active_ = request->strategy();
    owner_.switches_.push_back(owner_.active_);
    response->mutable_current()->set_name(owner_.active_);
    response->set_generation(owner_.switches_.size() + 1);
    return Status::OK;
  }
  Status GetStrategy(ServerContext*, const proxy::v1::GetStrategyRequest* request,
                     proxy::v1::GetStrategyResponse* response) override {
    const std::scoped_lock lock(owner_.mutex_);
    owner_.models_.insert(request->model());
    response->mutable_current()->set_name(owner_.active_);
    response->set_generation(owner_.switches_.size() + 1);
    return Status::OK;
  }
  Status ListStrategies(ServerContext*, const proxy::v1::ListStrategiesRequest* request,
                        proxy::v1::ListStrategiesResponse* response) override {
    const std::string active = owner_.active_strategy();
    const std::scoped_lock lock(owner_.mutex_);
    owner_.models_.insert(request->model());
    for (const std::string& name : strategies_) {
      auto& strategy = *response->add_strategies();
      strategy.set_name(name);
      strategy.set_active(name == active);
    }
    return Status::OK;
  }
  Status GetStatus(ServerContext*, const proxy::v1::GetStatusRequest* request, proxy::v1::GetStatusResponse*) override {
    const std::scoped_lock lock(owner_.mutex_);
    owner_.models_.insert(request->model());
    return Status::OK;
  }

 private:
  ScriptedProxy& owner_;
  const std::vector<std::string> strategies_;
};

ScriptedProxy::ScriptedProxy(Handler handler, std::vector<std::string> strategies,
                             const std::shared_ptr<grpc::ServerCredentials>& credentials)
    : active_(strategies.front()),
      data_(std::make_unique<DataService>(*this, std::move(handler))),
      admin_(std::make_unique<AdminService>(*this, std::move(strategies))) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(data_.get());
  builder.RegisterService(admin_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

ScriptedProxy::~ScriptedProxy() { server_->Shutdown(std::chrono::system_clock::now()); }

std::string ScriptedProxy::active_strategy() const {
  const std::scoped_lock lock(mutex_);
  return active_;
}

std::set<std::string> ScriptedProxy::models() const {
  const std::scoped_lock lock(mutex_);
  return models_;
}

std::vector<std::string> ScriptedProxy::switches() const {
  const std::scoped_lock lock(mutex_);
  return switches_;
}

}  // namespace smartbatch::loadgen
