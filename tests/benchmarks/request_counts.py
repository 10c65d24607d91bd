#!/usr/bin/env python3
"""request_counts.py BUILD: what a request makes the proxy do, in numbers that do not depend on the machine's speed.

Counts the allocations of memory (with a library that the proxy is started with, `allocation-counter`), the system calls
(with strace) and the voluntary context switches of a proxy before a backend that takes no time, for each request that a
client had answered while the proxy was busy all the time, and for requests that come one at a time. Medians of three.

Fails if allocations or system calls are further than their tolerance above or below what request_counts.json says: then
the file is written anew with --write, and says what has changed. Fails also if a request under load takes more than 0.2
context switches: a second thread that polls, or one that is woken for each batch, costs more than one. A request that
comes alone takes two: the thread sleeps until it comes, and until its batch comes back; none if the proxy polls meanwhile.

What the proxy does without requests is not taken off: some 100 allocations and 50 system calls a second, less than 0.01 a
request. Exit code 77 without h2load or strace, or if strace may not look.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
from typing import NamedTuple

import harness
from harness import WORKLOADS, fail, need, skip

HERE = pathlib.Path(__file__).parent
# As parts of what is expected. Allocations repeat to 0.5 %; how many system calls there are depends on how many messages
# happen to have come together.
TOLERANCES = {"allocations": 0.05, "system calls": 0.15}
ROUNDS = 3


class Row(NamedTuple):
    workload: harness.Workload
    batch_size: int
    alone: bool = False  # one request at a time
    polls: bool = False
    most_switches: float = 0.2


ROWS = {f"{workload.name}, B = {batch_size}": Row(workload, batch_size)
        for workload in WORKLOADS for batch_size in (5, 64) if batch_size == 5 or workload.texts == 1}
ROWS |= {f"{workload.name}, one at a time": Row(workload, 5, alone=True, most_switches=2.5)
         for workload in WORKLOADS if workload.texts == 1}
ROWS["1 sequence, one at a time, polling"] = Row(WORKLOADS[0], 5, alone=True, polls=True, most_switches=1)


class Counters:
    """The counts of one proxy, which was started with `environment`."""

    def __init__(self, work, libraries):
        self.file = work / "allocations"
        self.file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": ":".join(map(str, libraries)), "SMARTBATCH_ALLOCATIONS": str(self.file)}

    def allocations(self):
        return int.from_bytes(self.file.read_bytes(), "little")


def system_calls(process, work, play):
    """The system calls of all threads of the process while `play` runs."""
    table = work / "strace"
    strace = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", table, "-p", str(process.child.pid)],
                              stderr=subprocess.PIPE, text=True)
    said = strace.stderr.readline()  # after it has attached itself to all threads, or failed to
    if "attached" not in said:
        strace.wait()
        skip(f"strace may not look at a process here ({said.strip()}): run as root, or with CAP_SYS_PTRACE")
    try:
        play()
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    return int(re.search(r"^ *(\d+) total$", table.read_text(), re.MULTILINE)[1])


def count(bench, binary, libraries, row):
    """The medians of what is counted, for each request of a row."""
    counters = Counters(bench.work, libraries)

    def start(backend):
        flags = ["--busy-poll-microseconds", "1000"] if row.polls else []
        return bench.proxy(binary, [row.workload.backend(backend)], row.batch_size, flags=flags,
                           environment=counters.environment)

    with bench.warm({"behind": True, "start": start, "workload": row.workload}) as (proxy, _):
        play = (lambda: bench.client.in_turn(proxy.address, 1000, row.workload)) if row.alone else (
            lambda: bench.client.saturate(proxy.address, 5000, row.workload))
        rounds = []
        for _ in range(ROUNDS):
            allocations, (_, switches) = counters.allocations(), proxy.used()
            answered = play().answered
            one = {"allocations": (counters.allocations() - allocations) / answered,
                   "switches": (proxy.used()[1] - switches) / answered}
            if not row.polls:  # then it asks for events again and again
                one["system calls"] = system_calls(proxy, bench.work, play) / answered
            rounds.append(one)
    return {what: statistics.median(one[what] for one in rounds) for what in rounds[0]}


def differences(name, counted, expected):
    """A sentence for each count that is not as expected."""
    for what in expected:
        tolerance = TOLERANCES[what]
        ratio = counted[what] / expected[what]
        if abs(ratio - 1) > tolerance:
            yield (f"{name}: {counted[what]:.2f} {what} a request, {ratio:.2f} of what was expected, and {1 - tolerance:.2f} "
                   f"to {1 + tolerance:.2f} are allowed")
    most = ROWS[name].most_switches
    if counted["switches"] > most:
        yield (f"{name}: {counted['switches']:.3f} context switches a request, and at most {most} are allowed: does another "
               "thread poll gRPC's queues, or is one woken for each request?")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=pathlib.Path, help="folder of the build, such as build/release")
    parser.add_argument("--expected", type=pathlib.Path, default=HERE / "request_counts.json")
    parser.add_argument("--write", action="store_true", help="write the file anew")
    parser.add_argument("--only", default="", metavar="REGEX", help="count only the rows whose names match")
    parser.add_argument("--preload", action="append", default=[], type=pathlib.Path, metavar="LIBRARY",
                        help="start the proxy with this library too, to see what it changes")
    options = parser.parse_args()
    need("strace", "strace")
    libraries = [*options.preload, options.build.resolve() / "tests/liballocation-counter.so"]
    for library in libraries:
        if not library.exists():  # the loader would only warn
            fail(f"{library} is missing: ninja -C {options.build} {library.stem[3:]}")

    counted = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = harness.Bench(options.build / "bin", pathlib.Path(folder), *harness.cores_apart())
        for name, row in ROWS.items():
            if re.search(options.only, name):
                counted[name] = count(bench, options.build / "bin/smartbatch-proxy", libraries, row)
                print(f"{name:36}" + ",".join(f" {value:7.3f} {what}" for what, value in counted[name].items()), flush=True)
    expected = json.loads(options.expected.read_text()) if options.expected.exists() else {}
    if options.write:
        expected |= {name: {what: round(one[what], 2) for what in TOLERANCES if what in one} for name, one in counted.items()}
        options.expected.write_text(json.dumps(expected, indent=1) + "\n")
        return
    wrong = [sentence for name, one in counted.items() for sentence in differences(name, one, expected[name])]
    if wrong:
        fail("\n".join([*wrong, f"{options.expected}: mend what costs more or, if it is meant, run this with --write and say "
                                "why in the commit"]))


if __name__ == "__main__":
    main()
