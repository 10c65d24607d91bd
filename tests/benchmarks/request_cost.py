#!/usr/bin/env python3
"""request_cost.py BIN: what a request costs the proxy, beside a bare gRPC server and other proxies.

Each serves the same requests of a client, alone on one core; its backend answers at once, on the other cores. All are
started anew in each round, in rotating order, the bare server twice: the difference between the two is noise. Prints
tables of medians and spreads; --json writes everything. nginx and haproxy are measured if they are installed.

Processor time and context switches are those of the process under test (Linux's /proc), for each request that was
answered with a message. The second table has the latency of requests that nothing waits with: one at a time, and a
thousand a second on one connection.

Ends with exit code 1, and writes nothing, if the client, the backend or the machine's other work was a limit instead of
a process under test: a share of an idle core is not what a request costs under load.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import tempfile

import harness
from harness import WORKLOADS, fail

BUSY_ENOUGH = 0.9  # of its core: below that the process under test was not the limit


def measure(bench, system, requests):
    """Measures one system once: what a request cost it, and how busy each process was."""
    with bench.warm(system) as (tested, backend):
        before, before_backend = tested.used(), backend.used() if backend else (0, 0)
        played = bench.client.saturate(tested.address, requests, system["workload"])
        after, after_backend = tested.used(), backend.used() if backend else (0, 0)
    return {"microseconds": (after[0] - before[0]) / played.answered * 1e6,
            "switches": (after[1] - before[1]) / played.answered,
            "busy": (after[0] - before[0]) / played.seconds,
            "backend_busy": (after_backend[0] - before_backend[0]) / played.seconds,
            "client_busy": played.processor_seconds / played.seconds,
            "requests_per_second": played.answered / played.seconds}


def measure_latency(bench, system, seconds):
    """Measures one system once: percentiles in microseconds, of one request at a time and of a thousand a second."""
    with bench.warm(system) as (tested, _):
        return {name: bench.client.latencies(tested.address, seconds, system["workload"], rate)
                for name, rate in (("one at a time", None), ("1000 a second", 1000))}


def systems_of(bench, options):
    """The measurements, by the names of system and workload."""
    def proxy(binary, batch_size, workload, *flags):
        return {"behind": True,
                "start": lambda backend: bench.proxy(binary, [workload.backend(backend)], batch_size, flags=flags)}

    bare = {"behind": False, "start": lambda _: bench.null_server(bench.tested)}
    systems = {}
    for workload in WORKLOADS:
        those = {"bare server": bare}
        if workload is WORKLOADS[0]:
            those["bare server again"] = bare
        for name, binary in [("proxy", f"{options.binaries}/smartbatch-proxy"), *options.also]:
            those[f"{name}, B = 5"] = proxy(binary, 5, workload)
            if workload.texts == 1:
                those[f"{name}, B = 64"] = proxy(binary, 64, workload)
        if workload.texts == 1:
            those["proxy that polls, B = 5"] = proxy(f"{options.binaries}/smartbatch-proxy", 5, workload,
                                                     "--busy-poll-microseconds", "50")
        for name in ("nginx", "haproxy"):
            if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
                those[name] = {"behind": True, "start": getattr(bench, name)}
        for name, system in those.items():
            systems[f"{name}, {workload.name}"] = {**system, "name": name, "workload": workload}
    return {name: system for name, system in systems.items() if re.search(options.only, name)}


def limit_of(rounds):
    """The bottleneck, if it was not the process under test; else an empty string."""
    busy, backend, client = (statistics.median(one[part] for one in rounds)
                             for part in ("busy", "backend_busy", "client_busy"))
    if busy >= BUSY_ENOUGH:
        return ""
    if max(backend, client) < 0.5:
        return "the machine's other work"
    return f"the backend ({backend:.0%} busy)" if backend > client else f"the client ({client:.0%} busy)"


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def cost_table(measured):
    """Of the systems of one workload, by their names; `bare / it` compares the measurements of the same round."""
    yield "| process under test | µs a request | bare / it | context switches | its core busy | limit |"
    yield "|---|--:|--:|--:|--:|---|"
    bare = measured.get("bare server")
    for name, rounds in measured.items():
        ratios = [reference["microseconds"] / one["microseconds"] for reference, one in zip(bare or [], rounds)]
        yield (f"| {name} | {spread([one['microseconds'] for one in rounds], 1)} "
               f"| {spread(ratios, 2) if ratios and rounds is not bare else ''} "
               f"| {statistics.median(one['switches'] for one in rounds):.4f} "
               f"| {statistics.median(one['busy'] for one in rounds):.0%} | {limit_of(rounds)} |")


def latency_table(measured):
    """The added time is the time beyond the bare server's, the ratio is the added time over the bare server's."""
    yield ("| process under test | one at a time: p50, p99, µs | added / bare "
           "| 1000 a second: p50, p99, µs | added / bare |")
    yield "|---|--:|--:|--:|--:|"
    bare = measured.get("bare server")
    for name, rounds in measured.items():
        columns = []
        for load in rounds[0]:
            p50, p99 = (statistics.median(one[load][percentile] for one in rounds) for percentile in ("p50", "p99"))
            added = [(one[load]["p50"] - reference[load]["p50"]) / reference[load]["p50"]
                     for reference, one in zip(bare or [], rounds)]
            ratio = f"{statistics.median(added):.2f}" if added and "bare" not in name else ""
            columns.append(f"{p50:.0f}, {p99:.0f} | {ratio}")
        yield f"| {name} | {' | '.join(columns)} |"


def tables_of(workload, systems, measured, latencies):
    """The lines of the tables of one workload; none if nothing of it was measured."""
    def own(all_):
        return {systems[key]["name"]: rounds for key, rounds in all_.items() if systems[key]["workload"] is workload}

    if own(measured):
        yield from cost_table(own(measured))
    if own(latencies):
        yield ""
        yield from latency_table(own(latencies))


def check_limits(measured):
    limits = {name: limit_of(rounds) for name, rounds in measured.items()}
    found = [f"{name}: {limit}" for name, limit in limits.items() if limit]
    if found:
        fail(f"the process under test was not the limit, so nothing is written: {'; '.join(found)}. Give the client and the "
             "backend more cores, stop other work or use real-time priority (chrt -f 5), measure longer (--requests), leave "
             "these out (--only), or take the figures as they are (--allow-limits)")


def write_tables(path, tables):
    """Puts the tables of each workload between the lines of the document that bear its name."""
    text = path.read_text()
    for name, lines in tables.items():
        begin, end = f"<!-- request_cost: {name} -->\n", "<!-- end of request_cost -->"
        if begin not in text:
            fail(f"{path} has no place for a table: add the lines {begin.strip()} and {end}")
        before, rest = text.split(begin, 1)
        text = before + begin + "\n".join(lines) + "\n" + rest[rest.index(end):]
    path.write_text(text)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", metavar="BIN",
                        help="folder with smartbatch-proxy, benchmark-null-server and, if it is the client, loadgen")
    parser.add_argument("--rounds", type=int, default=7, help="how often each system is measured (default 7)")
    parser.add_argument("--requests", type=int, default=40000, help="requests in each measurement (default 40000)")
    parser.add_argument("--latency-seconds", type=int, default=2, metavar="SECONDS",
                        help="how long each kind of latency is measured in a round; 0 for not at all (default 2)")
    parser.add_argument("--client", choices=harness.CLIENTS, default="h2load",
                        help="who sends the requests (default h2load; loadgen needs three times its processor time)")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure only the systems whose names match")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PROXY",
                        type=lambda value: tuple(value.split("=", 1)), help="measure another build of the proxy too")
    parser.add_argument("--allow-limits", action="store_true",
                        help="only name what was the limit instead of a process under test")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write every measurement")
    parser.add_argument("--write", metavar="DOCUMENT", type=pathlib.Path, help="write the tables into docs/BENCHMARKS.md")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        bench = harness.Bench(options.binaries, pathlib.Path(folder), *harness.cores_apart(), options.client)
        systems = systems_of(bench, options)
        measured = {name: [] for name in systems}
        # Batches of 64 do not differ from batches of 5 if no two requests meet.
        latencies = {name: [] for name in systems if "B = 64" not in name and options.latency_seconds}
        order = list(systems)
        for number in range(options.rounds):
            for name in order[number % len(order):] + order[:number % len(order)]:
                measured[name].append(measure(bench, systems[name], options.requests))
                if name in latencies:
                    latencies[name].append(measure_latency(bench, systems[name], options.latency_seconds))
    tables = {workload.name: list(tables_of(workload, systems, measured, latencies)) for workload in WORKLOADS}
    print("\n\n".join("\n".join([f"{name}\n", *lines]) for name, lines in tables.items() if lines))
    if not options.allow_limits:
        check_limits(measured)
    if options.write:
        write_tables(options.write, {name: lines for name, lines in tables.items() if lines})
    if options.json:
        options.json.write_text(json.dumps(
            {"cores": len(os.sched_getaffinity(0)), "client": options.client, "connections": harness.CONNECTIONS,
             "streams": harness.STREAMS, "requests": options.requests, "sequence_bytes": harness.SEQUENCE_BYTES,
             "systems": measured, "latency_microseconds": latencies}, indent=1) + "\n")


if __name__ == "__main__":
    main()
