#include "common/workload/workload.h"

#include <algorithm>
#include <cmath>

namespace smartbatch::workload {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

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
      },
      model);
}

constexpr std::uint64_t kPhaseStream = 0xF1A5E;

}  // namespace

double NominalCost::Seconds(std::uint32_t sequences, std::uint32_t longest) const {
  const double n = sequences;
  const double length = longest;
  return fixed + quadratic * length * length + per_sequence * n + per_character * n * length;
}

RequestSource::RequestSource(RequestModel model, std::uint64_t seed, std::uint64_t customer_index)
    : model_(std::move(model)), random_(Random::Stream(seed, 2 * customer_index + 1)) {}

void RequestSource::Draw(std::vector<std::uint32_t>& lengths) {
  const auto count = static_cast<std::size_t>(random_.Between(model_.sequences_minimum, model_.sequences_maximum));
  lengths.resize(count);
  for (std::uint32_t& length : lengths) length = DrawLength(model_.length, random_);
}

ArrivalSource::ArrivalSource(ArrivalModel model, std::uint64_t seed, std::uint64_t customer_index)
    : model_(std::move(model)),
      random_(Random::Stream(seed, 2 * customer_index)),
      phase_random_(Random::Stream(seed, kPhaseStream)) {}

Time ArrivalSource::Next() {
  const auto gap = [](double rate, double drawn) { return rate > 0 ? drawn : HUGE_VAL; };
  now_seconds_ = std::visit(
      Overloaded{
          [&](const ClosedLoop&) { return HUGE_VAL; },
          [&](const ConstantRate& m) { return now_seconds_ + gap(m.requests_per_second, 1 / m.requests_per_second); },
          [&](const Poisson& m) {
            return now_seconds_ + gap(m.requests_per_second, random_.Exponential(1 / m.requests_per_second));
          },
          [&](const GammaGaps& m) {
            return now_seconds_ + gap(m.requests_per_second, random_.Gamma(m.shape, 1 / m.requests_per_second));
          },
          [&](const OnOff& m) { return NextOnOff(m); },
      },
      model_);
  return std::isfinite(now_seconds_) ? Time(FromSeconds(now_seconds_)) : kNever;
}

double ArrivalSource::NextOnOff(const OnOff& model) {
  // An exponential gap is memoryless: one that crosses the end of a phase is drawn anew from there.
  if (model.requests_per_second_on <= 0 && model.requests_per_second_off <= 0) return HUGE_VAL;
  double now = now_seconds_;
  for (;;) {
    if (now >= phase_end_seconds_) {
      phase_on_ = !phase_on_;
      phase_end_seconds_ += phase_random_.Exponential(ToSeconds(phase_on_ ? model.mean_on : model.mean_off));
      continue;
    }
    const double rate = phase_on_ ? model.requests_per_second_on : model.requests_per_second_off;
    const double next = rate > 0 ? now + random_.Exponential(1 / rate) : HUGE_VAL;
    if (next <= phase_end_seconds_) return next;
    now = phase_end_seconds_;
  }
}

RequestMoments MomentsOf(const RequestModel& model, const NominalCost& cost) {
  constexpr int kDraws = 100'000;
  RequestSource source(model, 20'251'122, 0);
  std::vector<std::uint32_t> lengths;
  RequestMoments moments;
  for (int i = 0; i < kDraws; ++i) {
    source.Draw(lengths);
    const auto count = static_cast<double>(lengths.size());
    moments.mean_sequences += count / kDraws;
    moments.mean_unsplit_seconds += count * cost.Seconds(1, *std::max_element(lengths.begin(), lengths.end())) / kDraws;
  }
  return moments;
}

}  // namespace smartbatch::workload
