// Long random lives of the scheduler, with every promise checked after every event: backends that fail, hang, go and
// come back; cancels, deadlines, floods, poisoned sequences; switches of strategy and of configuration; closing with
// work in the queue. A life depends only on its seed, so the line that a failure prints replays it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/support/scheduler_driver.h"

namespace smartbatch::test {
namespace {

struct Flags {
  std::uint64_t seed = 1;
  std::uint64_t lives = 3000;
  std::uint64_t events = 1500;
  double hours = 0;
};

DriverOptions OptionsOf(std::uint64_t seed, std::uint64_t events) {
  Random random = Random::Stream(seed, 0x50AC);
  DriverOptions options;
  options.seed = seed;
  options.events = events;
  // Most lives have every kind of trouble; some lack one, so that another is seen more clearly.
  options.switches = random.Chance(0.8);
  options.cancels = random.Chance(0.9);
  options.deadlines = random.Chance(0.9);
  options.backend_faults = random.Chance(0.7);
  options.poison = random.Chance(0.7);
  options.configuration = random.Chance(0.8);
  options.close = random.Chance(0.3);
  return options;
}

// Returns what went wrong; empty if nothing did.
std::string PlayLife(std::uint64_t seed, std::uint64_t events, std::uint64_t& played) {
  const DriverOptions options = OptionsOf(seed, events);
  SchedulerDriver driver(options);
  driver.Play();
  played += driver.events();
  std::string wrong = driver.checker().Summary();
  if (wrong.empty() && driver.checker().unfinished() > 0) {
    wrong = fmt::format("{} requests never ended\n", driver.checker().unfinished());
  }
  if (!options.backend_faults && driver.innocent_failures() > 0) {
    wrong += fmt::format("{} requests without a bad sequence failed\n", driver.innocent_failures());
  }
  return wrong;
}

int Run(const Flags& flags, const std::string& program) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const std::chrono::duration<double> length(3600 * flags.hours);
  std::uint64_t events = 0;
  std::uint64_t lives = 0;
  while (flags.hours > 0 ? Clock::now() - start < length : lives < flags.lives) {
    const std::uint64_t seed = flags.seed + lives++;
    const std::string wrong = PlayLife(seed, flags.events, events);
    if (wrong.empty()) continue;
    fmt::print(stderr, "seed {} breaks a promise:\n{}replay it with: {} --seed {} --lives 1 --events {}\n", seed, wrong,
               program, seed, flags.events);
    return 1;
  }
  fmt::print("{} lives from seed {}, {} events, every promise kept\n", lives, flags.seed, events);
  return 0;
}

}  // namespace
}  // namespace smartbatch::test

int main(int argc, char** argv) {
  smartbatch::test::Flags flags;
  CLI::App program("Random lives of the scheduler with every promise checked after every event");
  program.add_option("--seed", flags.seed, "The first life's seed; the next one has the next")->capture_default_str();
  program.add_option("--lives", flags.lives, "How many lives")->capture_default_str();
  program.add_option("--events", flags.events, "Events in each life")->capture_default_str();
  program.add_option("--hours", flags.hours, "Play for that long instead of a number of lives");
  CLI11_PARSE(program, argc, argv);
  return smartbatch::test::Run(flags, argv[0]);
}
