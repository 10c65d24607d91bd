#include "tools/loadgen/output/plot_script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "tools/loadgen/output/plot_data.h"
#include "tools/loadgen/output/wrap.h"

namespace smartbatch::loadgen {
namespace {

// Pixels, at twice the width at which the picture is meant to be read.
constexpr double kWidth = 1660;
constexpr double kTitleHeight = 84;
constexpr double kPanelHeight = 610;
constexpr double kLineHeight = 40;
constexpr double kSide = 30;
// The mean width of a letter in the legend and in the small print.
constexpr double kLegendLetter = 16.5;
constexpr std::size_t kSmallPrintLine = 112;
constexpr std::size_t kLongestLegend = 80;
constexpr std::size_t kMostNamedBlocks = 6;

// How a strategy is drawn: a colour of Okabe and Ito's palette, which colour-blind people can tell apart, and a
// marker and a dash of its own for print in black and white.
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

std::vector<std::string> Description(const ResultSet& results, const WorkloadAnalysis& workload) {
  const auto found = results.provenance.workloads.find(workload.workload);
  double least = HUGE_VAL;
  double most = 0;
  for (const StrategySummary& strategy : workload.strategies) {
    least = std::min(least, strategy.requests.all.due_per_second);
    most = std::max(most, strategy.requests.all.due_per_second);
  }
  const std::string load = fmt::format("{:.1f}", least) == fmt::format("{:.1f}", most)
                               ? fmt::format("offered load {:.1f} requests/s", most)
                               : fmt::format("offered load {:.1f} to {:.1f} requests/s", least, most);
  return Wrap((found == results.provenance.workloads.end() ? "" : found->second + "; ") + load, kSmallPrintLine);
}

// The legend of all four panels, in as many columns as the longest name leaves room for.
struct Legend {
  explicit Legend(const WorkloadAnalysis& workload) {
    std::size_t longest = 1;
    for (const StrategySummary& strategy : workload.strategies) {
      std::string name = strategy.strategy.name;
      if (name.size() > kLongestLegend) name = name.substr(0, kLongestLegend - 3) + "...";
      longest = std::max(longest, name.size());
      names.push_back(std::move(name));
    }
    entry_width = 80 + kLegendLetter * static_cast<double>(longest);
    columns = std::clamp<std::size_t>(static_cast<std::size_t>((kWidth - 2 * kSide) / entry_width), 1, names.size());
  }
  std::size_t rows() const { return (names.size() + columns - 1) / columns; }

  std::vector<std::string> names;
  double entry_width = 0;
  std::size_t columns = 1;
};

double HeaderHeight(const ResultSet& results, const WorkloadAnalysis& workload) {
  return 56 + kLineHeight * static_cast<double>(Description(results, workload).size() + Legend(workload).rows()) + 10;
}

double WorkloadHeight(const ResultSet& results, const WorkloadAnalysis& workload) {
  return HeaderHeight(results, workload) + 2 * kPanelHeight;
}

// Cuts a workload's part of the picture into panels and writes each panel's commands.
class WorkloadPanels {
 public:
  WorkloadPanels(const ResultSet& results, const WorkloadAnalysis& workload, std::size_t index, double top_pixels,
                 double height_pixels)
      : results_(results), workload_(workload), index_(index), top_(top_pixels), height_(height_pixels) {}

  std::string Script() {
    Heading();
    PercentilesPanel();
    DistributionPanel();
    TimePanel();
    WorstCustomerPanel();
    return out_;
  }

 private:
  template <class... Arguments>
  void Line(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    out_ += fmt::format(text, std::forward<Arguments>(arguments)...) + '\n';
  }
  double ScreenY(double pixels_from_top) const { return 1 - pixels_from_top / height_; }
  static double ScreenX(double pixels_from_left) { return pixels_from_left / kWidth; }

  void Heading() {
    double y = top_ + 26;
    int label = 10;
    Line("set label {} {} at screen {:.5f}, {:.5f} left font \",22\"", label++,
         Quoted("Workload " + workload_.workload), ScreenX(kSide), ScreenY(y));
    for (const std::string& line : Description(results_, workload_)) {
      y += kLineHeight;
      Line("set label {} {} at screen {:.5f}, {:.5f} left font \",17\" textcolor rgb \"#444444\"", label++,
           Quoted(line), ScreenX(kSide), ScreenY(y));
    }
    const Legend legend(workload_);
    for (std::size_t s = 0; s < legend.names.size(); ++s) {
      const double x = kSide + 16 + legend.entry_width * static_cast<double>(s % legend.columns);
      const double row = y + kLineHeight * static_cast<double>(s / legend.columns + 1) + 8;
      Line("set label {} {} at screen {:.5f}, {:.5f} left offset 1.3,0 font \",20\" point pt {} ps 1.45 lc rgb \"{}\"",
           label++, Quoted(legend.names[s]), ScreenX(x), ScreenY(row), StyleOf(s).marker, StyleOf(s).color);
    }
  }

  void BeginPanel(int column, int row, const std::string& title) {
    const double panel_top = top_ + HeaderHeight(results_, workload_) + row * kPanelHeight;
    Line("set lmargin at screen {}; set rmargin at screen {}", column == 0 ? 0.095 : 0.6, column == 0 ? 0.475 : 0.975);
    Line("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", ScreenY(panel_top + 96),
         ScreenY(panel_top + kPanelHeight - 112));
    Line("set title {} offset 0,{} font \",19\"", Quoted(title), row == 1 ? 0.7 : 0);
    Line("set xlabel \"\"; set ylabel \"\"; unset logscale; unset key; set xrange [*:*]; set yrange [*:*]");
    Line("set xtics auto rotate by 0 center; set ytics auto; set format \"%g\"; unset mxtics; unset arrow");
    Line("set grid xtics ytics lc rgb \"#DDDDDD\" lt 1 lw 1");
  }

  void MillisecondsAxis(char axis, double low, double high) { LogAxis(axis, "latency in ms, log scale", low, high); }
  // A logarithmic axis that holds low..high, with tics at 1, 2, 5, 10, ... or 1, 10, ...
  void LogAxis(char axis, const char* label, double low, double high) {
    low *= 0.8;
    high *= 1.25;
    // Along the x axis the numbers stand side by side and need more room.
    const bool only_decades = high > (axis == 'x' ? 60 : 2000) * low;
    const std::vector<int> steps = only_decades ? std::vector<int>{1} : std::vector<int>{1, 2, 5};
    std::string tics;
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high; decade *= 10) {
      for (const int step : steps)
        tics += fmt::format("{0}\"{1:.10g}\" {1:.6g}", tics.empty() ? "" : ", ", step * decade);
    }
    Line(
        "set {0}label \"{5}\" offset {4}; set logscale {0}; set {0}range [{1:.6g}:{2:.6g}]; set "
        "{0}tics "
        "({3})",
        axis, low, high, tics, axis == 'y' ? "shift,0" : "0,0", label);
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

  // One plot of all elements, a line each. Labels belong to the picture as a whole or to one panel: drawn once.
  void Plot(const std::vector<std::string>& elements) {
    Line("plot \\\n  {}\nunset label", fmt::join(elements, ", \\\n  "));
  }
  std::string Data(const std::string& kind, std::size_t strategy) const {
    return "data index " + Quoted(PlotSetName(kind, index_, strategy));
  }
  template <class Element>
  void PlotEach(Element element) {
    std::vector<std::string> elements;
    for (std::size_t s = 0; s < workload_.strategies.size(); ++s) element(s, StyleOf(s), elements);
    Plot(elements);
  }

  void PercentilesPanel() {
    const std::vector<std::string> groups = DrawnGroups(workload_);
    const std::vector<DrawnFigure>& figures = DrawnFigures();
    const bool bars = std::any_of(workload_.strategies.begin(), workload_.strategies.end(),
                                  [](const StrategySummary& strategy) { return strategy.repeats.size() > 1; });
    BeginPanel(0, 0, bars ? "Latency by customer, 95 % intervals" : "Latency by customer");
    std::vector<DrawnPoint> points;
    for (const StrategySummary& strategy : workload_.strategies) {
      const std::vector<DrawnPoint> more = FigurePoints(workload_, strategy);
      points.insert(points.end(), more.begin(), more.end());
    }
    AxisFor(points);
    Line("set grid noxtics; set xrange [-0.6:{}]", static_cast<double>(groups.size() * figures.size()) - 0.4);
    std::string tics;
    int label = 60;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double left = static_cast<double>(g * figures.size());
      for (std::size_t f = 0; f < figures.size(); ++f) {
        const double position = left + static_cast<double>(f);
        tics += fmt::format("{}\"{}\" {}", tics.empty() ? "" : ", ", figures[f].name, position);
        const bool any = std::any_of(points.begin(), points.end(),
                                     [&](const DrawnPoint& point) { return point.position == position; });
        if (any) continue;
        Line(
            "set label {} \"too few samples\" at {}, graph 0.04 left rotate by 90 font \",17\" textcolor rgb "
            "\"#666666\"",
            label++, position);
      }
      Line("set label {} {} at {}, graph 0 center offset 0,-2.7 font \",19\"", label++,
           Quoted(groups[g] == "all" ? "all customers" : "customers " + groups[g]),
           left + (static_cast<double>(figures.size()) - 1) / 2);
      if (g > 0) Line("set arrow from {0}, graph 0 to {0}, graph 1 nohead lc rgb \"#999999\" lw 2", left - 0.5);
    }
    Line("set xtics ({})", tics);
    const double count = static_cast<double>(workload_.strategies.size());
    PlotEach([&](std::size_t s, const Style& style, std::vector<std::string>& elements) {
      // Side by side, so that equal values stay visible.
      const double shift = (static_cast<double>(s) - (count - 1) / 2) * 0.7 / count;
      elements.push_back(fmt::format("{} using ($1+({:.4f})):2:3:4 with yerrorbars pt {} ps 1.2 lw 3 lc rgb \"{}\"",
                                     Data("percentiles", s), shift, style.marker, style.color));
    });
  }

  void AxisFor(const std::vector<DrawnPoint>& points) {
    double low = HUGE_VAL;
    double high = 0;
    for (const DrawnPoint& point : points) {
      low = std::min(low, point.low);
      high = std::max(high, point.high);
    }
    if (high > 0) {
      MillisecondsAxis('y', low, high);
    } else {
      MillisecondsAxis('y');
    }
  }

  void DistributionPanel() {
    BeginPanel(1, 0, "Distribution, all customers");
    MillisecondsAxis('x');
    Line("set ylabel \"% of answers within that time\" offset shift,0; set yrange [0:100]");
    PlotEach([&](std::size_t s, const Style& style, std::vector<std::string>& elements) {
      elements.push_back(fmt::format("{} using 1:2 with steps lw 4 dt {} lc rgb \"{}\"", Data("distribution", s),
                                     style.dash, style.color));
      elements.push_back(fmt::format("{} using 1:2 with points pt {} ps 1 lc rgb \"{}\"", Data("marks", s),
                                     style.marker, style.color));
    });
  }

  void TimePanel() {
    BeginPanel(0, 1, "Over time: p50 (lines) and p95 (markers)");
    std::vector<DrawnPoint> points;
    for (const StrategySummary& strategy : workload_.strategies) {
      for (const auto& slices : TimeSlices(results_, workload_.workload, strategy.strategy.name)) {
        for (const TimeSlice& slice : slices) points.push_back({0, slice.p50_ms, slice.p50_ms, slice.p95_ms});
      }
    }
    AxisFor(points);
    Line("set xlabel \"seconds; dotted: the strategy is switched\"");
    const std::vector<DrawnBlock> blocks = DrawnBlocks(results_, workload_.workload);
    if (blocks.size() == 1) Line("set xlabel \"seconds\"");
    Line("set xrange [0:{:.3f}]; set grid noxtics", blocks.back().end_seconds);
    bool names_fit = blocks.size() <= kMostNamedBlocks;
    for (const DrawnBlock& block : blocks) {
      const double pixels = 0.38 * kWidth * (block.end_seconds - block.start_seconds) / blocks.back().end_seconds;
      names_fit = names_fit && static_cast<double>(block.strategy.size()) * 15 < pixels;
    }
    int label = 60;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i > 0) {
        Line("set arrow from {0:.3f}, graph 0 to {0:.3f}, graph 1 nohead dt (3,4) lc rgb \"#777777\" lw 1.5",
             blocks[i].start_seconds);
      }
      if (names_fit) {
        Line("set label {} {} at {:.3f}, graph 1.04 center font \",17\" textcolor rgb \"#444444\"", label++,
             Quoted(blocks[i].strategy), (blocks[i].start_seconds + blocks[i].end_seconds) / 2);
      }
    }
    PlotEach([&](std::size_t s, const Style& style, std::vector<std::string>& elements) {
      elements.push_back(fmt::format("{} using 1:2 with linespoints pt {} ps 0.75 lw 1 lc rgb \"{}\"", Data("p95", s),
                                     style.marker, style.color));
      elements.push_back(fmt::format("{} using 1:2 with lines lw 5 lc rgb \"{}\"", Data("p50", s), style.color));
    });
  }

  void WorstCustomerPanel() {
    BeginPanel(1, 1, "Worst customer against goodput");
    double most = 0;
    double low = HUGE_VAL;
    double high = 0;
    std::vector<std::string> unknown;
    for (const StrategySummary& strategy : workload_.strategies) {
      const auto point = WorstCustomerOf(strategy);
      if (!point) {
        unknown.push_back(strategy.strategy.name);
        continue;
      }
      most = std::max(most, point->goodput.high);
      low = std::min(low, point->slowdown.low);
      high = std::max(high, point->slowdown.high);
    }
    LogAxis('y', "worst customer's slowdown, log scale", std::min(low, 1.0), std::max(high, 2.0));
    Line("set xlabel \"goodput: answers a second\"; set xrange [0:{:.6g}]", most > 0 ? 1.15 * most : 1.0);
    if (!unknown.empty()) {
      const std::string names = fmt::format("{}", fmt::join(unknown, ", "));
      Line("set label 60 {} at graph 0.03, graph 0.06 left font \",16\" textcolor rgb \"#666666\"",
           Quoted(names.size() > 30 ? "not known" : names + ": not known"));
    }
    PlotEach([&](std::size_t s, const Style& style, std::vector<std::string>& elements) {
      elements.push_back(fmt::format("{} using 1:2:3:4:5:6 with xyerrorbars pt {} ps 1.45 lw 3 lc rgb \"{}\"",
                                     Data("worst-customer", s), style.marker, style.color));
    });
  }

  const ResultSet& results_;
  const WorkloadAnalysis& workload_;
  const std::size_t index_;
  const double top_;
  const double height_;
  std::string out_;
};

std::vector<std::string> Caption(const ResultSet& results, const Analysis& analysis) {
  const Block& block = results.blocks.front();
  std::uint32_t repeats = 1;
  for (const Block& each : results.blocks) repeats = std::max(repeats, each.repeat);
  return Wrap(fmt::format("{}; seed {}; {} repeat{} of {:.4g} s after {:.4g} s of warm-up; text: {}; {}",
                          results.provenance.started_at, results.provenance.seed, repeats, repeats == 1 ? "" : "s",
                          ToSeconds(block.measured), ToSeconds(block.warm_up), results.provenance.text_origin,
                          analysis.valid() ? "valid" : "INVALID, see the summary"),
              kSmallPrintLine);
}

}  // namespace

std::string PlotScript(const ResultSet& results, const Analysis& analysis, const std::string& data_file,
                       const std::string& png_file, const std::string& svg_file) {
  const std::vector<std::string> caption = Caption(results, analysis);
  double height = kTitleHeight + 20 + kLineHeight * static_cast<double>(caption.size());
  for (const WorkloadAnalysis& workload : analysis.workloads) height += WorkloadHeight(results, workload);
  std::string panels;
  double top = kTitleHeight;
  for (std::size_t w = 0; w < analysis.workloads.size(); ++w) {
    panels += WorkloadPanels(results, analysis.workloads[w], w, top, height).Script();
    top += WorkloadHeight(results, analysis.workloads[w]);
  }
  const std::string title = results.provenance.verb == "run" ? "Latency of one run" : "Latency by batching strategy";
  std::string labels = fmt::format("set label 1 {} at screen 0.5, {:.5f} center font \",27\"\n", Quoted(title),
                                   1 - kTitleHeight / 2 / height);
  for (std::size_t i = 0; i < caption.size(); ++i) {
    labels +=
        fmt::format("set label {} {} at screen 0.5, {:.5f} center font \",16\" textcolor rgb \"#444444\"\n", 2 + i,
                    Quoted(caption[i]), 1 - (top + 8 + kLineHeight * (static_cast<double>(i) + 0.5)) / height);
  }
  // Drawn twice, in two formats, by the same commands. They differ in what a point is, in how large a marker is drawn,
  // and in how wide the numbers at an axis are thought to be.
  return fmt::format(
      "# Draws the picture beside it from {0}. Run it with gnuplot in its folder.\n"
      "if (!exists(\"png\")) png = {1}\n"
      "if (!exists(\"svg\")) svg = {2}\n"
      "data = {0}\n"
      "do for [format in \"png svg\"] {{\n"
      "if (format eq \"png\") {{\n"
      "shift = 0\n"
      "set terminal pngcairo noenhanced size {3},{4:.0f} font \"DejaVu Sans,17\" pointscale 1.8 background rgb "
      "\"white\"\n"
      "set output png\n"
      "}} else {{\n"
      "shift = -2\n"
      "set terminal svg noenhanced size {3},{4:.0f} font \"DejaVu Sans,17\" fontscale 1.333 background rgb \"white\"\n"
      "set output svg\n"
      "}}\n"
      "set border 3; set tics nomirror out\n"
      "set multiplot\n"
      "{5}{6}"
      "unset multiplot\n"
      "unset output\n"
      "}}\n",
      Quoted(data_file), Quoted(png_file), Quoted(svg_file), kWidth, height, labels, panels);
}

}  // namespace smartbatch::loadgen
