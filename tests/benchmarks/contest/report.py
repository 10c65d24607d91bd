"""report.py RESULTS [--write DOCUMENT PICTURE]: the table of what contest.sh has measured, and its picture.

Of each figure the mean over the rounds, and its ratio to the setting of Triton that carries most: the geometric mean
over the rounds that both played, with Student's interval of 95 % of the logarithms. --write puts the table between the
lines `<!-- contest: NAME -->` and `<!-- end of contest -->` of the document.
"""
import json
import math
import pathlib
import statistics
import sys

# 97.5 % of Student's distribution, by degrees of freedom.
STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
CLOSED_LOOP = (("requests_per_second", "requests/s"), ("mean_ms", "mean"), ("p99_ms", "p99"),
               ("model_ms_per_request", "model's processor time"))
OPEN_LOOP = (("mean_ms", "mean"), ("p50_ms", "p50"), ("p99_ms", "p99"), ("short_mean_ms", "mean, short texts"),
             ("code", "mean, code"), ("conversation", "mean, conversation"),
             ("model_ms_per_request", "model's processor time"))
LARGEST_RATE = (("requests_per_second", "requests/s"), ("mean_ms", "mean there"), ("p99_ms", "p99 there"))
WHAT = {"minilm": "all-MiniLM-L6-v2 on one thread of a processor", "device": "a device whose time is modelled"}


def figures_of(contest, phase):
    if phase == "largest rate":
        return LARGEST_RATE
    figures = OPEN_LOOP if phase == "open loop" else CLOSED_LOOP
    # What sleeps takes no processor time.
    return figures[:-1] if contest == "device" else figures


def value(row, figure):
    return row["tenant_mean_ms"][figure] if figure in row["tenant_mean_ms"] else row[figure]


def half_width(values):
    if len(values) < 2:
        return None
    return STUDENT[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))


def shown(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


class Results:
    def __init__(self, rows):
        self.rows = {(row["phase"], row["contender"], row["round"]): row for row in rows}
        self.contenders = [name for name in dict.fromkeys(row["contender"] for row in rows)]
        self.contenders.sort(key=lambda name: (not name.startswith("Triton"), len(name), name))
        self.rounds = sorted({row["round"] for row in rows})
        self.contest = rows[0]["contest"]
        self.phases = list(dict.fromkeys(row["phase"] for row in rows))
        closed = [phase for phase in self.phases if phase.endswith("callers")][-1]
        self.closed = closed
        self.baseline = max((name for name in self.contenders if name.startswith("Triton")),
                            key=lambda name: self.mean(closed, name, "requests_per_second")[0])

    def values(self, phase, contender, figure):
        return {number: value(self.rows[phase, contender, number], figure) for number in self.rounds
                if (phase, contender, number) in self.rows}

    def mean(self, phase, contender, figure):
        values = list(self.values(phase, contender, figure).values())
        return statistics.fmean(values), half_width(values)

    def ratio(self, phase, contender, figure):
        """Mean, lower and upper end; the ends are None with a single round."""
        of, to = self.values(phase, contender, figure), self.values(phase, self.baseline, figure)
        logs = [math.log(of[number] / to[number]) for number in of if number in to]
        centre, half = statistics.fmean(logs), half_width(logs)
        if half is None:
            return math.exp(centre), None, None
        return math.exp(centre), math.exp(centre - half), math.exp(centre + half)

    def table(self):
        lines = []
        for phase in self.phases:
            figures = figures_of(self.contest, phase)
            rates = [row["offered_per_second"] for row in self.rows.values() if "offered_per_second" in row]
            offered = {"open loop": f", {min(rates):.0f} to {max(rates):.0f} requests a second",
                       "largest rate": " of the open loop with a p99 of at most a second"}.get(phase, "")
            lines += [f"**{phase}{offered}**", "", "| | " + " | ".join(title for _, title in figures) + " |",
                      "|---|" + "--:|" * len(figures)]
            for contender in self.contenders:
                cells = []
                for figure, _ in figures:
                    if not self.values(phase, contender, figure):
                        cells.append("")
                        continue
                    cell = shown(self.mean(phase, contender, figure)[0])
                    if contender != self.baseline:
                        ratio, low, high = self.ratio(phase, contender, figure)
                        cell += f"; {ratio:.2f}" + (f" ({low:.2f} to {high:.2f})" if low is not None else "")
                    cells.append(cell)
                bold = "**" if contender.startswith("the proxy") else ""
                lines.append(f"| {bold}{contender}{bold} | " + " | ".join(cells) + " |")
            lines.append("")
        wrong = sum(row["wrong"] for row in self.rows.values())
        compared = sum(row["requests"] for row in self.rows.values() if row["phase"].endswith("callers"))
        lines.append(f"Rounds: {len(self.rounds)}. Requests: {sum(row['requests'] for row in self.rows.values()):,}, all "
                     f"answered; of {compared:,} the answer was compared with that of the text alone, and {wrong} "
                     f"differed by more than 1e-5.")
        return "\n".join(lines)

    def picture(self):
        """Three panels of bars."""
        panels = ((f"requests a second, {self.closed}", self.closed, "requests_per_second"),
                  ("mean latency in ms, open loop", "open loop", "mean_ms"),
                  ("mean of short texts in ms, open loop", "open loop", "short_mean_ms"))
        width, left, row_height, top = 300, 215, 30, 48
        height = top + row_height * len(self.contenders) + 34
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 3 * (width + 20)} {height}" '
               'font-family="DejaVu Sans, sans-serif" font-size="13">',
               f'<rect width="100%" height="100%" fill="#ffffff"/>']
        for i, contender in enumerate(self.contenders):
            y = top + row_height * i + 19
            out.append(f'<text x="{left - 10}" y="{y}" text-anchor="end" fill="#222222">{contender}</text>')
        for p, (title, phase, figure) in enumerate(panels):
            x = left + p * (width + 20)
            # Nothing for those whose queue grows without end.
            means = [self.mean(phase, contender, figure) if self.values(phase, contender, figure) else (math.inf, None)
                     for contender in self.contenders]
            # What is many times slower would leave nothing of the others to see.
            limit = 4 * self.mean(phase, self.baseline, figure)[0] if "_ms" in figure else max(mean for mean, _ in means)
            most = min(limit, max(mean for mean, _ in means if mean < math.inf))
            out.append(f'<text x="{x}" y="28" font-weight="bold" fill="#222222">{title}</text>')
            for i, (mean, half) in enumerate(means):
                y = top + row_height * i + 5
                length = (width - 80) * min(mean, most) / most
                colour = "#1f77b4" if self.contenders[i].startswith("the proxy") else "#9a9a9a"
                if mean < math.inf:
                    out.append(f'<rect x="{x}" y="{y}" width="{length:.1f}" height="20" fill="{colour}"/>')
                if half is not None and mean + half <= most:
                    ends = [x + (width - 80) * at / most for at in (max(mean - half, 0), mean + half)]
                    out.append(f'<path d="M{ends[0]:.1f} {y + 10}H{ends[1]:.1f}" stroke="#222222"/>')
                label = "grows without end" if mean == math.inf else shown(mean) + (" »" if mean > most else "")
                end = x + 6 if mean == math.inf else x + length + 6
                if half is not None and mean + half <= most:
                    end = max(end, x + (width - 80) * (mean + half) / most + 6)
                out.append(f'<text x="{end:.1f}" y="{y + 15}" fill="#222222">{label}</text>')
        out.append(f'<text x="{left}" y="{height - 12}" fill="#555555">{WHAT[self.contest]}, rounds: {len(self.rounds)}; '
                   f'thin lines: intervals of 95 %; » beyond the scale</text></svg>')
        return "\n".join(out) + "\n"


def main():
    results = Results(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    print(results.table())
    if sys.argv[2:3] == ["--write"]:
        document, end = pathlib.Path(sys.argv[3]), "<!-- end of contest -->"
        begin = f"<!-- contest: {results.contest} -->\n"
        before, _, rest = document.read_text().partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            sys.exit(f"report.py: {document} has no lines {begin.strip()} and {end}: add them")
        document.write_text(f"{before}{begin}\n{results.table()}\n\n{end}{after}")
        pathlib.Path(sys.argv[4]).write_text(results.picture())


main()
