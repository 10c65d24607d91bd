// The picture of the comparison, drawn here because gnuplot's images are not the same to the byte on every machine.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tests/figures/published_comparison.h"

namespace smartbatch::test {
namespace {

constexpr int kBins = 40;
// The ratios at the two ends; ratios beyond them are drawn in the last bin.
constexpr double kLeast = 0.125;
constexpr double kMost = 2;

constexpr int kLeft = 150;
constexpr int kPanelWidth = 400;
constexpr int kGap = 130;
constexpr int kTop = 96;
constexpr int kRowHeight = 72;
constexpr int kBarHeight = 52;
constexpr int kRows = 5;

constexpr const char* kFaster = "#0072b2";
constexpr const char* kSlower = "#d55e00";

double PlaceOf(double ratio) {
  const double place = std::log(ratio / kLeast) / std::log(kMost / kLeast);
  return std::clamp(place, 0.0, 1.0);
}

std::string Text(double x, double y, const char* style, const std::string& text) {
  return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" {}>{}</text>\n", x, y, style, text);
}

std::string Row(const std::vector<double>& ratios, int left, int bottom) {
  // A bin ends at 1, so that each bin is on one side of it.
  std::array<int, kBins> counts{};
  for (const double ratio : ratios) {
    const int bin = static_cast<int>(std::floor(PlaceOf(ratio) * kBins - (ratio <= 1 ? 1e-9 : 0)));
    ++counts[static_cast<std::size_t>(std::clamp(bin, 0, kBins - 1))];
  }
  const int highest = *std::max_element(counts.begin(), counts.end());
  constexpr double kBinWidth = static_cast<double>(kPanelWidth) / kBins;
  const double one = PlaceOf(1) * kBins;
  std::string text;
  for (int bin = 0; bin < kBins; ++bin) {
    const int count = counts[static_cast<std::size_t>(bin)];
    if (count == 0) continue;
    const double height = std::max(1.5, static_cast<double>(kBarHeight) * count / highest);
    text += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                        left + bin * kBinWidth + 0.5, bottom - height, kBinWidth - 1, height,
                        bin + 0.5 < one ? kFaster : kSlower);
  }
  const Summary summary = Summarize(ratios);
  const double mean = left + PlaceOf(summary.geometric_mean) * kPanelWidth;
  text += fmt::format("<path d=\"M{:.1f} {} l-5 8 h10 z\" fill=\"#000000\"/>\n", mean, bottom + 1);
  text += Text(left + kPanelWidth + 8, bottom - 22, "font-weight=\"bold\"",
               fmt::format("{:.2f} times", summary.geometric_mean));
  text += Text(left + kPanelWidth + 8, bottom - 4, "fill=\"#555555\"", fmt::format("slower in {}", summary.lost));
  return text;
}

}  // namespace

std::string PictureOf(const std::vector<ComparedCell>& cells) {
  constexpr int kWidth = kLeft + 2 * (kPanelWidth + kGap);
  constexpr int kHeight = kTop + kRows * kRowHeight + 40;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"14\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      kWidth, kHeight);
  text += Text(
      kLeft, 26, "font-size=\"18\" font-weight=\"bold\"",
      fmt::format("density beside published policies, in {} cells of cost, batch size, trace and load", cells.size()));
  text +=
      Text(kLeft, 48, "fill=\"#555555\"",
           fmt::format("<tspan fill=\"{}\">blue: density is faster</tspan>, <tspan fill=\"{}\">orange: slower</tspan>; "
                       "height: how many cells; triangle: geometric mean; slower: by more than 2 %",
                       kFaster, kSlower));
  for (const Latency latency : {Latency::kMean, Latency::kP99}) {
    const int left = latency == Latency::kMean ? kLeft : kLeft + kPanelWidth + kGap;
    const std::string what = latency == Latency::kMean ? "mean latency" : "99th percentile";
    text += Text(left, kTop - 18, "font-weight=\"bold\"", what + " over the policy's");
    const int axis = kTop + kRows * kRowHeight;
    for (const double tick : {0.125, 0.25, 0.5, 1.0, 2.0}) {
      const double x = left + PlaceOf(tick) * kPanelWidth;
      text += fmt::format("<path d=\"M{:.1f} {} V{}\" stroke=\"{}\" stroke-width=\"{}\"/>\n", x, kTop - 6, axis,
                          tick == 1 ? "#000000" : "#dddddd", tick == 1 ? 1.5 : 1);
      const std::string label = tick == 0.125 ? "1/8 or less" : tick == 2 ? "2 or more" : fmt::format("{}", tick);
      text += Text(x, axis + 20, "text-anchor=\"middle\" fill=\"#555555\"", label);
    }
    for (int row = 0; row < kRows; ++row) {
      std::vector<double> ratios;
      for (const ComparedCell& cell : cells) {
        const double other = row == 0 ? BestPublished(cell, latency)
                                      : ValueOf(cell, kFirstPublished + static_cast<std::size_t>(row) - 1, latency);
        ratios.push_back(ValueOf(cell, 0, latency) / other);
      }
      const int bottom = kTop + (row + 1) * kRowHeight - 12;
      text += Row(ratios, left, bottom);
      if (latency == Latency::kP99) continue;
      const std::string name =
          row == 0 ? "best of each" : std::string(kCompared[kFirstPublished + static_cast<std::size_t>(row) - 1]);
      text += Text(kLeft - 12, bottom - 14,
                   row == 0 ? "text-anchor=\"end\" font-weight=\"bold\"" : "text-anchor=\"end\"", name);
    }
  }
  return text + "</svg>\n";
}

}  // namespace smartbatch::test
