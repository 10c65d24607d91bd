#include "services/proxy/observers/metrics/proxy_metrics.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include <absl/container/flat_hash_set.h>

#include "services/proxy/runtime/answer_code.h"

namespace smartbatch::metrics {
namespace {

using scheduling::Outcome;
using scheduling::RejectReason;

std::vector<double> SecondsOf(const LatencyObjectives& objectives) {
  std::vector<double> seconds = {ToSeconds(objectives.others)};
  for (const auto& [name, objective] : objectives.configured) seconds.push_back(ToSeconds(objective));
  return seconds;
}

}  // namespace

ProxyMetrics::ProxyMetrics(const MetricsOptions& options)
    : options_(options),
      objectives_(options.objectives),
      families_(registry_, SecondsOf(options.objectives)),
      overflowed_(families_.customers_overflowed.Add({})) {
  for (const auto& [name, objective] : objectives_.configured) AddCustomer(name);
}

void ProxyMetrics::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  const auto named = [this](const std::string& name) {
    return static_cast<std::size_t>(std::find_if(all_backends_.begin(), all_backends_.end(),
                                                 [&](const auto& series) { return series->name == name; }) -
                                    all_backends_.begin());
  };
  std::size_t place = named(backend.name);
  std::string name = backend.name;
  if (place == all_backends_.size() && place >= kMaxBackends) {
    name = kOtherBackends;
    place = named(name);
  }
  if (place == all_backends_.size()) {
    const prometheus::Labels labels = {{"backend", name}};
    all_backends_.push_back(std::make_unique<BackendSeries>(BackendSeries{name, families_.backend_busy.Add(labels),
                                                                          families_.backend_dead.Add(labels),
                                                                          families_.backend_too_large.Add(labels)}));
    for (const auto& strategy : strategies_) strategy->batch_duration(place, name);
  }
  if (id >= backends_.size()) backends_.resize(id + 1);
  backends_[id] = place;
}

// --- Objectives ---

Duration ProxyMetrics::ObjectiveOf(const std::string& customer) const {
  const auto found = objectives_.configured.find(customer);
  return found == objectives_.configured.end() ? objectives_.others : found->second;
}

// Making series is expensive: 160 us a customer. So the series of new customers are made here and only entered under
// the dispatcher's lock, under which every event comes.
void ProxyMetrics::SetObjectives(LatencyObjectives objectives) {
  absl::flat_hash_set<std::string> known;
  std::vector<std::string> strategies;
  {
    const MutexLock lock(names_mutex_);
    known.insert(names_.begin(), names_.end());
    strategies = strategy_names_;
  }
  std::vector<std::unique_ptr<CustomerSeries>> made;
  for (const auto& [name, objective] : objectives.configured) {
    if (known.contains(name)) continue;
    made.push_back(std::make_unique<CustomerSeries>(families_, name));
    for (std::size_t i = 0; i < strategies.size(); ++i) made.back()->with_strategy(i, strategies[i]);
  }
  const MutexLock lock(new_objectives_mutex_);
  new_objectives_ = std::move(objectives);
  new_series_.insert(new_series_.end(), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  has_new_objectives_ = true;
}

void ProxyMetrics::TakeNewObjectives() {
  std::vector<std::unique_ptr<CustomerSeries>> made;
  {
    const MutexLock lock(new_objectives_mutex_);
    // The next reload destroys the previous objectives, not this function, which runs under the dispatcher's lock.
    std::swap(objectives_, new_objectives_);
    made.swap(new_series_);
    has_new_objectives_ = false;
  }
  for (auto& series : made) {
    if (!customers_.contains(series->customer())) Enter(std::move(series));
  }
  for (const auto& [name, series] : customers_) series->SetObjective(ObjectiveOf(name));
}

// --- The series that an event is counted in ---

CustomerSeries& ProxyMetrics::AddCustomer(const std::string& name) {
  return Enter(std::make_unique<CustomerSeries>(families_, name));
}

CustomerSeries& ProxyMetrics::Enter(std::unique_ptr<CustomerSeries> entered) {
  CustomerSeries& series = *entered;
  customers_.emplace(series.customer(), std::move(entered));
  series.SetObjective(ObjectiveOf(series.customer()));
  for (std::size_t i = 0; i < strategies_.size(); ++i) series.with_strategy(i, strategies_[i]->strategy());
  const MutexLock lock(names_mutex_);
  names_.push_back(series.customer());
  return series;
}

CustomerSeries& ProxyMetrics::Of(std::string_view customer) {
  if (has_new_objectives_.load(std::memory_order_relaxed)) TakeNewObjectives();
  const auto found = customers_.find(absl::string_view(customer.data(), customer.size()));
  if (found != customers_.end()) return *found->second;
  if (customers_.size() < objectives_.configured.size() + options_.max_other_customers) {
    return AddCustomer(std::string(customer));
  }
  if (others_ == nullptr) {
    const auto namesake = customers_.find(kOtherCustomers);
    others_ = namesake != customers_.end() ? namesake->second.get() : &AddCustomer(kOtherCustomers);
  }
  return *others_;
}

std::size_t ProxyMetrics::IndexOf(std::string_view strategy) {
  for (std::size_t i = 0; i < strategies_.size(); ++i) {
    if (strategies_[i]->strategy() == strategy) return i;
  }
  const std::size_t index = strategies_.size();
  strategies_.push_back(std::make_unique<StrategySeries>(families_, strategy, options_.max_batch_size));
  {
    const MutexLock lock(names_mutex_);
    strategy_names_.emplace_back(strategy);
  }
  // If a series began with its first event, a rate over it would miss that event. So all series begin with the
  // strategy.
  for (const auto& [name, customer] : customers_) customer->with_strategy(index, strategy);
  for (std::size_t place = 0; place < all_backends_.size(); ++place) {
    strategies_[index]->batch_duration(place, all_backends_[place]->name);
  }
  return index;
}

CustomerStrategySeries& ProxyMetrics::Of(std::string_view customer, std::string_view strategy) {
  return Of(customer).with_strategy(IndexOf(strategy), strategy);
}

// --- Requests ---

void ProxyMetrics::Rejected(std::string_view customer, std::string_view strategy, RejectReason reason) {
  CustomerSeries& series = Of(customer);
  if (&series == others_) overflowed_.Increment();
  series.offered().Increment();
  series.rejected(reason).Increment();
  CustomerStrategySeries& with_strategy = series.with_strategy(IndexOf(strategy), strategy);
  with_strategy.requests(runtime::CodeOf(reason)).Increment();
  with_strategy.slo(false).Increment();
}

void ProxyMetrics::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest&) {
  CustomerSeries& series = Of(customer.name);
  if (&series == others_) overflowed_.Increment();
  series.offered().Increment();
}

void ProxyMetrics::Ended(const scheduling::Finished& finished) {
  CustomerSeries& customer = Of(finished.customer);
  CustomerStrategySeries& series = customer.with_strategy(IndexOf(finished.strategy), finished.strategy);
  series.requests(runtime::CodeOf(finished.outcome, finished.backend_status)).Increment();
  const bool in_time = finished.finish - finished.arrival <= customer.objective();
  const bool answered = finished.outcome == Outcome::kAnswered;
  // A caller who leaves in time may have any reason; a caller who leaves later has waited too long.
  if (finished.outcome != Outcome::kCancelled || !in_time) series.slo(answered && in_time).Increment();
  if (finished.outcome == Outcome::kShed) customer.shed().Increment();
  if (!answered) return;
  series.batches().Increment(static_cast<double>(finished.batch_sizes.size()));
  series.batch_sequences().Increment(
      static_cast<double>(std::accumulate(finished.batch_sizes.begin(), finished.batch_sizes.end(), std::uint64_t{0})));
  const double latency_seconds = ToSeconds(finished.finish - finished.arrival);
  observations_.Observe(series.request_duration(), latency_seconds);
  if (finished.alone_seconds > 0) series.slowdown().Increment(latency_seconds / finished.alone_seconds);
  const Time dispatched = finished.last_dispatch.value_or(finished.finish);
  observations_.Observe(series.queue_duration(), ToSeconds(dispatched - finished.arrival));
}

// --- Batches ---

// The share of the batch's cost beyond the least that its sequences can cost, in full batches of their own length.
double ProxyMetrics::PaddingShare(const scheduling::Batch& batch) const {
  const double whole = options_.cost.Seconds(batch.members.size(), batch.longest);
  if (whole <= 0) return 0;
  double worth = 0;
  for (const scheduling::BatchMember& member : batch.members) {
    worth += options_.cost.Packed(member.length, options_.max_batch_size);
  }
  return 1 - worth / whole;
}

void ProxyMetrics::Dispatched(const scheduling::Batch& batch) {
  StrategySeries& series = *strategies_[IndexOf(batch.strategy)];
  series.batches(batch.reason).Increment();
  series.batch_cost().Increment(batch.predicted_seconds);
  series.batch_padding_cost().Increment(batch.predicted_seconds * PaddingShare(batch));
  observations_.Observe(series.batch_sequences(), static_cast<double>(batch.members.size()));
  observations_.Observe(series.batch_max_length(), batch.longest);
}

void ProxyMetrics::Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) {
  CustomerStrategySeries& series = Of(customer.name, strategy);
  series.charged().Increment(seconds);
  series.charged_over_weight().Increment(seconds / customer.policy.weight);
}

void ProxyMetrics::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  const std::size_t place = backends_[batch.backend];
  BackendSeries& backend = *all_backends_[place];
  backend.busy.Increment(ToSeconds(took));
  backend.dead.Increment(ToSeconds(took) * batch.dead / static_cast<double>(batch.members.size()));
  if (!status.ok()) {
    families_.backend_failed_batches.Add({{"backend", backend.name}, {"code", absl::StatusCodeToString(status.code())}})
        .Increment();
  }
  StrategySeries& series = *strategies_[IndexOf(batch.strategy)];
  observations_.Observe(series.batch_duration(place, backend.name), ToSeconds(took));
}

void ProxyMetrics::BatchTooLarge(scheduling::BackendId id, std::uint32_t, std::uint32_t) {
  all_backends_[backends_[id]]->too_large.Increment();
}

// --- Strategies ---

void ProxyMetrics::StrategyChanged(std::string_view from, std::string_view to, scheduling::SwitchedBy by) {
  const std::size_t active = IndexOf(to);
  for (std::size_t i = 0; i < strategies_.size(); ++i) strategies_[i]->active().Set(i == active ? 1 : 0);
  families_.strategy_switches
      .Add(
          {{"from", from.empty() ? "none" : std::string(from)}, {"to", std::string(to)}, {"by", std::string(Name(by))}})
      .Increment();
}

void ProxyMetrics::Decided(std::string_view strategy, Duration took) {
  observations_.Observe(strategies_[IndexOf(strategy)]->decision_duration(), ToSeconds(took));
}

// --- The scrape ---

std::vector<prometheus::MetricFamily> ProxyMetrics::Collect() const {
  return observations_.FlushAndRead([this] {
    SetGauges();
    return registry_.Collect();
  });
}

void ProxyMetrics::SetGauges() const {
  if (decision_log_dropped_) {
    prometheus::Counter& dropped = families_.decision_log_dropped.Add({});
    dropped.Increment(static_cast<double>(decision_log_dropped_()) - dropped.Value());
  }
  if (!state_source_) return;
  std::vector<std::string> names;
  {
    const MutexLock lock(names_mutex_);
    names = names_;
  }
  const runtime::State state = state_source_(names);
  SetQueueGauges(state);
  families_.fairness_gap.Add({}).Set(state.fairness_gap_seconds);
  families_.queue_limit_requests.Add({}).Set(static_cast<double>(state.max_queued_requests));
  SetBackendGauges(state.backends);
  CountDeviceTime(state.devices);
  families_.predicted_gain.Add({}).Set(state.advice ? state.advice->predicted_gain : 0);
}

ProxyMetrics::BackendGauges ProxyMetrics::MakeBackendGauges(const std::string& name) const {
  const prometheus::Labels labels = {{"backend", name}};
  return {families_.backend_inflight_batches.Add(labels),
          families_.backend_up.Add(labels),
          families_.backend_size_limit.Add(labels),
          families_.cost_model_fixed.Add(labels),
          families_.cost_model_quadratic.Add(labels),
          families_.cost_model_per_sequence.Add(labels),
          families_.cost_model_per_character.Add(labels),
          families_.cost_model_per_character_squared.Add(labels),
          families_.cost_model_knee.Add(labels),
          families_.cost_model_residual.Add(labels),
          families_.cost_model_prediction_error.Add(labels),
          families_.cost_model_batches.Add(labels)};
}

void ProxyMetrics::RemoveBackendGauges(const BackendGauges& gauges) const {
  families_.backend_inflight_batches.Remove(&gauges.inflight_batches);
  families_.backend_up.Remove(&gauges.up);
  families_.backend_size_limit.Remove(&gauges.size_limit);
  families_.cost_model_fixed.Remove(&gauges.cost_fixed);
  families_.cost_model_quadratic.Remove(&gauges.cost_quadratic);
  families_.cost_model_per_sequence.Remove(&gauges.cost_per_sequence);
  families_.cost_model_per_character.Remove(&gauges.cost_per_character);
  families_.cost_model_per_character_squared.Remove(&gauges.cost_per_character_squared);
  families_.cost_model_knee.Remove(&gauges.cost_knee);
  families_.cost_model_residual.Remove(&gauges.cost_residual);
  families_.cost_model_prediction_error.Remove(&gauges.cost_prediction_error);
  families_.cost_model_batches.Remove(&gauges.cost_batches);
}

void ProxyMetrics::SetBackendGauges(const std::vector<runtime::BackendState>& backends) const {
  // A backend that was removed must not be shown as one that is down.
  std::erase_if(backend_gauges_, [&](const auto& known) {
    const bool there = std::any_of(backends.begin(), backends.end(),
                                   [&](const runtime::BackendState& backend) { return backend.name == known.first; });
    if (!there) RemoveBackendGauges(known.second);
    return !there;
  });
  for (const runtime::BackendState& backend : backends) {
    auto known = backend_gauges_.find(backend.name);
    if (known == backend_gauges_.end()) {
      known = backend_gauges_.emplace(backend.name, MakeBackendGauges(backend.name)).first;
    }
    const BackendGauges& gauges = known->second;
    gauges.inflight_batches.Set(backend.batches_in_flight);
    gauges.up.Set(backend.up ? 1 : 0);
    gauges.size_limit.Set(backend.batch_size_limit);
    gauges.cost_fixed.Set(backend.cost.fixed);
    gauges.cost_quadratic.Set(backend.cost.quadratic);
    gauges.cost_per_sequence.Set(backend.cost.per_sequence);
    gauges.cost_per_character.Set(backend.cost.per_character);
    gauges.cost_per_character_squared.Set(backend.cost.per_character_squared);
    gauges.cost_knee.Set(backend.cost.knee);
    gauges.cost_residual.Set(backend.cost_residual_ratio);
    gauges.cost_prediction_error.Set(backend.cost_prediction_error_ratio);
    gauges.cost_batches.Set(static_cast<double>(backend.cost_batches));
  }
}

void ProxyMetrics::CountDeviceTime(const std::vector<runtime::DeviceState>& devices) const {
  for (const runtime::DeviceState& device : devices) {
    double& known = device_seconds_[device.name];
    if (device.used_seconds < known) known = 0;  // a reload took the device away and brought it back
    families_.device_seconds.Add({{"device", device.name}}).Increment(device.used_seconds - known);
    known = device.used_seconds;
  }
}

void ProxyMetrics::SetQueueGauges(const runtime::State& state) const {
  runtime::CustomerState others{.name = kOtherCustomers,
                                .queued_requests = state.queued_requests,
                                .queued_sequences = state.queued_sequences,
                                .oldest_age = state.oldest_age};
  Duration oldest_known{};
  const auto set = [this](const runtime::CustomerState& customer) {
    const prometheus::Labels labels = {{"customer", customer.name}};
    families_.queue_requests.Add(labels).Set(static_cast<double>(customer.queued_requests));
    families_.queue_sequences.Add(labels).Set(static_cast<double>(customer.queued_sequences));
    families_.queue_oldest_age.Add(labels).Set(ToSeconds(customer.oldest_age));
  };
  for (const runtime::CustomerState& customer : state.customers) {
    if (customer.name == kOtherCustomers) continue;
    set(customer);
    others.queued_requests -= customer.queued_requests;
    others.queued_sequences -= customer.queued_sequences;
    oldest_known = std::max(oldest_known, customer.oldest_age);
  }
  // For customers without series only the oldest request of all customers is known. If a customer with series has it,
  // the age is already shown there.
  if (others.oldest_age == oldest_known) others.oldest_age = Duration::zero();
  if (others_ != nullptr) set(others);
}

}  // namespace smartbatch::metrics
