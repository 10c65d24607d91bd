#include "tools/loadgen/verbs/chart_flags.h"

namespace smartbatch::loadgen {

void AddChartFlags(CLI::App& verb, ChartFlags& flags) {
  verb.add_option("--html", flags.html,
                  "Draw the batches over time into this page, for a browser (timeline: timeline.html)")
      ->type_name("FILE");
  verb.add_option(
          "--draw-first", flags.first,
          "The request with which the drawing begins, counted from 0: otherwise the first after the warm-up, or of the "
          "log")
      ->type_name("NUMBER");
  verb.add_option("--draw-requests", flags.requests, "How many requests come in the time that is drawn")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000}))
      ->capture_default_str();
}

}  // namespace smartbatch::loadgen
