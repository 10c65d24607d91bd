#!/usr/bin/env python3
"""Measures what a decision costs, with benchmark-scheduling, and writes the tables of it into a document.

Each cell is the median of --repetitions runs, all of them in a random order. The machine should have nothing else to do.

  decision_cost.py build/release/bin
  decision_cost.py build/release/bin --write docs/BENCHMARKS.md
"""
import argparse
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

# By the name of the table in the document: the columns (heading and benchmark) and the rows (headings and arguments).
QUEUES = [(queued, customers) for queued in (1_000, 30_000, 1_000_000) for customers in (1, 1_000, 100_000)
          if customers < queued and (queued, customers) != (30_000, 100_000)]
LENGTHS = (100, 1_000, 10_000, 100_000)
TABLES = {
    "by queue": (("queued", "customers"), [(name, f"{name}/batch:5") for name in ("fcfs", "sjf", "density", "weighted_fair")],
                 QUEUES),
    "by cost": (("B", "queued"), [(f"{strategy}, {cost}", f"{strategy}/cost:{cost}/batch:")
                                  for strategy in ("density", "weighted_fair", "deadline") for cost in ("seed", "gpu", "cpu")],
                [(seats, queued) for seats in (16, 64) for queued in LENGTHS]),
}


def cells_of(table):
    """(row, heading) of each cell, and its benchmark without the iterations."""
    _, columns, rows = TABLES[table]
    for row in rows:
        for heading, benchmark in columns:
            seats, queued, customers = (row[0], row[1], 100) if table == "by cost" else ("", *row)
            yield (row, heading), f"{benchmark}{seats}/queued:{queued}/customers:{customers}/"


def measure(program, repetitions):
    """Microseconds of processor time a request, by benchmark: one for each repetition."""
    wanted = [benchmark for table in TABLES for _, benchmark in cells_of(table)]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.json"
        subprocess.run([program, "--benchmark_filter=^(" + "|".join(wanted) + ")", f"--benchmark_repetitions={repetitions}",
                        "--benchmark_enable_random_interleaving=true", f"--benchmark_out={out}", "--benchmark_out_format=json"],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
        runs = json.loads(out.read_text())["benchmarks"]
    measured = collections.defaultdict(list)
    for run in runs:
        if run["run_type"] == "iteration":
            measured[run["name"].partition("iterations:")[0]].append(1e6 * run["cpu_per_request"])
    return measured


def markdown(table, measured):
    titles, columns, rows = TABLES[table]
    medians = {cell: statistics.median(measured[benchmark]) for cell, benchmark in cells_of(table)}
    headings = list(titles) + [f"`{heading}`" if "," not in heading else "`{}`, {}".format(*heading.split(", "))
                               for heading, _ in columns]
    lines = ["| " + " | ".join(headings) + " |", "|" + "--:|" * len(headings)]
    for row in rows:
        cells = [f"{value:,}" for value in row] + [f"{medians[row, heading]:.2f}" for heading, _ in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path, help="folder of benchmark-scheduling")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--write", type=pathlib.Path, metavar="DOCUMENT", help="put the tables between their marks there")
    arguments = parser.parse_args()
    measured = measure(arguments.bin / "benchmark-scheduling", arguments.repetitions)
    for table in TABLES:
        text = markdown(table, measured)
        print(f"{table}\n\n{text}")
        if arguments.write:
            document = arguments.write.read_text()
            marks = re.compile(rf"(<!-- decision_cost: {table} -->\n).*?(<!-- end of decision_cost -->)", re.DOTALL)
            written, found = marks.subn(lambda marked: marked[1] + text + marked[2], document)
            if found != 1:
                parser.error(f"{arguments.write} has no place for the table {table}")
            arguments.write.write_text(written)


main()
