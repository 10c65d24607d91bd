// The small expressions of workloads: each line is read as every kind of expression; what can be read can be written
// and read again.
#include <string>

#include "common/workload/customer_fields.h"
#include "common/workload/expression.h"
#include "common/workload/model_expressions.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

// Written again, an expression that was read gives a text that reads as the same expression.
template <class Parse, class Write>
void RoundTrip(const std::string& text, Parse parse, Write write) {
  const auto value = parse(text);
  if (!value) return;
  const std::string written = write(*value);
  const auto again = parse(written);
  Require(again.has_value(), "what was written can be read", text + " -> " + written);
  Require(Alike(write(*again), written), "what was written is read as the same", text + " -> " + written);
}

void Play(const std::string& text) {
  using namespace workload;
  const auto write = [](const auto& model) { return Format(model); };
  RoundTrip(
      text, [](const std::string& t) { return ParseNumber(t); }, FormatNumber);
  RoundTrip(
      text, [](const std::string& t) { return ParseDuration(t); }, FormatDuration);
  RoundTrip(text, ParseLengthModel, write);
  RoundTrip(text, ParseArrivalModel, write);
  RoundTrip(text, ParseThinkTime, write);
  RoundTrip(text, ParsePresence, write);
  RoundTrip(text, ParseScheduleModel, write);
  ParseRange(text);
  if (const auto customers = ParseCustomer(text); customers.ok()) {
    Require(!customers->empty(), "a customer is at least one");
    FieldError error;
    const auto again = CustomersOf(FieldsOf(customers->front()), error);
    Require(again.has_value(), "a customer's fields can be read again", text + ": " + error.message);
  } else {
    RequireOneLine(std::string(customers.status().message()));
  }
  if (const auto schedule = ParseSchedule(text); !schedule.ok()) {
    RequireOneLine(std::string(schedule.status().message()));
  }
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::string& line : smartbatch::fuzz::Split(smartbatch::fuzz::TextOf(data, size), '\n')) {
    smartbatch::fuzz::Play(line);
  }
  return 0;
}
