#include "services/proxy/served_model.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

namespace smartbatch::proxy {
namespace {

metrics::LatencyObjectives ObjectivesOf(const Config& config) {
  metrics::LatencyObjectives objectives{.configured = {},
                                        .others = FromSeconds(config.settings.latency_objective_ms() / 1000)};
  for (const v1::CustomerConfig& customer : config.settings.customers()) {
    objectives.configured[customer.name()] = PolicyOf(customer).latency_objective.value_or(objectives.others);
  }
  return objectives;
}

std::map<std::string, scheduling::CustomerPolicy> PoliciesOf(const Config& config) {
  std::map<std::string, scheduling::CustomerPolicy> policies;
  for (const v1::CustomerConfig& customer : config.settings.customers()) {
    policies[customer.name()] = PolicyOf(customer);
  }
  return policies;
}

runtime::Reconfiguration ReconfigurationOf(const Config& before, const Config& after) {
  runtime::Reconfiguration next{.options = after.limits(), .customers = PoliciesOf(after), .strategy = {}};
  // An operator may have chosen another strategy meanwhile: it goes only if the file has changed its mind.
  const bool same =
      before.strategy().name == after.strategy().name && before.strategy().parameters == after.strategy().parameters;
  if (!same) next.strategy = after.strategy();
  return next;
}

std::shared_ptr<metrics::ProxyMetrics> MetricsOf(const Config& config) {
  return std::make_shared<metrics::ProxyMetrics>(
      metrics::MetricsOptions{.max_batch_size = config.settings.limits().max_batch_size(),
                              .cost = config.cost(),
                              .objectives = ObjectivesOf(config)});
}

void WarnOfSharing(std::string_view strategy) {
  spdlog::warn(
      "more than one customer calls, and the strategy {} does not share between them: one that sends without end "
      "delays the others; weighted_fair gives each its share (SetStrategy, or --strategy at the start)",
      strategy);
}

}  // namespace

ServedModel::ServedModel(const ModelChoice& choice, const runtime::Clock& clock, BackendProtocol protocol)
    : name_(choice.name),
      clock_(clock),
      max_batch_size_(choice.config.settings.limits().max_batch_size()),
      metrics_(MetricsOf(choice.config)),
      adaptive_(choice.config.limits(), PoliciesOf(choice.config), clock),
      answers_(clock),
      sharing_(WarnOfSharing),
      backend_log_(max_batch_size_),
      protocol_(std::move(protocol)) {}

absl::StatusOr<std::unique_ptr<ServedModel>> ServedModel::Create(const ModelChoice& choice, const runtime::Clock& clock,
                                                                 traces::Traces* traces) {
  auto protocol = BackendProtocolOf(choice);
  if (!protocol.ok()) return protocol.status();
  std::unique_ptr<ServedModel> model(new ServedModel(choice, clock, *std::move(protocol)));
  if (auto status = model->StartDispatcher(choice.config, traces); !status.ok()) return status;
  return model;
}

absl::Status ServedModel::StartDispatcher(const Config& config, traces::Traces* traces) {
  const auto policies = PoliciesOf(config);
  std::vector<scheduling::SchedulerObserver*> observers = {metrics_.get(), &adaptive_,   &decisions_,  &answers_,
                                                           &sharing_,      &statistics_, &backend_log_};
  std::vector<runtime::DecisionObserver*> decision_observers = {metrics_.get()};
  if (spdlog::should_log(spdlog::level::debug)) observers.push_back(&batch_log_);
  if (!config.settings.decision_log().empty()) {
    const simulation::log_lines::Start start{config.limits(), config.strategy(), policies};
    auto log = decision_log::DecisionLog::Open(config.settings.decision_log(), start, clock_.Now());
    if (!log.ok()) return log.status();
    decision_log_ = *std::move(log);
    observers.push_back(decision_log_.get());
    decision_observers.push_back(decision_log_.get());
    metrics_->WatchDecisionLog([this] { return decision_log_->dropped(); });
  }
  runtime::OfferObserver* offers = nullptr;
  if (traces != nullptr) {
    traces_ = traces->Of(name_);
    observers.push_back(&traces_->scheduler_observer());
    offers = &traces_->offer_observer();
  }
  observers_ = std::make_unique<scheduling::ObserverList>(std::move(observers));
  decision_observers_ = std::make_unique<runtime::DecisionObserverList>(std::move(decision_observers));
  auto scheduler = scheduling::Scheduler::Create(config.limits(), config.strategy(), observers_.get());
  if (!scheduler.ok()) return scheduler.status();
  dispatcher_ = std::make_unique<runtime::Dispatcher>(*std::move(scheduler), clock_, decision_observers_.get(), offers);
  for (const auto& [name, policy] : policies) dispatcher_->ConfigureCustomer(name, policy);
  metrics_->WatchState([this](const std::vector<std::string>& names) { return dispatcher_->Look(names); });
  return absl::OkStatus();
}

std::vector<transport::BackendTarget> ServedModel::TargetsOf(const Config& config,
                                                             const runtime::DeviceTable& devices) {
  std::map<std::string, std::shared_ptr<runtime::DeviceShare>> shares;
  std::vector<transport::BackendTarget> targets;
  for (const v1::BackendConfig& backend : config.settings.backends()) {
    transport::BackendTarget& target = targets.emplace_back();
    target.address = HostAndPortOf(backend);
    target.slots = backend.slots();
    if (backend.device().empty()) continue;
    std::shared_ptr<runtime::DeviceShare>& share = shares[backend.device()];
    if (share == nullptr) share = ShareOf(backend.device(), config, devices);
    target.device = share;
  }
  shares_ = std::move(shares);
  return targets;
}

std::shared_ptr<runtime::DeviceShare> ServedModel::ShareOf(const std::string& device, const Config& config,
                                                           const runtime::DeviceTable& devices) {
  const double weight = DeviceWeightOf(config, device, name_);
  std::shared_ptr<runtime::Device> found = devices.Find(device);
  const auto known = shares_.find(device);
  if (known == shares_.end() || &known->second->device() != found.get()) {
    return std::make_shared<runtime::DeviceShare>(std::move(found), *dispatcher_, weight);
  }
  known->second->SetWeight(weight);
  return known->second;
}

void ServedModel::Connect(const Config& config, const runtime::DeviceTable& devices, rpc::CallQueue& queue,
                          const transport::BackendClientOptions& access) {
  backends_ = std::make_unique<transport::BackendSet>(
      *dispatcher_,
      [this, &queue, access](const std::string& address) {
        return std::make_shared<transport::BackendClient>(address, *protocol_.codec, queue.queue(), access);
      },
      transport::BackendSetOptions{.cost = config.cost(),
                                   .health_check_interval = FromSeconds(config.settings.health_check_seconds()),
                                   .lookup_interval = FromSeconds(config.settings.lookup_seconds())});
  backends_->SetTargets(TargetsOf(config, devices));
  backends_->Refresh();
  if (protocol_.model != nullptr) {
    reader_ = std::make_unique<transport::ModelReader>(
        protocol_.model, [this] { return backends_->addresses(); }, access);
    reader_->Look();
  }
}

void ServedModel::Watch(transport::Reachability::Tell tell) {
  reachability_ = std::make_unique<transport::Reachability>(
      *dispatcher_, [this] { return backends_->Troubles(); }, std::move(tell));
  threads_.emplace_back([this](const std::stop_token& stop) { dispatcher_->RunTimer(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { backends_->Run(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { reachability_->Run(clock_, stop); });
  if (reader_ != nullptr) threads_.emplace_back([this](const std::stop_token& stop) { reader_->Run(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { adaptive_.Run(*dispatcher_, stop); });
}

void ServedModel::Disconnect() {
  threads_.clear();
  backends_.reset();
}

absl::Status ServedModel::Reconfigure(const Config& before, const Config& after, const runtime::DeviceTable& devices) {
  if (auto status = dispatcher_->Reconfigure(ReconfigurationOf(before, after)); !status.ok()) return status;
  adaptive_.Reconfigure(after.limits(), PoliciesOf(after));
  metrics_->SetObjectives(ObjectivesOf(after));
  backends_->SetTargets(TargetsOf(after, devices));
  dispatcher_->Tick();  // a device may have more slots for it now
  return absl::OkStatus();
}

void ServedModel::CloseDecisionLog() {
  if (decision_log_ != nullptr) decision_log_->Close();
}

live_page::Sources ServedModel::live_sources() {
  return {.model = name_,
          .clock = clock_,
          .decisions = decisions_,
          .answers = answers_,
          .state = [this](std::size_t customers) { return dispatcher_->Look(customers); },
          .max_batch_size = max_batch_size_,
          .version = SMARTBATCH_VERSION};
}

}  // namespace smartbatch::proxy
