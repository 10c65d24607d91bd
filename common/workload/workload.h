// Workloads: which customers send what, and when. The simulator and the load generator draw from the
// same code, so the same seed gives both the same arrivals.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/cost_model.h"
#include "common/random.h"
#include "common/time.h"

namespace smartbatch::workload {

// --- Lengths of one sequence, in characters ---

// Uniform over minimum..maximum.
struct UniformLength {
  std::uint32_t minimum = 1;
  std::uint32_t maximum = 1;
};
// Lognormal, rounded and clipped to minimum..maximum.
struct LognormalLength {
  double median = 80;
  double sigma = 1;
  std::uint32_t minimum = 10;
  std::uint32_t maximum = 2000;
};
// `large` with the given probability, else `small`.
struct EitherLength {
  double large_probability = 0.3;
  std::uint32_t large = 558;
  std::uint32_t small = 116;
};
// One of several texts, each equally likely, cut to a uniform length of minimum..maximum. A text shorter than the cut
// stays whole.
struct CutTextLength {
  std::vector<std::uint32_t> text_lengths;
  std::uint32_t minimum = 5;
  std::uint32_t maximum = 15;
};
// Given by quantiles, as traces are published. Between two quantiles the logarithms of the lengths are spread evenly
// (inverse transform sampling). Below the first quantile and above the last a length is that quantile.
struct QuantileLength {
  struct Quantile {
    double percent = 0;
    std::uint32_t length = 1;
    friend bool operator==(const Quantile&, const Quantile&) = default;
  };
  // At least one. Percents rise and lie between 0 and 100; lengths never fall.
  std::vector<Quantile> quantiles;
};
using LengthModel = std::variant<UniformLength, LognormalLength, EitherLength, CutTextLength, QuantileLength>;

// One customer's requests as they were once sent, in order of time.
struct Recording {
  std::vector<Time> times;
  // Sequences of each request, and the lengths of all of them one after the other.
  std::vector<std::uint32_t> counts;
  std::vector<std::uint32_t> lengths;
};

// What one request holds: sequences_minimum..sequences_maximum sequences, of independent lengths.
struct RequestModel {
  std::uint32_t sequences_minimum = 1;
  std::uint32_t sequences_maximum = 1;
  LengthModel length;
  // If set, its requests are sent in turn, again from the first after the last, and the fields above mean nothing.
  std::shared_ptr<const Recording> recording = nullptr;
};

// --- Arrivals of one customer ---

// Sends a request, waits for its answer, thinks, and repeats.
struct ClosedLoop {
  // The mean if `exponential` is true, else the time itself.
  Duration think_time{};
  bool exponential = false;
};
// Open loop, independent of the answers.
struct ConstantRate {
  double requests_per_second = 1;
};
struct Poisson {
  double requests_per_second = 1;
};
// Gamma distributed gaps: shape < 1 is burstier than Poisson, shape > 1 is smoother.
struct GammaGaps {
  double requests_per_second = 1;
  double shape = 1;
};
// Poisson whose rate switches between two values; both kinds of phase have exponential lengths. All
// customers of a workload with the same mean phase lengths are in the same phase at the same time.
struct OnOff {
  double requests_per_second_on = 1;
  double requests_per_second_off = 0;
  Duration mean_on{};
  Duration mean_off{};
};
// The times of a recording, `speed` times as fast. After its end nothing arrives.
struct Recorded {
  std::shared_ptr<const Recording> recording;
  double speed = 1;
};
using ArrivalModel = std::variant<ClosedLoop, ConstantRate, Poisson, GammaGaps, OnOff, Recorded>;

// A factor on an open loop's rate over time. After the last point its factor holds.
struct Schedule {
  struct Point {
    double seconds = 0;
    double factor = 1;
  };
  // Steps hold a point's factor until the next one; lines join the points.
  enum class Kind { kStep, kLine };
  Kind kind = Kind::kStep;
  // In order of time, the first at 0, with factors of at least 0. If there is no point the factor is 1.
  std::vector<Point> points;

  // The moment at which the integral of the factor since `from_seconds` has grown by `amount`; infinite if that never
  // happens. This turns a gap of the unscheduled process into a gap of the scheduled one, whatever its distribution
  // (Cox and Lewis, "The Statistical Analysis of Series of Events", 1966: transformation of the time scale).
  double Advance(double from_seconds, double amount) const;
};

// When an open-loop customer is present: from `from` to `to` in every `cycle`; always if `cycle` is zero. While it is
// away its arrivals pause, and afterwards they continue from the same point.
struct Presence {
  Duration cycle{};
  Duration from{};
  Duration to{};
};

struct CustomerModel {
  std::string name;
  ArrivalModel arrivals;
  RequestModel requests;
  Presence presence = {};
  // For open loops; its time counts only while the customer is present. Recordings and closed loops ignore it.
  Schedule schedule = {};
  // The customer's weight and tier in a simulation, which has no proxy with a configuration of its own.
  double weight = 1;
  std::uint32_t tier = 0;
};

// Requests a second in the long run, at the schedule's last factor; 0 for closed loops, whose rate the server decides.
double MeanRequestsPerSecond(const CustomerModel& customer);

struct Workload {
  std::string name;
  std::string description;
  std::vector<CustomerModel> customers;
};

// The same workload with the rates of all its open loops multiplied by `factor`; recordings play `factor` times as
// fast.
Workload Scaled(Workload workload, double factor);
// The sum over all customers.
double MeanRequestsPerSecond(const Workload& workload);
// Gives the schedule to every customer that has a rate and no schedule of its own.
void ApplySchedule(Workload& workload, const Schedule& schedule);
// Returns true if no customer has a rate.
bool IsClosedLoop(const Workload& workload);

// The name of one of several customers alike, counted from 0: `mouse-01` for 0.
std::string NumberedName(const std::string& prefix, int index);

// Seeds of a workload's three streams of random numbers. They are separate, so that one can be changed alone.
struct Seeds {
  std::uint64_t arrivals = 1;
  std::uint64_t sizes = 1;
  std::uint64_t think_times = 1;
  static Seeds All(std::uint64_t seed) { return {seed, seed, seed}; }
  // The seeds of the n-th repetition, counted from 0.
  Seeds Next(std::uint64_t n) const { return {arrivals + n, sizes + n, think_times + n}; }
  // `arrivals 1, sizes 1, think times 1`
  std::string ToString() const;
  friend bool operator==(const Seeds&, const Seeds&) = default;
};

// Draws the lengths of one customer's requests. Not thread safe.
class RequestSource {
 public:
  RequestSource(RequestModel model, std::uint64_t seed, std::uint64_t customer_index);
  // Replaces the content of `lengths`.
  void Draw(std::vector<std::uint32_t>& lengths);

 private:
  RequestModel model_;
  Random random_;
  // Of the recording.
  std::size_t next_request_ = 0;
  std::size_t next_length_ = 0;
};

// Draws the arrival times of one open-loop customer, in order. Not thread safe.
class ArrivalSource {
 public:
  // The model must not be a ClosedLoop.
  ArrivalSource(ArrivalModel model, std::uint64_t seed, std::uint64_t customer_index, const Presence& presence = {},
                Schedule schedule = {});
  ArrivalSource(const CustomerModel& customer, std::uint64_t seed, std::uint64_t customer_index)
      : ArrivalSource(customer.arrivals, seed, customer_index, customer.presence, customer.schedule) {}
  // The next arrival, never before the last one; kNever if the rate is 0, and after the end of a recording.
  Time Next();

 private:
  double NextOnOff(const OnOff& model);
  double NextRecorded(const Recorded& model);
  // The moment at which the customer has been present for that long.
  Time WhenPresentFor(Duration time) const;

  ArrivalModel model_;
  const Presence presence_;
  const Schedule schedule_;
  Random random_;
  Random phase_random_;
  double now_seconds_ = 0;
  double phase_end_seconds_ = 0;
  bool phase_on_ = false;
  std::size_t next_recorded_ = 0;
};

// Draws the think times of one customer in a closed loop. Not thread safe.
class ThinkTimeSource {
 public:
  ThinkTimeSource(const ClosedLoop& model, std::uint64_t seed, std::uint64_t customer_index);
  Duration Next();

 private:
  ClosedLoop model_;
  Random random_;
};

// --- Built-in workloads ---

struct BuiltinOptions {
  // Offered load of an open-loop workload, above 0: rate * E[k * c(B, L) / B] for requests of k sequences, the longest
  // of L characters, and B = max_batch_size. At 1, perfectly packed batches of requests that are never split would keep
  // one slot busy all the time. Workloads of closed loops have no rate and ignore it.
  double rho = 0.7;
  std::uint32_t max_batch_size = 5;
  CostModel cost;
};

struct BuiltinDescription {
  std::string name;
  std::string description;
  bool closed_loop = false;
};

// The workloads that MakeBuiltin knows, in the order in which they are shown.
const std::vector<BuiltinDescription>& Builtins();

// The workload of that name, or one without customers if there is none of that name.
Workload MakeBuiltin(const std::string& name, const BuiltinOptions& options);

// Expected values for one request, by sampling with a fixed seed: the same numbers at every call.
struct RequestMoments {
  double mean_sequences = 0;
  // E[k * c(B, L) / B] in seconds, with L the longest of the request's k sequences: rho is the rate times this.
  double mean_packed_seconds = 0;
};
RequestMoments MomentsOf(const RequestModel& model, const CostModel& cost, std::uint32_t max_batch_size);

}  // namespace smartbatch::workload
