#include "services/proxy/proxy.h"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "services/proxy/observers/live_page/live_page.h"
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

void LogOutcomes(const scheduling::OutcomeCounts& ended) {
  using scheduling::Outcome;
  spdlog::info(
      "stopped: of {} requests {} were answered, {} rejected, {} shed, {} expired, {} cancelled, {} failed by "
      "backends, {} ended by the stop",
      ended.offered, ended[Outcome::kAnswered], ended[Outcome::kRejected], ended[Outcome::kShed],
      ended[Outcome::kExpired], ended[Outcome::kCancelled], ended[Outcome::kBackendFailed], ended[Outcome::kShutDown]);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Start(const Config& config, const net::Handover& handover,
                                                    ReadAgain read_again, const runtime::Clock& clock) {
  auto access = AccessOf(config);
  if (!access.ok()) return access.status();
  access->customers.handover = handover;
  access->operators.handover = handover;
  auto model = ServedModel::Create(config, clock);
  if (!model.ok()) return model.status();
  std::unique_ptr<Proxy> proxy(
      new Proxy(config, *std::move(access), handover, std::move(read_again), clock, *std::move(model)));
  if (auto status = proxy->Serve(config); !status.ok()) return status;
  return proxy;
}

Proxy::Proxy(const Config& config, Access access, net::Handover handover, ReadAgain read_again,
             const runtime::Clock& clock, std::unique_ptr<ServedModel> model)
    : clock_(clock),
      access_(std::move(access)),
      handover_(std::move(handover)),
      protocols_(ProtocolsOf(config)),
      model_(std::move(model)),
      models_({{config.model(), model_->dispatcher()}}),
      queue_(static_cast<int>(config.settings.threads()),
             [this](grpc::CompletionQueue& events) { transport::RunEvents(events, models_); }),
      server_(config.settings.listen(), queue_, *protocols_.customers, access_.customers),
      can_reload_(read_again != nullptr),
      reloader_(
          config, std::move(read_again),
          [this](const Config& before, const Config& after) { return BringIn(before, after); },
          [this](bool successful) { model_->metrics()->ReloadEnded(successful); }) {
  server_.customer_rights().Set(BindingsOf(config));
}

Proxy::~Proxy() {
  Close();
  admin_.reset();
  server_.Shutdown();
  model_->Disconnect();
}

absl::Status Proxy::Serve(const Config& config) {
  const auto& metrics = model_->metrics();
  model_->Connect(config, queue_, protocols_, access_.backends);
  if (protocols_.model != nullptr) {
    inference_ = std::make_unique<transport::InferenceCalls>(
        transport::InferenceParts{protocols_.model, *protocols_.infer, model_->dispatcher(), clock_, *metrics,
                                  model_->statistics(), server_.customer_rights(), SMARTBATCH_VERSION});
    server_.ServeOthers([this](rpc::GenericCall& call) { return inference_->Serve(call); });
  }
  WatchCalls();
  auto endpoint = metrics::MetricsEndpoint::Start(config.settings.metrics_listen(), metrics, config.metrics_tls(),
                                                  handover_, live_page::Documents(model_->live_sources()));
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = *std::move(endpoint);
  transport::AdminTargets targets{model_->dispatcher(), clock_, model_->decisions(), {}, access_.operator_rights};
  if (can_reload_) targets.reload = [this](bool validate_only) { return ReloadFor(reloader_, validate_only); };
  auto admin =
      transport::AdminServer::Start(config.settings.admin_listen(), queue_, std::move(targets), access_.operators);
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  if (auto status = server_.Start(models_, clock_, *metrics); !status.ok()) return status;
  server_.SetAdminAddress(admin_address());
  admin_->SetDataAddress(address());
  model_->Watch([this](bool reachable) { server_.SetReachable(reachable); });
  spdlog::info("serving on {}, admin on {}, metrics on {}: strategy {}, up to {} sequences a batch, {} backends",
               address(), admin_address(), metrics_address(), config.settings.strategy().name(),
               config.settings.limits().max_batch_size(), model_->backends());
  return absl::OkStatus();
}

void Proxy::WatchCalls() {
  model_->metrics()->WatchCalls([this] {
    const transport::LiveCalls::Counts calls = server_.calls();
    return metrics::CallsInTransit{.requests_arriving = calls.arriving,
                                   .answers_leaving = calls.leaving,
                                   .requests_given_up = calls.requests_given_up,
                                   .answers_given_up = calls.answers_given_up};
  });
}

absl::Status Proxy::BringIn(const Config& before, const Config& after) {
  if (auto status = model_->Reconfigure(before, after); !status.ok()) return status;
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
  model_->CloseDecisionLog();
  LogOutcomes(model_->dispatcher().Look(0).outcomes);
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
                        .is_idle = [this] { return model_->dispatcher().WaitUntilIdle(Duration::zero()); }},
                       time);
}

// Answers what is there, up to the time allowed or a second signal; then ends it.
void Proxy::Drain(program::StopTime& time) {
  runtime::Dispatcher& dispatcher = model_->dispatcher();
  dispatcher.StopAccepting();
  bool idle = dispatcher.WaitUntilIdle(Duration::zero());
  while (!idle && !time.IsOver()) idle = dispatcher.WaitUntilIdle(milliseconds(20));
  if (!idle) {
    spdlog::warn("{} requests that wait are ended: {}", dispatcher.Look(0).queued_requests,
                 time.asked_again() ? "a second signal came" : "--drain-seconds have passed");
  }
  Close();
}

void Proxy::Close() {
  do {
    model_->dispatcher().Close();
  } while (!model_->dispatcher().WaitUntilIdle(milliseconds(100)));
}

}  // namespace smartbatch::proxy
