// What an operator may send with SetStrategy: the first line is the strategy's name, each other `parameter=value`.
#include <map>
#include <memory>
#include <string>

#include "common/field_error.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

using scheduling::ParameterSpecification;
using scheduling::StrategyChoice;

StrategyChoice ChoiceOf(const std::string& text) {
  const std::vector<std::string> lines = Split(text, '\n');
  StrategyChoice choice{lines[0], {}};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t equals = lines[i].find('=');
    if (equals != std::string::npos) choice.parameters[lines[i].substr(0, equals)] = lines[i].substr(equals + 1);
  }
  return choice;
}

void Play(const StrategyChoice& choice) {
  const auto checked = scheduling::CheckChoice(choice);
  if (!checked.ok()) {
    Require(absl::IsInvalidArgument(checked.status()), "a wrong choice is INVALID_ARGUMENT");
    Require(FieldOf(checked.status()).has_value(), "a wrong choice names its field");
    RequireOneLine({checked.status().message().data(), checked.status().message().size()});
    return;
  }
  StrategyChoice shown{choice.name, {}};
  for (const ParameterSpecification& parameter : checked->specification->parameters) {
    const double value = checked->parameters[parameter.name];
    const bool is_choice = parameter.kind == ParameterSpecification::Kind::kChoice;
    Require(is_choice ? value >= 0 && value < static_cast<double>(parameter.choices.size())
                      : value >= parameter.minimum && value <= parameter.maximum,
            "a value is within its range", parameter.name);
    shown.parameters[parameter.name] = scheduling::FormatValue(parameter, value);
  }
  const auto again = scheduling::CheckChoice(shown);
  Require(again.ok() && again->parameters == checked->parameters, "what is shown can be sent again", choice.name);

  auto scheduler = scheduling::Scheduler::Create({}, {"fcfs", {}}, nullptr);
  (*scheduler)->AddBackend("backend", 1, {});
  scheduling::Effects effects;
  const std::uint32_t lengths[] = {10, 200, 3};
  for (const char* const customer : {"a", "b", "a"}) (*scheduler)->Offer({customer, lengths}, Time{}, effects);
  Require((*scheduler)->SetStrategy(choice).ok(), "a checked choice is taken", choice.name);
  Require((*scheduler)->strategy().name == choice.name, "the strategy is the one that was set");
  // Whatever the strategy is set to, everything is sent in the end.
  Time now{};
  for (int i = 0; i < 100 && (*scheduler)->pending().unfinished_requests() > 0; ++i) {
    const scheduling::Step step = (*scheduler)->Next(now);
    if (const auto* const batch = std::get_if<scheduling::Batch>(&step)) {
      (*scheduler)->Complete(batch->id, absl::OkStatus(), now, effects);
    } else if (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) {
      Require(wait->time > now, "it does not ask to be asked at once");
      now = wait->time;
    } else {
      Require(false, "while something waits and a slot is free it sends or says when", choice.name);
    }
  }
  Require((*scheduler)->pending().unfinished_requests() == 0, "everything is sent in the end", choice.name);
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::Play(smartbatch::fuzz::ChoiceOf(smartbatch::fuzz::TextOf(data, size)));
  return 0;
}
