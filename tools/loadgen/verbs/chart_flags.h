// Which part of a run is drawn, and into which file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace smartbatch::loadgen {

struct ChartFlags {
  std::string html;                    // the file to write; empty for none
  std::optional<std::uint64_t> first;  // the verb chooses if it is not given
  std::uint64_t requests = 150;
};

void AddChartFlags(CLI::App& verb, ChartFlags& flags);

}  // namespace smartbatch::loadgen
