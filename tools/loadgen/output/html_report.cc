#include "tools/loadgen/output/html_report.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr char kStyle[] = R"(
  body { font: 16px/1.5 "DejaVu Sans", Verdana, sans-serif; color: #1a1a1a; background: #fff;
         max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.7rem; } h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
  .verdict { font-size: 1.15rem; background: #eef4fa; border-left: 6px solid #0072B2; padding: .8rem 1rem; }
  .valid { border-left: 6px solid #009E73; padding-left: 1rem; }
  .invalid { border-left: 6px solid #D55E00; background: #fdf1e9; padding: .5rem 1rem; }
  .scroll { overflow-x: auto; margin: 1rem 0 1.8rem; }
  table { border-collapse: collapse; font-size: .84rem; }
  caption { text-align: left; padding-bottom: .4rem; color: #444; }
  th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e4e4e4; }
  th { border-bottom: 2px solid #888; } .text { text-align: left; } tr.group td { border-top: 1px solid #888; }
  pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; }
  figure { margin: 1rem 0; } svg { width: 100%; height: auto; } dt { font-weight: bold; } summary { cursor: pointer; }
)";

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += letter;
    }
  }
  return escaped;
}

std::string Render(const ReportTable& table) {
  const auto cell = [&](const char* tag, std::size_t column, const std::string& text) {
    return fmt::format("<{0}{1}>{2}</{0}>", tag, column < table.text_columns ? " class=\"text\"" : "", Escaped(text));
  };
  std::string html = "<div class=\"scroll\"><table><caption>" + Escaped(table.caption) + "</caption>\n<tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i) html += cell("th", i, table.header[i]);
  html += "</tr>\n";
  std::string last;
  for (const std::vector<std::string>& row : table.rows) {
    // A new group begins when the first of two columns of text changes.
    const bool begins = table.text_columns == 2 && !last.empty() && row.front() != last;
    html += begins ? "<tr class=\"group\">" : "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) html += cell("td", i, row[i]);
    html += "</tr>\n";
    last = row.front();
  }
  return html + "</table></div>\n";
}

std::string Paragraphs(const std::vector<std::string>& lines) {
  std::string html;
  for (const std::string& line : lines) html += "<p>" + Escaped(line) + "</p>\n";
  return html;
}

std::string Preformatted(const ReportSection& section) {
  std::string html = fmt::format("<h2>{}</h2>\n<pre>", Escaped(section.heading));
  for (const std::string& line : section.lines) html += Escaped(line) + '\n';
  return html + "</pre>\n";
}

std::string HowItWasMeasured(const ResultSet& results) {
  const Block& block = results.blocks.front();
  std::set<std::string> strategies;
  std::uint32_t repeats = 1;
  for (const Block& each : results.blocks) {
    strategies.insert(each.strategy.name);
    repeats = std::max(repeats, each.repeat);
  }
  std::string html = fmt::format(
      "<p>Several customers send requests to one server at {}. Each request holds a few texts; the server groups the "
      "texts of all customers into batches for a slow classifier, and its <em>strategy</em> decides which of them go "
      "together and when. ",
      Escaped(results.provenance.target));
  if (strategies.size() > 1) {
    html += fmt::format(
        "Here {} strategies had to serve the same customers, {} time{} each for {:.4g} s after {:.4g} s of warm-up. In "
        "each repeat every strategy met the same arrivals and sizes, drawn from the same seed",
        strategies.size(), repeats, repeats == 1 ? "" : "s", ToSeconds(block.measured), ToSeconds(block.warm_up));
    html += repeats > 1 ? ", in random order.</p>\n" : ".</p>\n";
  } else {
    html += fmt::format("Here it was {}, measured for {:.4g} s after {:.4g} s of warm-up.</p>\n",
                        Escaped(*strategies.begin()), ToSeconds(block.measured), ToSeconds(block.warm_up));
  }
  return html +
         "<p>Latency counts from the moment a request was <em>due</em>, not from when it left, so that a wait that "
         "delays the next request is counted too. Nothing was sent twice.</p>\n";
}

constexpr char kPanels[] = R"(<figcaption>Top left: percentiles of each group of customers, lower is better; bars are
95 % intervals of the repeats. Top right: the share of answers within a time; the further left, the faster. Bottom left:
how the latency changed during the measurement. Bottom right: the further right, the more was answered, and the further down, the
less the worst-off customer waited beyond the time that its requests take alone.</figcaption></figure>
)";

constexpr char kWords[] = R"(<h2>The words</h2>
<dl>
<dt>p50, p95, p99</dt><dd>The time within which 50, 95 or 99 % of the answers came: p50 is the median, p99 the wait of
the unlucky. They are exact, from every single request. One that fewer than 10 answers exceed is left blank.</dd>
<dt>95 % interval</dt><dd>Repeating the measurement would put the mean into such an interval 95 times out of 100. If the
interval of a difference holds 0, chance alone explains it: <em>no significant difference</em>. Many differences are
tested at once, so the bar is raised for each (Holm's correction).</dd>
<dt>goodput</dt><dd>Requests answered a second. Customers that wait for an answer before they send again get more of
them from a faster server.</dd>
<dt>slowdown</dt><dd>The latency of a request divided by the time that it takes in a batch of its own on an idle backend, by
the cost of a batch that the proxy has learned: 1 is the best, and a long text counts against nobody. The worst
customer is the one with the largest mean, of those with at least 20 answers.</dd>
<dt>shares</dt><dd>Jain's index of the backend time that was charged to each customer, divided by its weight: 1 if each got what
its weight says, 1/n if one of n got everything. Customers that ask for different amounts differ without harm.</dd>
<dt>dispatch delay</dt><dd>How late the generator itself sent what was due. It is part of the latency; if it grows
too large the result is called invalid.</dd>
</dl>
)";

}  // namespace

std::string HtmlReport(const ResultSet& results, const ReportDocument& report, const std::string& picture,
                       const std::string& no_picture) {
  const Provenance& provenance = results.provenance;
  const std::string title = provenance.verb == "run" ? "Latency of one run" : "Latency by batching strategy";
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}, {1}</title>\n<style>{2}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<p>{1}, seed {3}</p>\n",
      Escaped(title), Escaped(provenance.started_at), kStyle, provenance.seed);
  html += "<div class=\"verdict\">\n" + Paragraphs(report.verdict.lines) + "</div>\n";
  html += fmt::format("<div class=\"{}\">\n<p><strong>{}</strong></p>\n{}</div>\n",
                      report.validity.heading == "Valid" ? "valid" : "invalid", report.validity.heading,
                      Paragraphs(report.validity.lines));
  if (!report.objectives.lines.empty()) html += "<h2>Objectives</h2>\n" + Paragraphs(report.objectives.lines);
  html += "<h2>How it was measured</h2>\n" + HowItWasMeasured(results);
  // Inside HTML an SVG has no prologue.
  const std::size_t svg = picture.find("<svg");
  html += svg == std::string::npos ? Paragraphs({no_picture}) : "<figure>" + picture.substr(svg) + kPanels;
  for (const ReportSection& workload : report.workloads) {
    html += fmt::format("<h2>{} {}</h2>\n", Escaped(workload.heading), Escaped(workload.name));
    html += Paragraphs(workload.lines);
    for (const ReportTable& table : workload.tables) {
      html += table.is_long ? "<details><summary>Each customer</summary>\n" + Render(table) + "</details>\n"
                            : Render(table);
    }
  }
  html += Preformatted(report.generator) + Preformatted(report.environment) + Preformatted(report.command);
  return html + kWords + "</body>\n</html>\n";
}

}  // namespace smartbatch::loadgen
