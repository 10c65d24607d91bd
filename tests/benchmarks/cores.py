#!/usr/bin/env python3
"""cores.py BIN: what more threads and more backends cost the proxy, and how many cores its one lock can feed.

Prints three tables:
1. the processor time of a request and the context switches, by threads, backends and slots: the proxy, the backends and
   h2load share all cores;
2. the time under the dispatcher's lock, by samples of perf's call graphs while the proxy is under load;
3. requests a second of threads that share one dispatcher, or several, as benchmark-dispatcher measures them on this
   machine, beside what a closed network of queues predicts; and what it predicts for the proxy on 4, 8 and 16 cores.

The prediction is an upper bound: it knows the lock and nothing else that threads share. --json writes all of it.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import harness
from harness import WORKLOADS, fail, need, skip

BATCH_SIZE = 5
BACKENDS_AND_SLOTS = [(1, 1), (1, 4), (1, 16), (1, 64), (4, 1), (16, 1), (64, 1), (64, 64)]
THREADS = [1, 2]
SAMPLES_A_SECOND = 1999
WORKLOAD = WORKLOADS[0]


def proxy_of(machine, threads, backends, slots):
    return machine.proxy(f"{machine.binaries}/smartbatch-proxy", [backend.address for backend in backends], BATCH_SIZE, slots,
                         threads)


def measure(machine, proxy, requests):
    """Microseconds of processor time and context switches a request of a proxy that is up."""
    machine.client.saturate(proxy.address, 4000, WORKLOAD)
    before = proxy.used()
    machine.client.saturate(proxy.address, requests, WORKLOAD)
    after = proxy.used()
    return {"microseconds": (after[0] - before[0]) / requests * 1e6, "switches": (after[1] - before[1]) / requests}


def holds_lock(stack):
    """Whether the innermost function of the dispatcher, which all holds the lock but for what CarryOut calls."""
    for frame in stack.splitlines():
        if "runtime::Dispatcher::" in frame:
            return "Dispatcher::CarryOut" not in frame and "Dispatcher::TickIfDue" not in frame
    return False


def measure_lock(machine, backend, requests):
    """Microseconds of a request under the lock, of those that it takes, and the number of samples."""
    with proxy_of(machine, 1, [backend], 8) as proxy:
        machine.client.saturate(proxy.address, 4000, WORKLOAD)
        recording = machine.work / "perf.data"
        perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_A_SECOND), "--call-graph",
                                 "dwarf,16384", "-o", recording, "-p", str(proxy.child.pid)])
        time.sleep(0.5)
        before = proxy.used()
        machine.client.saturate(proxy.address, requests, WORKLOAD)
        after = proxy.used()
        perf.send_signal(signal.SIGINT)
        perf.wait()
    stacks = subprocess.run(["perf", "script", "-i", recording, "--no-inline", "-F", "ip,sym"], capture_output=True,
                            text=True, check=True).stdout.strip().split("\n\n")
    stacks = [stack for stack in stacks if stack.strip()]
    share = sum(map(holds_lock, stacks)) / len(stacks)
    total = (after[0] - before[0]) / requests * 1e6
    return {"samples": len(stacks), "share": share, "request_microseconds": total,
            "lock_microseconds": share * total}


def throughput(threads, outside, locked, locks):
    """Requests a microsecond of threads that each need `outside` microseconds of their own and then `locked` under one
    of the locks, picked at random: mean value analysis of a closed network of queues (Reiser and Lavenberg, "Mean-value
    analysis of closed multichain queuing networks", JACM 27, 1980), which takes the times as exponential."""
    waiting, rate = 0.0, 0.0  # at each lock
    for present in range(1, threads + 1):
        visit = locked * (1 + waiting)
        rate = present / (outside + visit)
        waiting = rate / locks * visit
    return rate


def measure_dispatchers(machine, threads, repetitions):
    """benchmark-dispatcher's requests a microsecond and waits a request, by (outside, models, threads)."""
    most = "|".join(str(count) for count in threads)
    written = machine.work / "dispatchers.json"
    subprocess.run(
        [f"{machine.binaries}/benchmark-dispatcher", f"--benchmark_filter=threads:({most})$",
         f"--benchmark_repetitions={repetitions}", "--benchmark_enable_random_interleaving=true",
         "--benchmark_min_time=0.3", f"--benchmark_out={written}"],
        capture_output=True, check=True, env={**os.environ, **harness.SHIPPED})
    found = {}
    for run in json.loads(written.read_text())["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        numbers = re.match(r"requests/outside_us:(\d+)/models:(\d+)/real_time/threads:(\d+)", run["name"])
        found.setdefault(tuple(map(int, numbers.groups())), []).append(
            (run["items_per_second"] / 1e6, run["waits"] / run["requests"]))
    return {key: {"rate": statistics.median(rate for rate, _ in runs),
                  "waits": statistics.median(waits for _, waits in runs)} for key, runs in found.items()}


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def report_backends(measured):
    columns = [f"{count} thread{'s' if count > 1 else ''}" for count in THREADS]
    print("| backends | slots of each | " + " | ".join(f"µs, {name} | switches" for name in columns) + " |")
    print("|--:|--:|" + "--:|--:|" * len(THREADS))
    for backends, slots in BACKENDS_AND_SLOTS:
        cells = []
        for threads in THREADS:
            rounds = measured[threads, backends, slots]
            cells += [spread([one["microseconds"] for one in rounds]),
                      f"{statistics.median(one['switches'] for one in rounds):.3f}"]
        print(f"| {backends} | {slots} | {' | '.join(cells)} |")


def report_dispatchers(measured):
    print("| µs outside | dispatchers | threads | thousand requests a second | predicted | waits a request |")
    print("|--:|--:|--:|--:|--:|--:|")
    locked = 1 / measured[0, 1, 1]["rate"]
    for (outside, models, threads), one in sorted(measured.items()):
        alone = 1 / measured[outside, 1, 1]["rate"]
        predicted = throughput(threads, alone - locked, locked, models)
        print(f"| {outside} | {models} | {threads} | {one['rate'] * 1000:.0f} | {predicted * 1000:.0f} | "
              f"{one['waits']:.4f} |")


def report_prediction(lock):
    locked, outside = lock["lock_microseconds"], lock["request_microseconds"] - lock["lock_microseconds"]
    print("| cores | one model | two models | four models |\n|--:|--:|--:|--:|")
    alone = throughput(1, outside, locked, 1)
    for cores in (1, 2, 4, 8, 16):
        speeds = [throughput(cores, outside, locked, models) / alone for models in (1, 2, 4)]
        print(f"| {cores} | " + " | ".join(f"{speed:.1f}" for speed in speeds) + " |")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", metavar="BIN",
                        help="folder with smartbatch-proxy, benchmark-null-server and benchmark-dispatcher")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--requests", type=int, default=10000, help="requests of a measurement (default 10000)")
    parser.add_argument("--json", metavar="FILE", help="write every measurement")
    return parser.parse_args()


def main():
    options = parse()
    need("perf", "linux-perf")
    cores = sorted(os.sched_getaffinity(0))
    measured = {(threads, *shape): [] for shape in BACKENDS_AND_SLOTS for threads in THREADS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        machine = harness.Bench(options.binaries, pathlib.Path(folder), set(cores), set(cores))
        if subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-o", machine.work / "may-sample", "true"],
                          capture_output=True, check=False).returncode:
            skip("perf may not sample here: sysctl kernel.perf_event_paranoid=2, or start the container with CAP_PERFMON")
        most = max(backends for backends, _ in BACKENDS_AND_SLOTS)
        servers = [stack.enter_context(machine.null_server(machine.others)) for _ in range(most)]
        order = list(measured)
        for number in range(options.rounds):
            for key in order[number % len(order):] + order[:number % len(order)]:
                threads, backends, slots = key
                with proxy_of(machine, threads, servers[:backends], slots) as proxy:
                    measured[key].append(measure(machine, proxy, options.requests))
        lock = measure_lock(machine, servers[0], 10 * options.requests)
        if lock["samples"] < 100:
            fail(f"perf has taken {lock['samples']} samples, and 100 are the least: more --requests, or may perf sample?")
        dispatchers = measure_dispatchers(machine, [count for count in (1, 2, 4, 8, 16) if count <= len(cores)],
                                          options.rounds)
    print(f"Processor time and context switches of a request, {len(cores)} cores shared by all\n")
    report_backends(measured)
    print(f"\nUnder the lock: {lock['lock_microseconds']:.2f} µs of {lock['request_microseconds']:.1f} a request "
          f"({lock['share']:.1%} of {lock['samples']} samples)\n")
    report_dispatchers(dispatchers)
    print("\nTimes as many requests as on one core, at most\n")
    report_prediction(lock)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"cores": len(cores), "requests": options.requests, "lock": lock,
             "backends": [{"threads": threads, "backends": backends, "slots": slots, "rounds": rounds}
                          for (threads, backends, slots), rounds in measured.items()],
             "dispatchers": [{"outside_us": outside, "models": models, "threads": threads, **one}
                             for (outside, models, threads), one in dispatchers.items()]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
