// A decision log: each line read, written and read again; and the whole of it replayed, as `loadgen verify` does.
#include <sstream>
#include <string>

#include "services/proxy/simulation/decision_log.h"
#include "services/proxy/simulation/replay.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

void PlayLine(const std::string& line) {
  const auto event = simulation::decision_log::ParseLine(line);
  if (!event.ok()) {
    Require(absl::IsInvalidArgument(event.status()), "a wrong line is INVALID_ARGUMENT");
    RequireOneLine(std::string(event.status().message()));
    return;
  }
  const std::string written = simulation::decision_log::Line(*event);
  Require(written.find('\n') == written.size() - 1, "an event is one line", written);
  const auto again = simulation::decision_log::ParseLine(written);
  Require(again.ok(), "what was written can be read", written);
  const std::string twice = simulation::decision_log::Line(*again);
  Require(Alike(twice, written), "what was written is read as the same", written + twice);
}

void Play(const std::string& text) {
  for (const std::string& line : Split(text, '\n')) PlayLine(line);
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
