#include "common/workload/workload.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace smartbatch::workload {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::uint32_t LengthAt(const QuantileLength& model, double percent) {
  const auto& quantiles = model.quantiles;
  const auto above = std::upper_bound(quantiles.begin(), quantiles.end(), percent,
                                      [](double value, const auto& quantile) { return value < quantile.percent; });
  if (above == quantiles.begin()) return quantiles.front().length;
  if (above == quantiles.end()) return quantiles.back().length;
  const auto below = std::prev(above);
  const double part = (percent - below->percent) / (above->percent - below->percent);
  const double growth = static_cast<double>(above->length) / below->length;
  return static_cast<std::uint32_t>(std::lround(below->length * std::pow(growth, part)));
}

std::uint32_t DrawLength(const LengthModel& model, Random& random) {
  return std::visit(
      Overloaded{
          [&](const UniformLength& uniform) {
            return static_cast<std::uint32_t>(random.Between(uniform.minimum, uniform.maximum));
          },
          [&](const LognormalLength& lognormal) {
            const double drawn = std::round(random.Lognormal(lognormal.median, lognormal.sigma));
            return static_cast<std::uint32_t>(std::clamp(drawn, 1.0 * lognormal.minimum, 1.0 * lognormal.maximum));
          },
          [&](const EitherLength& either) {
            return random.Chance(either.large_probability) ? either.large : either.small;
          },
          [&](const CutTextLength& cut) {
            const auto text =
                static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(cut.text_lengths.size()) - 1));
            const auto length = static_cast<std::uint32_t>(random.Between(cut.minimum, cut.maximum));
            return std::min(length, cut.text_lengths[text]);
          },
          [&](const QuantileLength& quantiles) { return LengthAt(quantiles, 100 * random.Uniform()); },
      },
      model);
}

constexpr std::uint64_t kPhaseStream = 0xF1A5E;
constexpr std::uint64_t kThinkTimeStream = 0x7411'0000'0000ULL;

// The moment at which the integral of the line of that slope through (from, factor) has grown by `amount`.
double AdvanceOnLine(double from, double factor, double slope, double amount) {
  // The root of factor * x + slope * x^2 / 2 = amount, in the form that loses no digits.
  return from + 2 * amount / (factor + std::sqrt(std::max(0.0, factor * factor + 2 * slope * amount)));
}

}  // namespace

double Schedule::Advance(double from_seconds, double amount) const {
  if (points.empty()) return from_seconds + amount;
  if (amount <= 0) return from_seconds;
  double from = from_seconds;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point& begin = points[i];
    const Point& end = points[i + 1];
    if (from >= end.seconds) continue;
    const double slope = kind == Kind::kLine ? (end.factor - begin.factor) / (end.seconds - begin.seconds) : 0;
    const double factor = begin.factor + slope * (from - begin.seconds);
    const double left = end.seconds - from;
    const double area = (factor + slope * left / 2) * left;
    if (area >= amount) return std::min(AdvanceOnLine(from, factor, slope, amount), end.seconds);
    amount -= area;
    from = end.seconds;
  }
  return points.back().factor > 0 ? from + amount / points.back().factor : HUGE_VAL;
}

double MeanRequestsPerSecond(const CustomerModel& customer) {
  const Presence& presence = customer.presence;
  double factor = customer.schedule.points.empty() ? 1 : customer.schedule.points.back().factor;
  if (presence.cycle > Duration::zero()) factor *= ToSeconds(presence.to - presence.from) / ToSeconds(presence.cycle);
  return std::visit(
      Overloaded{
          [](const ClosedLoop&) { return 0.0; },
          [&](const OnOff& m) {
            const double on = ToSeconds(m.mean_on);
            const double off = ToSeconds(m.mean_off);
            return factor * (m.requests_per_second_on * on + m.requests_per_second_off * off) / (on + off);
          },
          [](const Recorded& m) {
            const std::vector<Time>& times = m.recording->times;
            if (times.empty() || times.back() <= Time()) return 0.0;
            return m.speed * static_cast<double>(times.size()) / ToSeconds(times.back().time_since_epoch());
          },
          [&](const auto& m) { return factor * m.requests_per_second; },
      },
      customer.arrivals);
}

Workload Scaled(Workload workload, double factor) {
  for (CustomerModel& customer : workload.customers) {
    std::visit(Overloaded{
                   [](ClosedLoop&) {},
                   [&](OnOff& m) {
                     m.requests_per_second_on *= factor;
                     m.requests_per_second_off *= factor;
                   },
                   [&](Recorded& m) { m.speed *= factor; },
                   [&](auto& m) { m.requests_per_second *= factor; },
               },
               customer.arrivals);
  }
  return workload;
}

double MeanRequestsPerSecond(const Workload& workload) {
  double rate = 0;
  for (const CustomerModel& customer : workload.customers) rate += MeanRequestsPerSecond(customer);
  return rate;
}

void ApplySchedule(Workload& workload, const Schedule& schedule) {
  for (CustomerModel& customer : workload.customers) {
    if (customer.schedule.points.empty() && MeanRequestsPerSecond(customer) > 0) customer.schedule = schedule;
  }
}

bool IsClosedLoop(const Workload& workload) {
  return std::all_of(workload.customers.begin(), workload.customers.end(), [](const CustomerModel& customer) {
    return std::holds_alternative<ClosedLoop>(customer.arrivals);
  });
}

std::string NumberedName(const std::string& prefix, int index) {
  const std::string digits = std::to_string(index + 1);
  return prefix + (digits.size() < 2 ? "0" + digits : digits);
}

std::string Seeds::ToString() const {
  return absl::StrCat("arrivals ", arrivals, ", sizes ", sizes, ", think times ", think_times);
}

RequestSource::RequestSource(RequestModel model, std::uint64_t seed, std::uint64_t customer_index)
    : model_(std::move(model)), random_(Random::Stream(seed, 2 * customer_index + 1)) {}

void RequestSource::Draw(std::vector<std::uint32_t>& lengths) {
  if (model_.recording) {
    const Recording& recording = *model_.recording;
    if (next_request_ == recording.counts.size()) next_request_ = next_length_ = 0;
    const auto from = recording.lengths.begin() + static_cast<std::ptrdiff_t>(next_length_);
    lengths.assign(from, from + recording.counts[next_request_]);
    next_length_ += recording.counts[next_request_++];
    return;
  }
  const auto count = static_cast<std::size_t>(random_.Between(model_.sequences_minimum, model_.sequences_maximum));
  lengths.resize(count);
  for (std::uint32_t& length : lengths) length = DrawLength(model_.length, random_);
}

ArrivalSource::ArrivalSource(ArrivalModel model, std::uint64_t seed, std::uint64_t customer_index,
                             const Presence& presence, Schedule schedule)
    : model_(std::move(model)),
      presence_(presence),
      schedule_(std::move(schedule)),
      random_(Random::Stream(seed, 2 * customer_index)),
      phase_random_(Random::Stream(seed, kPhaseStream)) {}

Time ArrivalSource::Next() {
  const auto after = [this](double rate, double gap) {
    return rate > 0 ? schedule_.Advance(now_seconds_, gap) : HUGE_VAL;
  };
  now_seconds_ =
      std::visit(Overloaded{
                     [&](const ClosedLoop&) { return HUGE_VAL; },
                     [&](const ConstantRate& m) { return after(m.requests_per_second, 1 / m.requests_per_second); },
                     [&](const Poisson& m) {
                       return after(m.requests_per_second, random_.Exponential(1 / m.requests_per_second));
                     },
                     [&](const GammaGaps& m) {
                       return after(m.requests_per_second, random_.Gamma(m.shape, 1 / m.requests_per_second));
                     },
                     [&](const OnOff& m) { return NextOnOff(m); },
                     [&](const Recorded& m) { return NextRecorded(m); },
                 },
                 model_);
  return std::isfinite(now_seconds_) ? WhenPresentFor(FromSeconds(now_seconds_)) : kNever;
}

Time ArrivalSource::WhenPresentFor(Duration time) const {
  if (presence_.cycle == Duration::zero()) return Time(time);
  const Duration stay = presence_.to - presence_.from;
  return Time(time / stay * presence_.cycle + presence_.from + time % stay);
}

double ArrivalSource::NextOnOff(const OnOff& model) {
  // An exponential gap is memoryless: one that crosses the end of a phase is drawn again from there.
  if (model.requests_per_second_on <= 0 && model.requests_per_second_off <= 0) return HUGE_VAL;
  const bool ends = !schedule_.points.empty() && schedule_.points.back().factor <= 0;
  double now = now_seconds_;
  for (;;) {
    if (ends && now >= schedule_.points.back().seconds) return HUGE_VAL;
    if (now >= phase_end_seconds_) {
      phase_on_ = !phase_on_;
      phase_end_seconds_ += phase_random_.Exponential(ToSeconds(phase_on_ ? model.mean_on : model.mean_off));
      continue;
    }
    const double rate = phase_on_ ? model.requests_per_second_on : model.requests_per_second_off;
    const double next = rate > 0 ? schedule_.Advance(now, random_.Exponential(1 / rate)) : HUGE_VAL;
    if (next <= phase_end_seconds_) return next;
    now = phase_end_seconds_;
  }
}

double ArrivalSource::NextRecorded(const Recorded& model) {
  const std::vector<Time>& times = model.recording->times;
  if (next_recorded_ == times.size()) return HUGE_VAL;
  return ToSeconds(times[next_recorded_++].time_since_epoch()) / model.speed;
}

ThinkTimeSource::ThinkTimeSource(const ClosedLoop& model, std::uint64_t seed, std::uint64_t customer_index)
    : model_(model), random_(Random::Stream(seed, kThinkTimeStream + customer_index)) {}

Duration ThinkTimeSource::Next() {
  if (!model_.exponential) return model_.think_time;
  return FromSeconds(random_.Exponential(ToSeconds(model_.think_time)));
}

RequestMoments MomentsOf(const RequestModel& model, const CostModel& cost, std::uint32_t max_batch_size) {
  constexpr int kDraws = 100'000;
  RequestSource source(model, 20'251'122, 0);
  std::vector<std::uint32_t> lengths;
  RequestMoments moments;
  for (int i = 0; i < kDraws; ++i) {
    source.Draw(lengths);
    const auto count = static_cast<double>(lengths.size());
    moments.mean_sequences += count / kDraws;
    const std::uint32_t longest = *std::max_element(lengths.begin(), lengths.end());
    moments.mean_packed_seconds += count * cost.Packed(longest, max_batch_size) / kDraws;
  }
  return moments;
}

}  // namespace smartbatch::workload
