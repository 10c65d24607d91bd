// fault-matrix: plays every fault of the matrix against the real programs and prints how the calls ended.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/reliability/fault_matrix.h"

namespace smartbatch::testing {
namespace {

constexpr char kExamples[] = R"(Examples:
  fault-matrix                         every fault, about two minutes
  fault-matrix --fault killed --fault reset --seconds 10
Exit code 1 if a call was lost, answered wrongly, or failed under a fault that must not fail it.)";

int Run(const std::vector<std::string>& names, double seconds) {
  const auto time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  fmt::print("{:32} {:>8} {:>9} {:>8} {:>8} {:>6}   what happens\n", "fault", "sent", "answered", "failed", "left",
             "lost");
  bool broken = false;
  for (const Fault& fault : AllFaults()) {
    if (!names.empty() && std::find(names.begin(), names.end(), fault.name) == names.end()) continue;
    const Tally tally = Play(fault, time);
    fmt::print("{:32} {:>8} {:>9} {:>8} {:>8} {:>6}   {}\n", fault.name, tally.sent, tally.answered, tally.failed,
               tally.left, tally.lost, fault.what);
    std::fflush(stdout);
    const std::string verdict = Verdict(fault, tally);
    if (verdict.empty()) continue;
    broken = true;
    fmt::print("  BROKEN: {}: {}\n", verdict, tally.ways);
  }
  return broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  std::vector<std::string> names;
  double seconds = 4;
  std::vector<std::string> known;
  for (const Fault& fault : AllFaults()) known.push_back(fault.name);
  CLI::App app("Plays faults against the real programs, and prints what was sent, answered, failed and lost.");
  app.footer(kExamples);
  app.add_option("--fault", names, "Only this fault; may be given again")->check(CLI::IsMember(known));
  app.add_option("--seconds", seconds, "How long each fault is played")
      ->check(CLI::Range(2.0, 3600.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return Run(names, seconds);
  } catch (const std::exception& error) {
    std::cerr << "fault-matrix: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}

}  // namespace
}  // namespace smartbatch::testing

int main(int argc, char** argv) { return smartbatch::testing::Main(argc, argv); }
