#include "tools/loadgen/output/plot_script.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tools/loadgen/output/plot_data.h"

namespace smartbatch::loadgen {
namespace {

// Pixels, at twice the size at which the picture is meant to be read.
constexpr double kWidth = 1800;
constexpr double kHeaderHeight = 80;
constexpr double kWorkloadHeight = 1420;
constexpr double kFooterHeight = 70;
constexpr std::size_t kMostNamedCustomers = 24;
constexpr std::size_t kMostNamedBlocks = 9;

// How a strategy is drawn: a colour of Okabe and Ito's palette, which colour-blind people can tell apart, and a
// marker and a dash of its own for print without colour.
struct Style {
  const char* color;
  int marker;
  const char* dash;
};
constexpr std::array<Style, 8> kStyles = {{{"#0072B2", 7, "solid"},
                                           {"#E69F00", 5, "(12,5)"},
                                           {"#009E73", 9, "(4,4)"},
                                           {"#D55E00", 11, "(14,4,3,4)"},
                                           {"#CC79A7", 13, "(20,6)"},
                                           {"#56B4E9", 15, "(8,3,3,3,3,3)"},
                                           {"#000000", 4, "(2,3)"},
                                           {"#999999", 6, "(16,3,8,3)"}}};

const Style& StyleOf(std::size_t strategy) { return kStyles[strategy % kStyles.size()]; }

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + '"';
}

// Cuts a workload's part of the picture into panels and writes each panel's commands.
class WorkloadPanels {
 public:
  WorkloadPanels(const ResultSet& results, const WorkloadAnalysis& workload, std::size_t index, double top_pixels,
                 double height_pixels)
      : results_(results), workload_(workload), index_(index), top_(top_pixels), height_(height_pixels) {}

  std::string Script() {
    Heading();
    FiguresPanel();
    DistributionPanel();
    TimePanel();
    CustomersPanel();
    return out_;
  }

 private:
  template <class... Arguments>
  void Line(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    out_ += fmt::format(text, std::forward<Arguments>(arguments)...) + '\n';
  }
  double ScreenY(double pixels_from_top) const { return 1 - pixels_from_top / height_; }

  void Heading() {
    const auto description = results_.provenance.workloads.find(workload_.workload);
    Line("set label 1 {} at screen 0.02, {:.5f} left font \",26\"", Quoted("Workload " + workload_.workload),
         ScreenY(top_ + 20));
    if (description != results_.provenance.workloads.end()) {
      Line("set label 2 {} at screen 0.02, {:.5f} left font \",19\" textcolor rgb \"#444444\"",
           Quoted(description->second), ScreenY(top_ + 56));
    }
    // The legend of all four panels: two entries a line.
    for (std::size_t s = 0; s < workload_.strategies.size(); ++s) {
      const StrategySummary& strategy = workload_.strategies[s];
      const Slice& all = strategy.requests.all;
      std::string text = fmt::format("{}: mean {:.1f} ms, {:.1f} answers/s", strategy.strategy.name, all.latency.mean,
                                     all.answered_per_second);
      if (strategy.sequences_per_batch > 0)
        text += fmt::format(", {:.2f} sequences/batch", strategy.sequences_per_batch);
      if (all.failed() > 0) text += fmt::format(", {} failed", all.failed());
      Line("set label {} {} at screen {}, {:.5f} left offset 1.5,0 font \",20\" point pt {} ps 2.6 lc rgb \"{}\"",
           10 + s, Quoted(text), s % 2 == 0 ? 0.03 : 0.52, ScreenY(top_ + 96 + 34 * static_cast<double>(s / 2)),
           StyleOf(s).marker, StyleOf(s).color);
    }
  }

  void BeginPanel(int column, int row, const std::string& title) {
    const double legend = 96 + 34 * static_cast<double>((workload_.strategies.size() + 1) / 2);
    const double panels_top = top_ + legend + 10;
    const double panels_height = kWorkloadHeight - legend - 10;
    const double panel_height = panels_height / 2;
    const double panel_top = panels_top + row * panel_height;
    Line("set lmargin at screen {}; set rmargin at screen {}", column == 0 ? 0.075 : 0.575, column == 0 ? 0.48 : 0.97);
    Line("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", ScreenY(panel_top + 92),
         ScreenY(panel_top + panel_height - 106));
    Line("set title {} offset 0,{} font \",22\"", Quoted(title), row == 1 ? 0.9 : -0.4);
    Line("set xlabel \"\"; set ylabel \"\"; unset logscale; unset key; set xrange [*:*]; set yrange [*:*]");
    Line("set xtics auto rotate by 0 center; set ytics auto; set format \"%g\"; unset mxtics; unset arrow");
    Line("set grid xtics ytics lc rgb \"#DDDDDD\" lt 1 lw 1");
  }

  // A logarithmic axis of milliseconds that holds low..high, with tics at 1, 2, 5, 10, ... or 1, 10, ...
  void MillisecondsAxis(char axis, double low, double high) {
    low *= 0.8;
    high *= 1.25;
    // Along the x axis the numbers stand side by side and need more room.
    const bool only_decades = axis == 'x' && high > 200 * low;
    const std::vector<int> steps = only_decades ? std::vector<int>{1} : std::vector<int>{1, 2, 5};
    std::string tics;
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high; decade *= 10) {
      for (const int step : steps) tics += fmt::format("{}{:.6g}", tics.empty() ? "" : ", ", step * decade);
    }
    Line("set {0}label \"ms, log scale\"; set logscale {0}; set {0}range [{1:.6g}:{2:.6g}]; set {0}tics ({3})", axis,
         low, high, tics);
  }
  void MillisecondsAxis(char axis, const std::vector<std::vector<DrawnPoint>>& points) {
    double low = HUGE_VAL;
    double high = 0;
    for (const std::vector<DrawnPoint>& series : points) {
      for (const DrawnPoint& point : series) {
        low = std::min(low, point.low);
        high = std::max(high, point.high);
      }
    }
    MillisecondsAxis(axis, low, high);
  }
  // For every answer.
  void MillisecondsAxis(char axis) {
    double low = HUGE_VAL;
    double high = 0;
    for (const StrategySummary& strategy : workload_.strategies) {
      if (strategy.requests.all.answered == 0) continue;
      low = std::min(low, strategy.requests.all.latency.minimum);
      high = std::max(high, strategy.requests.all.latency.maximum);
    }
    MillisecondsAxis(axis, low, high);
  }
  template <class PointsOf>
  std::vector<std::vector<DrawnPoint>> PointsOfAll(PointsOf points_of) const {
    std::vector<std::vector<DrawnPoint>> points;
    for (const StrategySummary& strategy : workload_.strategies) points.push_back(points_of(strategy));
    return points;
  }

  // Plots one element for each strategy; `element` returns what follows the set's name.
  template <class Element>
  void Plot(const std::string& kind, Element element) {
    std::string elements;
    for (std::size_t s = 0; s < workload_.strategies.size(); ++s) {
      elements += fmt::format("{}  data index {} {}", elements.empty() ? "" : ", \\\n",
                              Quoted(PlotSetName(kind, index_, s)), element(s, StyleOf(s)));
    }
    Line("plot \\\n{}", elements);
    // Labels belong to the picture as a whole or to one panel: drawn once.
    Line("unset label");
  }

  // Side by side, so that equal values stay visible.
  std::string Beside(std::size_t strategy, double width, bool with_bars = true) const {
    const double count = static_cast<double>(workload_.strategies.size());
    const double shift = (static_cast<double>(strategy) - (count - 1) / 2) * width / count;
    return fmt::format("using ($1+({:.4f})):2{}", shift, with_bars ? ":3:4" : "");
  }

  void FiguresPanel() {
    const std::vector<std::string> groups = DrawnGroups(workload_);
    const std::vector<DrawnFigure>& figures = DrawnFigures();
    const bool bars = std::any_of(workload_.strategies.begin(), workload_.strategies.end(),
                                  [](const StrategySummary& strategy) { return strategy.repeats.size() > 1; });
    BeginPanel(0, 0, bars ? "Latency by group (bars: 95 % interval)" : "Latency by group");
    const auto points = PointsOfAll([&](const StrategySummary& strategy) { return FigurePoints(workload_, strategy); });
    MillisecondsAxis('y', points);
    Line("set grid noxtics; set xrange [-0.6:{}]", static_cast<double>(groups.size() * figures.size()) - 0.4);
    std::string tics;
    int label = 40;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double left = static_cast<double>(g * figures.size());
      for (std::size_t f = 0; f < figures.size(); ++f) {
        const double position = left + static_cast<double>(f);
        tics += fmt::format("{}\"{}\" {}", tics.empty() ? "" : ", ", figures[f].name, position);
        if (!AnyAt(points, position)) {
          Line(
              "set label {} \"too few samples\" at {}, graph 0.04 left rotate by 90 font \",17\" textcolor rgb "
              "\"#777777\"",
              label++, position);
        }
      }
      Line("set label {} {} at {}, graph 0 center offset 0,-2.9 font \",20\"", label++,
           Quoted(groups[g] == "all" ? "all customers" : "customers " + groups[g]),
           left + (static_cast<double>(figures.size()) - 1) / 2);
      if (g > 0) Line("set arrow from {0}, graph 0 to {0}, graph 1 nohead lc rgb \"#999999\" lw 2", left - 0.5);
    }
    Line("set xtics ({})", tics);
    Plot("figures", [&](std::size_t s, const Style& style) {
      return fmt::format("{} with yerrorbars pt {} ps 2.2 lw 3 lc rgb \"{}\"", Beside(s, 0.7), style.marker,
                         style.color);
    });
  }

  static bool AnyAt(const std::vector<std::vector<DrawnPoint>>& points, double position) {
    return std::any_of(points.begin(), points.end(), [&](const std::vector<DrawnPoint>& series) {
      return std::any_of(series.begin(), series.end(),
                         [&](const DrawnPoint& point) { return point.position == position; });
    });
  }

  void DistributionPanel() {
    BeginPanel(1, 0, "Distribution of the latency, all customers");
    MillisecondsAxis('x');
    Line("set ylabel \"% of answers within that time\"");
    Line("set yrange [0:100]");
    Plot("ecdf", [](std::size_t, const Style& style) {
      return fmt::format("using 1:2 with steps lw 4 dt {} lc rgb \"{}\"", style.dash, style.color);
    });
  }

  void TimePanel() {
    BeginPanel(0, 1, "Latency over time (dots: requests, lines: medians)");
    MillisecondsAxis('y');
    Line("set xlabel \"seconds\"");
    const std::vector<DrawnBlock> blocks = DrawnBlocks(results_, workload_.workload);
    Line("set xrange [0:{:.3f}]", blocks.back().end_seconds);
    int label = 40;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i > 0) {
        Line("set arrow from {0:.3f}, graph 0 to {0:.3f}, graph 1 nohead dt (6,6) lc rgb \"#555555\" lw 2",
             blocks[i].start_seconds);
      }
      if (blocks.size() <= kMostNamedBlocks) {
        Line("set label {} {} at {:.3f}, graph 1.045 center font \",18\" textcolor rgb \"#444444\"", label++,
             Quoted(blocks[i].strategy), (blocks[i].start_seconds + blocks[i].end_seconds) / 2);
      }
    }
    std::string lines;
    for (std::size_t s = 0; s < workload_.strategies.size(); ++s) {
      lines += fmt::format(", \\\n  data index {} using 1:2 with lines lw 5 lc rgb \"{}\"",
                           Quoted(PlotSetName("medians", index_, s)), StyleOf(s).color);
    }
    Plot("requests", [&](std::size_t s, const Style& style) {
      const bool last = s + 1 == workload_.strategies.size();
      return fmt::format("using 1:2 with points pt {} ps 0.9 lc rgb \"#90{}\"{}", style.marker, style.color + 1,
                         last ? lines : "");
    });
  }

  void CustomersPanel() {
    const std::vector<Slice>& customers = workload_.strategies.front().requests.customers;
    BeginPanel(1, 1, "Mean latency of each customer");
    MillisecondsAxis('y', PointsOfAll(CustomerPoints));
    Line("set xrange [-0.7:{}]", static_cast<double>(customers.size()) - 0.3);
    if (customers.size() <= kMostNamedCustomers) {
      std::string tics;
      for (std::size_t i = 0; i < customers.size(); ++i) {
        tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", Quoted(customers[i].name), i);
      }
      Line("set xtics ({}){}", tics, customers.size() > 8 ? " rotate by 90 right" : "");
      if (customers.size() <= 8) Line("set xlabel \"customer\"");
    } else {
      Line("set xlabel \"customer, by name\"");
    }
    // Bars for many customers would hide each other.
    const bool many = customers.size() > 8;
    Plot("customers", [&](std::size_t s, const Style& style) {
      return fmt::format("{} with {} pt {} ps {} lw 3 lc rgb \"{}\"", Beside(s, 0.6, !many),
                         many ? "points" : "yerrorbars", style.marker, many ? 1.6 : 2.2, style.color);
    });
  }

  const ResultSet& results_;
  const WorkloadAnalysis& workload_;
  const std::size_t index_;
  const double top_;
  const double height_;
  std::string out_;
};

std::string Caption(const ResultSet& results, const Analysis& analysis) {
  const Block& block = results.blocks.front();
  std::uint32_t repeats = 1;
  for (const Block& each : results.blocks) repeats = std::max(repeats, each.repeat);
  return fmt::format("{} | seed {} | {:.4g} s measured per block after {:.4g} s warm-up, {} repeat{} | text: {} | {}",
                     results.provenance.started_at, results.provenance.seed, ToSeconds(block.measured),
                     ToSeconds(block.warm_up), repeats, repeats == 1 ? "" : "s", results.provenance.text_origin,
                     analysis.valid() ? "valid" : "INVALID, see the summary");
}

}  // namespace

std::string PlotScript(const ResultSet& results, const Analysis& analysis, const std::string& data_file,
                       const std::string& png_file, const std::string& svg_file) {
  const double height =
      kHeaderHeight + kWorkloadHeight * static_cast<double>(analysis.workloads.size()) + kFooterHeight;
  std::string panels;
  for (std::size_t w = 0; w < analysis.workloads.size(); ++w) {
    const double top = kHeaderHeight + kWorkloadHeight * static_cast<double>(w);
    panels += WorkloadPanels(results, analysis.workloads[w], w, top, height).Script();
  }
  const std::string title = results.provenance.verb == "run" ? "Latency of one run" : "Latency by batching strategy";
  // Drawn twice, in two formats, by the same commands.
  return fmt::format(
      "# Draws the picture beside it from {0}. Run it with gnuplot in its folder.\n"
      "if (!exists(\"png\")) png = {1}\n"
      "if (!exists(\"svg\")) svg = {2}\n"
      "data = {0}\n"
      "do for [format in \"png svg\"] {{\n"
      "if (format eq \"png\") {{\n"
      "set terminal pngcairo noenhanced size {3},{4} font \"DejaVu Sans,19\" background rgb \"white\"\n"
      "set output png\n"
      "}} else {{\n"
      "set terminal svg noenhanced size {3},{4} font \"DejaVu Sans,19\" background rgb \"white\"\n"
      "set output svg\n"
      "}}\n"
      "set border 3; set tics nomirror out\n"
      "set multiplot\n"
      "set label 3 {5} at screen 0.5, {6:.5f} center font \",32\"\n"
      "set label 4 {7} at screen 0.5, {8:.5f} center font \",17\" textcolor rgb \"#444444\"\n"
      "{9}"
      "unset multiplot\n"
      "unset output\n"
      "}}\n",
      Quoted(data_file), Quoted(png_file), Quoted(svg_file), kWidth, height, Quoted(title),
      1 - kHeaderHeight / 2 / height, Quoted(Caption(results, analysis)), kFooterHeight / 2 / height, panels);
}

}  // namespace smartbatch::loadgen
