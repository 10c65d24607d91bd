#!/usr/bin/env python3
"""request_cost.py BIN: what a request costs the proxy, beside a bare gRPC server and other proxies.

Each serves the same requests of h2load, alone on one core; its backend answers at once, on the other cores. All are
started anew in each round, in rotating order, the bare server twice: the difference between the two is noise. Prints a
table of medians and spreads, and the bottleneck if it was not the process under test; --json writes everything. nginx
and haproxy are measured if they are installed.

Processor time and context switches are those of the process under test (Linux's /proc), for each request that was
answered with a message. The second table has the latency of requests that nothing waits with: one at a time, and a
thousand a second on one connection.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 4
STREAMS = 16
SEQUENCE_BYTES = 80
BUSY_ENOUGH = 0.9  # of its core: below that the process under test was not the limit
# As the image and the Debian package start the proxy.
SHIPPED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=128"}
SKIPPED = 77


def fail(message):
    sys.exit(f"request_cost.py: {message}")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def field(number, content):
    """A field of bytes, as protobuf writes it."""
    length = b""
    rest = len(content)
    while rest >= 0x80:
        length += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + content


class Workload:
    """Requests of N texts of 80 characters, by our own contract or by the Open Inference Protocol."""

    def __init__(self, name, texts, inference=False):
        self.name = name
        self.texts = texts
        self.inference = inference
        text = b"x" * SEQUENCE_BYTES
        if inference:
            self.path = "inference.GRPCInferenceService/ModelInfer"
            tensor = field(1, b"TEXT") + field(2, b"BYTES") + field(3, bytes([texts, 1]))
            raw = (len(text).to_bytes(4, "little") + text) * texts
            message = field(1, b"null") + field(5, tensor) + field(7, raw)
        else:
            self.path = "smartbatch.proxy.v1.ProxyService/ProxyClassify"
            message = field(1, text) * texts
        self.body = b"\0" + len(message).to_bytes(4, "big") + message

    def backend(self, address):
        return f"oip://{address}/null" if self.inference else address


WORKLOADS = [Workload("1 sequence", 1), Workload("5 sequences", 5), Workload("ModelInfer of 1 row", 1, inference=True),
             Workload("ModelInfer of 5 rows", 5, inference=True)]


class Process:
    """A program on its own cores, ended when the context is left."""

    def __init__(self, command, cores, ready=None, port=None, environment=None):
        self.output = tempfile.TemporaryFile()
        self.child = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      env={**os.environ, **(environment or {})},
                                      preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.address = self._address(ready, port)

    def _address(self, ready, port):
        end = time.monotonic() + 20
        while time.monotonic() < end and self.child.poll() is None:
            if ready:
                found = re.search(ready, self.said())
                if found:
                    return found.group(1)
            else:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    return f"127.0.0.1:{port}"
            time.sleep(0.01)
        fail(f"{self.child.args[0]} did not start: {self.said()}")

    def said(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def used(self):
        """Seconds of processor time and voluntary context switches of all its threads so far."""
        seconds, switches = 0.0, 0
        for task in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
            switches += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.M)[1])
        return seconds, switches

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Bench:
    def __init__(self, binaries, work, cores):
        self.binaries = binaries
        self.work = work
        self.tested = {cores[0]}
        self.others = set(cores[1:]) or {cores[0]}

    def null_server(self, cores):
        return Process([f"{self.binaries}/benchmark-null-server", "--listen", "127.0.0.1:0"], cores, r"listen=(\S+)")

    def proxy(self, binary, backend, batch_size, *more):
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen",
                   "127.0.0.1:0", "--backend", backend, "--slots", "8", "--max-batch-size", str(batch_size), *more]
        return Process(command, self.tested, r"ready listen=(\S+)", environment=SHIPPED)

    def nginx(self, backend):
        port = free_port()
        folder = self.work / f"nginx-{port}"
        folder.mkdir()
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000;\n{temporary}"
            f"upstream backend {{ server {backend}; keepalive 64; keepalive_requests 1000000000; }}\n"
            f"server {{ listen 127.0.0.1:{port} http2; http2_max_concurrent_streams 128;\n"
            "location / { grpc_pass grpc://backend; } } }\n")
        return Process([shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-c", folder / "conf"],
                       self.tested, port=port)

    def haproxy(self, backend):
        port = free_port()
        conf = self.work / f"haproxy-{port}"
        conf.write_text(
            "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n"
            "  timeout server 60s\n"
            f"frontend in\n  bind 127.0.0.1:{port} proto h2\n  default_backend out\n"
            f"backend out\n  server one {backend} proto h2\n")
        return Process([shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin"), "-f", conf],
                       self.tested, port=port)

    def load(self, address, requests, workload, connections=CONNECTIONS, streams=STREAMS, more=()):
        """Plays the requests; returns how many were answered with a message."""
        path = self.work / "body"
        path.write_bytes(workload.body)
        command = ["h2load", "-c", str(connections), "-m", str(streams), "-n", str(requests), "-d", path,
                   "-H", "content-type: application/grpc", "-H", "te: trailers", *more,
                   f"http://{address}/{workload.path}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False,
                               preexec_fn=lambda: os.sched_setaffinity(0, self.others))
        succeeded = re.search(r"(\d+) succeeded", ended.stdout)
        data = re.search(r"\((\d+)\) data", ended.stdout)
        # An answer without a message is an error: it has a status and no data.
        if not succeeded or int(succeeded[1]) < requests or int(data[1]) < 8 * workload.texts * requests:
            fail(f"{address} did not answer every request of {workload.name}: {ended.stdout or ended.stderr}")
        return int(succeeded[1])

    def latencies(self, address, requests, workload, more=()):
        """Microseconds of each request on one connection, sorted."""
        log = self.work / "latencies"
        log.unlink(missing_ok=True)
        self.load(address, requests, workload, 1, 1, ["--log-file", log, *more])
        return sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())


@contextlib.contextmanager
def started(bench, system):
    """The process under test, warm, and its backend if it has one."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(bench.null_server(bench.others)) if system["behind"] else None
        tested = stack.enter_context(system["start"](backend.address if backend else None))
        bench.load(tested.address, 4000, system["workload"])
        yield tested, backend


def measure_latency(bench, system, seconds):
    """Measures one system once: percentiles in microseconds, of one request at a time and of a thousand a second."""
    with started(bench, system) as (tested, _):
        found = {}
        for name, requests, more in (("one at a time", 4000 * seconds, ()),
                                     ("1000 a second", 1000 * seconds, ("--rps", "1000"))):
            latencies = bench.latencies(tested.address, requests, system["workload"], more)
            found[name] = {f"p{percent}": latencies[len(latencies) * percent // 100] for percent in (50, 99)}
    return found


def measure(bench, system, requests):
    """Measures one system once: what a request cost it, and how busy each process was."""
    with started(bench, system) as (tested, backend):
        before, before_backend, clients = tested.used(), backend.used() if backend else (0, 0), os.times()
        start = time.monotonic()
        answered = bench.load(tested.address, requests, system["workload"])
        wall = time.monotonic() - start
        after, after_backend, clients_after = tested.used(), backend.used() if backend else (0, 0), os.times()
    client = (clients_after.children_user + clients_after.children_system - clients.children_user -
              clients.children_system)
    return {"microseconds": (after[0] - before[0]) / answered * 1e6,
            "switches": (after[1] - before[1]) / answered,
            "busy": (after[0] - before[0]) / wall,
            "backend_busy": (after_backend[0] - before_backend[0]) / wall,
            "client_busy": client / wall,
            "requests_per_second": answered / wall}


def systems_of(bench, options):
    """The measurements, by the names of system and workload."""
    def proxy(binary, batch_size, workload):
        return {"behind": True,
                "start": lambda backend: bench.proxy(binary, workload.backend(backend), batch_size)}

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
        for name in ("nginx", "haproxy"):
            if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
                those[name] = {"behind": True, "start": getattr(bench, name)}
        for name, system in those.items():
            systems[f"{name}, {workload.name}"] = {**system, "workload": workload}
    return {name: system for name, system in systems.items() if re.search(options.only, name)}


def limit_of(system, rounds):
    """The bottleneck, if it was not the process under test."""
    if statistics.median(one["busy"] for one in rounds) >= BUSY_ENOUGH:
        return ""
    backend = statistics.median(one["backend_busy"] for one in rounds)
    client = statistics.median(one["client_busy"] for one in rounds)
    if system["behind"] and backend > client:
        return f"the backend ({backend:.0%} busy)"
    return f"the client ({client:.0%} busy)" if client > 0.5 else "the machine's other work"


def report(systems, measured):
    print(f"{'process under test':<40} {'µs a request':>20} {'bare / it':>20} {'switches':>9} {'busy':>5}  limit")
    for name, rounds in measured.items():
        microseconds = [one["microseconds"] for one in rounds]
        bare = measured.get(f"bare server, {systems[name]['workload'].name}")
        ratios = [reference["microseconds"] / one["microseconds"] for reference, one in zip(bare or [], rounds)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        print(f"{name:<40} {statistics.median(microseconds):7.1f} ({min(microseconds):.1f} to {max(microseconds):.1f})"
              f" {ratio:>20} {statistics.median(one['switches'] for one in rounds):9.4f}"
              f" {statistics.median(one['busy'] for one in rounds):5.0%}  {limit_of(systems[name], rounds)}")


def report_latency(systems, measured):
    """The added time is the time beyond the bare server's, the ratio is the added time over the bare server's."""
    print(f"\n{'latency':<40} {'one at a time: p50, p99, µs':>30} {'added / bare':>13} "
          f"{'1000 a second: p50, p99, µs':>30} {'added / bare':>13}")
    for name, rounds in measured.items():
        bare = measured.get(f"bare server, {systems[name]['workload'].name}")
        columns = []
        for load in rounds[0]:
            p50, p99 = (statistics.median(one[load][percentile] for one in rounds) for percentile in ("p50", "p99"))
            added = [(one[load]["p50"] - reference[load]["p50"]) / reference[load]["p50"]
                     for reference, one in zip(bare or [], rounds)]
            ratio = f"{statistics.median(added):.2f}" if added and "bare" not in name else ""
            columns.append(f"{f'{p50:.0f}, {p99:.0f}':>30} {ratio:>13}")
        print(f"{name:<40} {' '.join(columns)}")


def check_switches(measured, most):
    for name, rounds in measured.items():
        switches = statistics.median(one["switches"] for one in rounds)
        if name.startswith("proxy,") and switches > most:
            fail(f"{name}: {switches:.3f} context switches a request, and at most {most} are allowed: "
                 "does another thread poll gRPC's queues, or is one woken for each request?")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", metavar="BIN", help="folder with smartbatch-proxy and benchmark-null-server")
    parser.add_argument("--rounds", type=int, default=7, help="how often each system is measured (default 7)")
    parser.add_argument("--requests", type=int, default=40000, help="requests in each measurement (default 40000)")
    parser.add_argument("--latency-seconds", type=int, default=2, metavar="SECONDS",
                        help="how long each kind of latency is measured in a round; 0 for not at all (default 2)")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure only the systems whose names match")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PROXY",
                        type=lambda value: tuple(value.split("=", 1)), help="measure another build of the proxy too")
    parser.add_argument("--most-switches", type=float, metavar="COUNT",
                        help="fail if the median of a proxy's context switches a request is above this")
    parser.add_argument("--json", metavar="FILE", help="write every measurement")
    return parser.parse_args()


def main():
    options = parse()
    if not shutil.which("h2load"):
        print("skipped: h2load is missing: apt-get install nghttp2-client", file=sys.stderr)
        sys.exit(SKIPPED)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.binaries, pathlib.Path(folder), cores)
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
    report(systems, measured)
    if latencies:
        report_latency(systems, latencies)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"cores": len(cores), "connections": CONNECTIONS, "streams": STREAMS, "requests": options.requests,
             "sequence_bytes": SEQUENCE_BYTES, "systems": measured, "latency_microseconds": latencies}, indent=1) + "\n")
    if options.most_switches is not None:
        check_switches(measured, options.most_switches)


if __name__ == "__main__":
    main()
