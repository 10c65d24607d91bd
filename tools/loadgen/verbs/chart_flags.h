// Which part of a run is drawn, and where to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace smartbatch::loadgen {

struct ChartFlags {
  std::string html;                    // the file to write; empty for none
  std::optional<std::uint64_t> first;  // the verb knows which if nothing is said
  std::uint64_t requests = 150;
};

void AddChartFlags(CLI::App& verb, ChartFlags& flags);

}  // namespace smartbatch::loadgen
