// A decision log: each line is read, written and read again; the whole log is replayed, as `loadgen verify` does, and
// drawn, as `loadgen timeline` does.
#include <sstream>
#include <string>

#include "services/proxy/simulation/chart_builder.h"
#include "services/proxy/simulation/log_lines.h"
#include "services/proxy/simulation/replay.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

void PlayLine(const std::string& line) {
  const auto event = simulation::log_lines::ParseLine(line);
  if (!event.ok()) {
    Require(absl::IsInvalidArgument(event.status()), "a wrong line is INVALID_ARGUMENT");
    RequireOneLine(std::string(event.status().message()));
    return;
  }
  const std::string written = simulation::log_lines::Line(*event);
  Require(written.find('\n') == written.size() - 1, "an event is one line", written);
  const auto again = simulation::log_lines::ParseLine(written);
  Require(again.ok(), "what was written can be read", written);
  const std::string twice = simulation::log_lines::Line(*again);
  Require(Alike(twice, written), "what was written is read as the same", written + twice);
}

void Draw(const std::string& text) {
  std::istringstream in(text);
  const auto chart = simulation::ChartOfLog(in, 0, 100);
  if (!chart.ok()) {
    Require(absl::IsInvalidArgument(chart.status()) || absl::IsNotFound(chart.status()),
            "a wrong log is INVALID_ARGUMENT, an empty one NOT_FOUND", chart.status().ToString());
    RequireOneLine(std::string(chart.status().message()));
    return;
  }
  Require(chart->from < chart->to && chart->seats > 0, "a chart has a time and seats");
  for (const timeline::ChartBatch& batch : chart->batches) {
    Require(batch.backend < chart->backends.size(), "a batch has a backend of the chart");
    Require(!batch.end || *batch.end >= batch.start, "a batch ends after it left");
    for (const timeline::ChartRow& row : batch.rows)
      Require(row.customer < chart->customers.size(), "a row has a customer");
  }
  for (const timeline::ChartRequest& request : chart->requests) {
    Require(request.customer < chart->customers.size(), "a request has a customer");
  }
  Require(timeline::ScriptText(timeline::ToJson(*chart)).find('<') == std::string::npos,
          "a chart cannot end its element");
}

void Play(const std::string& text) {
  for (const std::string& line : Split(text, '\n')) PlayLine(line);
  Draw(text);
  std::istringstream in(text);
  const auto replayed = simulation::Replay(in, std::nullopt);
  if (replayed.ok()) return;
  Require(absl::IsInvalidArgument(replayed.status()), "a wrong log is INVALID_ARGUMENT", replayed.status().ToString());
  RequireOneLine(std::string(replayed.status().message()));
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::Play(smartbatch::fuzz::TextOf(data, size));
  return 0;
}
