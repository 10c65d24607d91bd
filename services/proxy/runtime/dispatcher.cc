#include "services/proxy/runtime/dispatcher.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <variant>

#include <absl/strings/str_cat.h>

namespace smartbatch::runtime {
namespace {

Ending EndingOf(scheduling::Finished finished) {
  Ending ending;
  ending.outcome = finished.outcome;
  ending.hopeless = finished.hopeless;
  ending.due_after = finished.due - finished.arrival;
  ending.backend_status = std::move(finished.backend_status);
  ending.rejection.retry_after = finished.retry_after;
  const Time dispatched = finished.last_dispatch.value_or(finished.finish);
  ending.latency = finished.finish - finished.arrival;
  ending.queued = dispatched - finished.arrival;
  ending.in_service = finished.finish - dispatched;
  ending.strategy = finished.strategy;
  if (finished.last_dispatch) ending.dispatch_reason = Name(finished.reason);
  ending.batch_sizes = std::move(finished.batch_sizes);
  return ending;
}

Ending EndingOf(const scheduling::Rejection& rejection) {
  Ending ending;
  ending.outcome = scheduling::Outcome::kRejected;
  ending.rejection = rejection;
  return ending;
}

}  // namespace

Dispatcher::Dispatcher(std::unique_ptr<scheduling::Scheduler> scheduler, const Clock& clock, DecisionObserver* observer,
                       OfferObserver* offers)
    : clock_(clock),
      observer_(observer),
      offers_(offers),
      started_(clock.Now()),
      scheduler_(std::move(scheduler)),
      strategy_(scheduler_->DecidingStrategy()) {
  // The time without a backend starts now.
  scheduling::Effects nothing;
  scheduler_->Tick(started_, nothing);
}

Dispatcher::Turn::Turn(Dispatcher& dispatcher) : dispatcher_(dispatcher) {
  dispatcher_.mutex_.lock();
  now_ = dispatcher_.clock_.Now();
}

Dispatcher::Turn::~Turn() {
  if (settles_) dispatcher_.Settle(std::move(effects), now_, actions);
  dispatcher_.mutex_.unlock();
  dispatcher_.CarryOut(std::move(actions));
}

scheduling::BackendId Dispatcher::AddBackend(std::string name, std::uint32_t slots, const CostModel& cost,
                                             std::shared_ptr<BackendLink> backend, std::shared_ptr<DeviceShare> share) {
  const Turn turn(*this);
  const scheduling::BackendId id = scheduler_->AddBackend(std::move(name), slots, cost);
  if (id >= backends_.size()) backends_.resize(id + 1);
  backends_[id] = std::move(backend);
  devices_.Place(id, std::move(share));
  return id;
}

void Dispatcher::RemoveBackend(scheduling::BackendId id) {
  std::shared_ptr<BackendLink> removed;  // released outside the lock
  const Turn turn(*this);
  scheduler_->RemoveBackend(id);
  devices_.Remove(id);
  removed = std::move(backends_[id]);
}

void Dispatcher::SetSlots(scheduling::BackendId id, std::uint32_t slots) {
  const Turn turn(*this);
  scheduler_->SetSlots(id, slots);
}

void Dispatcher::ReportHealth(scheduling::BackendId id, scheduling::HealthReport report) {
  Turn turn(*this);
  const bool changed = scheduler_->ReportHealth(id, report, turn.now(), turn.effects);
  if (!changed && turn.effects.abandoned.empty()) turn.DoNotSettle();
}

bool Dispatcher::IsUnavailable() const {
  const MutexLock lock(mutex_);
  return scheduler_->backends().Unavailable(clock_.Now());
}

void Dispatcher::Submit(Submission request, Ticket& ticket, Reply reply) {
  // The memory that the request takes until it ends.
  const std::size_t bytes = request.held_bytes + request.payload->bytes();
  Turn turn(*this);
  scheduling::Effects shed;
  const std::uint32_t kind = kinds_.Enter(request.payload->batch_key());
  if (offers_ != nullptr) offers_->Offering(request.context, turn.now());
  const auto answer = scheduler_->Offer({.customer = request.customer,
                                         .lengths = request.payload->lengths(),
                                         .deadline = request.deadline,
                                         .bytes = bytes,
                                         .kind = kind},
                                        turn.now(), shed);
  TakeEffects(std::move(shed), turn.actions);  // before a shed request's slot is used again
  if (const auto* const id = std::get_if<scheduling::RequestId>(&answer)) {
    Accept(*id, kind, request, std::move(reply), ticket);
    if (ticket.cancelled_) scheduler_->Cancel(*id, turn.now(), turn.effects);
  } else {
    turn.DoNotSettle();
    kinds_.Leave(kind);
    turn.actions.endings.emplace_back(std::move(reply), EndingOf(std::get<scheduling::Rejection>(answer)));
  }
}

void Dispatcher::Accept(scheduling::RequestId id, std::uint32_t kind, Submission& request, Reply reply,
                        Ticket& ticket) {
  if (id.slot >= accepted_.size()) accepted_.resize(id.slot + 1);
  Accepted& accepted = accepted_[id.slot];
  accepted.number = id.number;
  accepted.kind = kind;
  accepted.results.resize(request.payload->lengths().size());
  accepted.payload = std::move(request.payload);
  accepted.context = std::move(request.context);
  accepted.reply = std::move(reply);
  ticket.id_ = id;
}

void Dispatcher::Cancel(Ticket& ticket) {
  Turn turn(*this);
  ticket.cancelled_ = true;
  if (!ticket.id_) return turn.DoNotSettle();
  scheduler_->Tick(turn.now(), turn.effects);  // first: an expired request ends as expired, not as cancelled
  scheduler_->Cancel(*ticket.id_, turn.now(), turn.effects);
}

void Dispatcher::BatchEnded(scheduling::BatchId id, absl::StatusOr<BatchResults> results) {
  std::shared_ptr<BackendLink> backend;  // released outside the lock
  Turn turn(*this);
  auto batch = running_.extract(id);
  assert(!batch.empty());
  backend = std::move(batch.mapped().backend);
  devices_.End(batch.mapped().device, turn.now());
  const absl::Status status = KeepResults(batch.mapped(), std::move(results));
  scheduler_->Complete(id, status, turn.now(), turn.effects);
}

absl::Status Dispatcher::KeepResults(const SentBatch& batch, absl::StatusOr<BatchResults> results) {
  if (!results.ok()) return results.status();
  if (results->size() != batch.members.size()) {
    return absl::InternalError(
        absl::StrCat("the backend answered ", results->size(), " results for ", batch.members.size(), " sequences"));
  }
  for (std::size_t i = 0; i < batch.members.size(); ++i) {
    const scheduling::BatchMember& member = batch.members[i];
    Accepted& accepted = accepted_[member.request.slot];
    // If the request has ended by now, nobody wants the result.
    if (accepted.number != member.request.number || !accepted.reply) continue;
    accepted.results[member.sequence] = std::move((*results)[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<scheduling::StrategyChange> Dispatcher::SetStrategy(const scheduling::StrategyChoice& choice,
                                                                   std::uint64_t expected_generation,
                                                                   bool validate_only) {
  const Turn turn(*this);
  absl::StatusOr<scheduling::StrategyChange> change =
      scheduler_->SetStrategy(choice, expected_generation, validate_only);
  if (change.ok() && !validate_only) {
    advice_.reset();
    if (observer_ != nullptr) observer_->StrategySet(change->current);
  }
  strategy_ = scheduler_->DecidingStrategy();
  return change;
}

absl::Status Dispatcher::TakeAdvice(std::string_view follow, AdviceState advice) {
  const Turn turn(*this);
  absl::Status status = scheduler_->Follow(follow);
  if (status.ok()) advice_ = std::move(advice);
  strategy_ = scheduler_->DecidingStrategy();
  return status;
}

void Dispatcher::ConfigureCustomer(std::string_view name, const scheduling::CustomerPolicy& policy) {
  const MutexLock lock(mutex_);
  scheduler_->ConfigureCustomer(name, policy);
}

absl::Status Dispatcher::Reconfigure(const Reconfiguration& next) {
  const Turn turn(*this);
  if (next.strategy) {
    if (auto valid = scheduler_->SetStrategy(*next.strategy, 0, true); !valid.ok()) return valid.status();
  }
  if (auto status = scheduler_->Reconfigure(next.options); !status.ok()) return status;
  scheduler_->ConfigureCustomers(next.customers);
  if (observer_ != nullptr) observer_->Reconfigured(next);
  if (!next.strategy) return absl::OkStatus();
  const auto change = scheduler_->SetStrategy(*next.strategy);
  assert(change.ok());
  if (observer_ != nullptr) observer_->StrategySet(change->current);
  advice_.reset();
  strategy_ = scheduler_->DecidingStrategy();
  return absl::OkStatus();
}

State Dispatcher::Look(std::size_t max_customers) const {
  const MutexLock lock(mutex_);
  const Time now = clock_.Now();
  State state = DescribeScheduler(*scheduler_, now);
  state.uptime = now - started_;
  state.advice = advice_;
  state.devices = devices_.Look();
  state.customers = DescribeCustomers(*scheduler_, now, max_customers);
  return state;
}

State Dispatcher::Look(const std::vector<std::string>& customers) const {
  const MutexLock lock(mutex_);
  const Time now = clock_.Now();
  State state = DescribeScheduler(*scheduler_, now);
  state.uptime = now - started_;
  state.advice = advice_;
  state.devices = devices_.Look();
  state.customers = DescribeCustomers(*scheduler_, now, customers);
  return state;
}

void Dispatcher::StopAccepting() {
  const MutexLock lock(mutex_);
  scheduler_->StopAccepting();
}

bool Dispatcher::WaitUntilIdle(Duration timeout) {
  const MutexLock lock(mutex_);
  return idle_.wait_for(mutex_, std::min(timeout, kLongestSleep),
                        [this]() SMARTBATCH_REQUIRES(mutex_) { return IsIdle(); });
}

void Dispatcher::Close() {
  Turn turn(*this);
  scheduler_->Close(turn.now(), turn.effects);
  turn.effects.abandoned.clear();  // all batches are cancelled below, those of earlier calls too
  for (const auto& [id, batch] : running_) turn.actions.cancels.emplace_back(batch.backend, id);
}

bool Dispatcher::IsIdle() const { return running_.empty() && scheduler_->pending().unfinished_requests() == 0; }

void Dispatcher::Settle(scheduling::Effects effects, Time now, Actions& actions) {
  scheduler_->Tick(now, effects);
  TakeEffects(std::move(effects), actions);
  Decide(now, actions);
  actions.wake_timer = TimerIsLate();
  if (IsIdle()) idle_.notify_all();
}

void Dispatcher::TakeEffects(scheduling::Effects effects, Actions& actions) {
  for (scheduling::Finished& finished : effects.finished) {
    Accepted& accepted = accepted_[finished.id.slot];
    assert(accepted.number == finished.id.number);
    Ending ending = EndingOf(std::move(finished));
    if (ending.outcome == scheduling::Outcome::kAnswered) {
      ending.payload = std::move(accepted.payload);
      ending.results = std::move(accepted.results);
    }
    actions.endings.emplace_back(std::move(accepted.reply), std::move(ending));
    kinds_.Leave(accepted.kind);
    accepted = Accepted();
  }
  for (const scheduling::BatchId id : effects.abandoned) actions.cancels.emplace_back(running_.at(id).backend, id);
}

void Dispatcher::Decide(Time now, Actions& actions) {
  Time ask_again = kNever;
  if (observer_ != nullptr) observer_->Asking(now);
  for (bool more = true; more;) {
    devices_.Ask(*scheduler_, now);
    const Time asked = clock_.Now();
    scheduling::Step step = scheduler_->Next(now);
    if (observer_ != nullptr && !std::holds_alternative<scheduling::Nothing>(step)) {
      observer_->Decided(strategy_, clock_.Now() - asked);
    }
    more = std::holds_alternative<scheduling::Batch>(step);
    if (more) actions.batches.push_back(Prepare(std::get<scheduling::Batch>(std::move(step))));
    if (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) ask_again = wait->time;
  }
  devices_.Finish(actions.next_on_devices);
  wake_at_ = std::min(ask_again, scheduler_->NextTick(now));
}

Dispatcher::Sending Dispatcher::Prepare(scheduling::Batch batch) {
  Sending sending{backends_[batch.backend], {.id = batch.id, .rows = {}, .contexts = {}, .timeout = batch.timeout}};
  OutgoingBatch& outgoing = sending.batch;
  outgoing.rows.reserve(batch.members.size());
  const scheduling::BatchMember* before = nullptr;
  for (const scheduling::BatchMember& member : batch.members) {
    const Accepted& accepted = accepted_[member.request.slot];
    outgoing.rows.push_back({accepted.payload, member.sequence});
    const bool first_of_request = before == nullptr || before->request != member.request;
    if (first_of_request && !accepted.context.empty() && outgoing.contexts.size() < OutgoingBatch::kMostContexts) {
      outgoing.contexts.push_back(accepted.context);
    }
    before = &member;
  }
  DeviceUse device = devices_.Start(batch);
  running_.emplace(batch.id, SentBatch{sending.backend, std::move(batch.members), std::move(device)});
  return sending;
}

void Dispatcher::CarryOut(Actions&& actions) {
  if (actions.wake_timer) timer_.notify_one();
  for (auto& [backend, batch] : actions.batches) {
    backend->Send(batch, BatchReply([this, id = batch.id](absl::StatusOr<BatchResults> results) {
                    BatchEnded(id, std::move(results));
                  }));
  }
  for (Dispatcher* const next : actions.next_on_devices) next->Tick();
  for (auto& [reply, ending] : actions.endings) std::move(reply).Fulfil(std::move(ending));
  for (const auto& [backend, id] : actions.cancels) backend->Cancel(id);
}

}  // namespace smartbatch::runtime
