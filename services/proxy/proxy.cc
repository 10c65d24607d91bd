#include "services/proxy/proxy.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "services/proxy/observers/live_page/live_page.h"
#include "services/proxy/observers/metrics/joined_metrics.h"
#include "services/proxy/transport/event_loop.h"
#include "services/rpc/goaway.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;

// What the operators' service calls.
absl::StatusOr<transport::ReloadedSettings> ReloadFor(Reloader& reloader, bool validate_only) {
  const auto reloaded = reloader.Reload(validate_only);
  if (!reloaded.ok()) return reloaded.status();
  const auto told = [](const std::vector<FieldChange>& changes) {
    std::vector<transport::SettingChange> settings;
    for (const FieldChange& change : changes) settings.push_back({change.field, change.before, change.after});
    return settings;
  };
  return transport::ReloadedSettings{told(reloaded->changes), told(reloaded->overridden)};
}

runtime::ModelTable TableOf(const std::vector<std::unique_ptr<ServedModel>>& models) {
  std::vector<runtime::ModelTable::Entry> entries;
  for (const auto& model : models) entries.push_back(model->entry());
  return runtime::ModelTable(std::move(entries));
}

CustomerProtocol ProtocolOf(const Config& config, const std::vector<std::unique_ptr<ServedModel>>& models) {
  std::vector<const BackendProtocol*> backends;
  for (const auto& model : models) backends.push_back(&model->protocol());
  return CustomerProtocolOf(ModelsOf(config), backends);
}

std::vector<runtime::DeviceTable::Setting> DevicesOf(const Config& config) {
  std::vector<runtime::DeviceTable::Setting> devices;
  for (const v1::DeviceConfig& device : config.settings.devices()) devices.push_back({device.name(), device.slots()});
  return devices;
}

void LogOutcomes(const std::string& model, const scheduling::OutcomeCounts& ended) {
  using scheduling::Outcome;
  spdlog::info(
      "stopped{}: of {} requests {} were answered, {} rejected, {} shed, {} expired, {} cancelled, {} failed by "
      "backends, {} ended by the stop",
      model.empty() ? "" : " model " + model, ended.offered, ended[Outcome::kAnswered], ended[Outcome::kRejected],
      ended[Outcome::kShed], ended[Outcome::kExpired], ended[Outcome::kCancelled], ended[Outcome::kBackendFailed],
      ended[Outcome::kShutDown]);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Start(const Config& config, const net::Handover& handover,
                                                    ReadAgain read_again, const runtime::Clock& clock) {
  auto access = AccessOf(config);
  if (!access.ok()) return access.status();
  access->customers.handover = handover;
  access->operators.handover = handover;
  std::unique_ptr<traces::Traces> traces;
  if (!config.settings.trace_endpoint().empty()) {
    auto opened = traces::Traces::Open({config.settings.trace_endpoint(), SMARTBATCH_VERSION}, clock);
    if (!opened.ok()) return opened.status();
    traces = *std::move(opened);
  }
  Models models;
  for (const ModelChoice& choice : ModelsOf(config)) {
    auto model = ServedModel::Create(choice, clock, traces.get());
    if (!model.ok()) return model.status();
    models.push_back(*std::move(model));
  }
  std::unique_ptr<Proxy> proxy(new Proxy(config, *std::move(access), handover, std::move(read_again), clock,
                                         std::move(traces), std::move(models)));
  if (auto status = proxy->Serve(config); !status.ok()) return status;
  return proxy;
}

Proxy::Proxy(const Config& config, Access access, net::Handover handover, ReadAgain read_again,
             const runtime::Clock& clock, std::unique_ptr<traces::Traces> traces, Models models)
    : clock_(clock),
      access_(std::move(access)),
      handover_(std::move(handover)),
      metrics_(std::make_shared<metrics::ServerMetrics>(SMARTBATCH_VERSION)),
      traces_(std::move(traces)),
      models_(std::move(models)),
      table_(TableOf(models_)),
      queue_(static_cast<int>(config.settings.threads()),
             [this, busy_poll = std::chrono::microseconds(config.settings.busy_poll_microseconds())](
                 grpc::CompletionQueue& events) { transport::RunEvents(events, table_, busy_poll); }),
      protocol_(ProtocolOf(config, models_)),
      server_(config.settings.listen(), queue_, *protocol_.codec, access_.customers),
      can_reload_(read_again != nullptr),
      reloader_(
          config, std::move(read_again),
          [this](const Config& before, const Config& after) { return BringIn(before, after); },
          [this](bool successful) { metrics_->ReloadEnded(successful); }) {
  devices_.Set(DevicesOf(config));
  metrics_->WatchDevices([this] { return devices_.Look(); });
  server_.customer_rights().Set(BindingsOf(config));
}

Proxy::~Proxy() {
  Close();
  admin_.reset();
  server_.Shutdown();
  for (const auto& model : models_) model->Disconnect();
}

absl::Status Proxy::Serve(const Config& config) {
  const std::vector<ModelChoice> choices = ModelsOf(config);
  for (std::size_t i = 0; i < models_.size(); ++i) {
    models_[i]->Connect(choices[i].config, devices_, queue_, access_.backends);
  }
  if (protocol_.infer != nullptr) {
    inference_ = std::make_unique<transport::InferenceCalls>(transport::InferenceParts{
        *protocol_.infer, table_, clock_, *metrics_, server_.customer_rights(), SMARTBATCH_VERSION});
    server_.ServeOthers([this](rpc::GenericCall& call) { return inference_->Serve(call); });
  }
  WatchCalls();
  std::vector<metrics::JoinedMetrics::Source> series = {{metrics_}};
  std::vector<live_page::Sources> pages;
  for (const auto& model : models_) {
    series.push_back({model->metrics(), pages.empty() ? std::string() : model->name()});
    pages.push_back(model->live_sources());
  }
  auto endpoint = metrics_endpoint::MetricsEndpoint::Start(
      config.settings.metrics_listen(), std::make_shared<metrics::JoinedMetrics>(std::move(series)),
      config.metrics_tls(), handover_, live_page::Documents(std::move(pages)));
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = *std::move(endpoint);
  transport::AdminTargets targets{table_, clock_, {}, access_.operator_rights};
  if (can_reload_) targets.reload = [this](bool validate_only) { return ReloadFor(reloader_, validate_only); };
  auto admin =
      transport::AdminServer::Start(config.settings.admin_listen(), queue_, std::move(targets), access_.operators);
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  if (auto status = server_.Start(table_, clock_, *metrics_); !status.ok()) return status;
  server_.SetAdminAddress(admin_address());
  admin_->SetDataAddress(address());
  for (std::size_t i = 0; i < models_.size(); ++i) {
    models_[i]->Watch([this, i](bool reachable) { ModelIsReachable(i, reachable); });
  }
  spdlog::info("serving on {}, admin on {}, metrics on {}", address(), admin_address(), metrics_address());
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const Config& model = choices[i].config;
    spdlog::info("model {}: strategy {}, up to {} sequences a batch, {} backends", models_[i]->name(),
                 model.settings.strategy().name(), model.settings.limits().max_batch_size(), models_[i]->backends());
  }
  return absl::OkStatus();
}

void Proxy::WatchCalls() {
  metrics_->WatchCalls([this] {
    const transport::LiveCalls::Counts calls = server_.calls();
    return metrics::CallsInTransit{.requests_arriving = calls.arriving,
                                   .answers_leaving = calls.leaving,
                                   .requests_given_up = calls.requests_given_up,
                                   .answers_given_up = calls.answers_given_up};
  });
}

// Health checks of the customers' service say that it serves while any model can be reached: the others' customers are
// answered UNAVAILABLE, and nobody is sent elsewhere for them.
void Proxy::ModelIsReachable(std::size_t model, bool reachable) {
  const MutexLock lock(reachable_mutex_);
  if (reachable) {
    unreachable_.erase(model);
  } else {
    unreachable_.insert(model);
  }
  server_.SetReachable(unreachable_.size() < models_.size());
}

// The settings of every model were checked when they were read, and their number and order cannot change: so it does
// not come to pass that one model takes over what another one then refuses.
absl::Status Proxy::BringIn(const Config& before, const Config& after) {
  const std::vector<ModelChoice> old_choices = ModelsOf(before);
  const std::vector<ModelChoice> new_choices = ModelsOf(after);
  devices_.Set(DevicesOf(after));
  for (std::size_t i = 0; i < models_.size(); ++i) {
    auto status = models_[i]->Reconfigure(old_choices[i].config, new_choices[i].config, devices_);
    if (!status.ok()) return status;
  }
  server_.customer_rights().Set(BindingsOf(after));
  return absl::OkStatus();
}

void Proxy::Reload() {
  if (!can_reload_) {
    return spdlog::warn("there is no configuration file to read again; start with --config FILE");
  }
  [[maybe_unused]] const auto reloaded = reloader_.Reload();  // it logs what has come of it
}

void Proxy::Stop(program::StopTime& time) {
  if (handover_.IsPossible()) HandOver(time);
  server_.StopServing();
  Drain(time);
  server_.WaitForAnswers();
  for (const auto& model : models_) {
    model->CloseDecisionLog();
    LogOutcomes(models_.size() > 1 ? model->name() : std::string(), model->dispatcher().Look(0).outcomes);
  }
  if (traces_ != nullptr) traces_->Close();
}

// Leaves the ports and the callers to the process that follows, and serves what still comes here meanwhile.
void Proxy::HandOver(program::StopTime& time) {
  if (handover_.share_ports) std::this_thread::sleep_for(rpc::kHandshakeTime);
  server_.StopAccepting();
  admin_->StopAccepting();
  endpoint_->StopAccepting();
  const auto move_callers = [this] {
    admin_->MoveCallers();
    return server_.MoveCallers();
  };
  move_callers();
  // Not before: clients that watch it would have nobody to call.
  server_.StopServing();
  admin_->StopServing();
  rpc::ServeUntilMoved({.move_callers = move_callers,
                        .calls = [this] { return server_.calls().entered; },
                        .is_idle = [this] { return WaitUntilIdle(Duration::zero()); }},
                       time);
}

// Answers what is there, up to the time allowed or a second signal; then ends it.
void Proxy::Drain(program::StopTime& time) {
  for (const auto& model : models_) model->dispatcher().StopAccepting();
  bool idle = WaitUntilIdle(Duration::zero());
  while (!idle && !time.IsOver()) idle = WaitUntilIdle(milliseconds(20));
  if (!idle) {
    std::uint64_t waiting = 0;
    for (const auto& model : models_) waiting += model->dispatcher().Look(0).queued_requests;
    spdlog::warn("{} requests that wait are ended: {}", waiting,
                 time.asked_again() ? "a second signal came" : "--drain-seconds have passed");
  }
  Close();
}

void Proxy::Close() {
  do {
    for (const auto& model : models_) model->dispatcher().Close();
  } while (!WaitUntilIdle(milliseconds(100)));
}

// False as soon as one of them has taken longer.
bool Proxy::WaitUntilIdle(Duration timeout) {
  return std::all_of(models_.begin(), models_.end(),
                     [timeout](const auto& model) { return model->dispatcher().WaitUntilIdle(timeout); });
}

}  // namespace smartbatch::proxy
