#!/usr/bin/env python3
"""Counts the instructions that a request costs in the scheduling core, and compares them with those of a file.

Unlike a time they are the same on a busy machine, so they can be checked: a strategy that comes to look at more, or that
sorts what was sorted, is found. valgrind counts what ServeCountedBatches of `scheduling-instructions` and all that it
calls execute. Fails if a cell needs more than --tolerance above what the file says, or as much below it: then the file
is written anew with --write, and says what has become cheaper. Exit code 77 without valgrind, unless CI is set.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
SKIPPED = 77


def count(program, cell, batches):
    """Instructions for each request of the cell: (strategy, cost profile, batch size, queued)."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
             "--toggle-collect=ServeCountedBatches", str(program), *cell, str(batches)],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(cell)}: valgrind ended with {done.returncode}: {done.stderr[-2000:]}")
        totals = re.search(r"^totals: (\d+)", out.read_text(), re.MULTILINE)
        return int(totals[1]) / int(done.stdout)


def read(path):
    cells = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            *cell, instructions = line.split()
            cells[tuple(cell)] = int(instructions)
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="scheduling-instructions, of the preset release")
    parser.add_argument("--expected", type=pathlib.Path, default=HERE / "scheduling_instructions.txt")
    parser.add_argument("--tolerance", type=float, default=0.15, help="a part of what is expected; %(default)s")
    parser.add_argument("--batches", type=int, default=1000, help="that are counted in each cell; %(default)s")
    parser.add_argument("--write", action="store_true", help="write the file anew")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (apt-get install valgrind)", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else SKIPPED)

    expected = read(options.expected)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        counted = dict(zip(expected, pool.map(lambda cell: count(options.program, cell, options.batches), expected)))
    wrong = 0
    for cell, instructions in counted.items():
        ratio = instructions / expected[cell]
        if abs(ratio - 1) > options.tolerance:
            wrong += 1
        print(f"{' '.join(cell):34} {instructions:9.0f} instructions a request, {ratio:5.2f} of what was expected")
    if options.write:
        head = [line for line in options.expected.read_text().splitlines() if line.startswith("#")]
        lines = [f"{' '.join(cell)} {instructions:.0f}" for cell, instructions in counted.items()]
        options.expected.write_text("\n".join(head + lines) + "\n")
    elif wrong:
        sys.exit(f"{wrong} of {len(counted)} cells are not within {options.tolerance:.0%} of {options.expected}: mend what "
                 "costs more or, if it is meant, run this with --write and say why in the commit")


if __name__ == "__main__":
    main()
