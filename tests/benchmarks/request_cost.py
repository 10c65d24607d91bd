#!/usr/bin/env python3
"""request_cost.py BIN: what a request costs the proxy, beside a bare gRPC server and other proxies.

Each of them serves the same requests of h2load, alone on one core, in front of a backend that answers at once on the
others. All are started afresh in each round, in rotating order, the bare server twice: what the two differ by is what
this machine cannot tell apart. Prints a table of medians and spreads, and what was the limit where it was not the
process under test; --json writes all of it. nginx and haproxy are measured if they are installed.

Processor time and context switches are those of the process under test (Linux's /proc), for each request that was
answered with a message.
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


def body(sequences):
    """A ProxyClassifyRequest as one gRPC message: field 1, once for each sequence."""
    text = bytes([0x0A, SEQUENCE_BYTES]) + b"x" * SEQUENCE_BYTES
    message = text * sequences
    return b"\0" + len(message).to_bytes(4, "big") + message


class Process:
    """A program on its cores, ended when the context is left."""

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

    def load(self, address, requests, sequences):
        """Plays the requests; answers how many were answered with a message."""
        path = self.work / f"body-{sequences}"
        path.write_bytes(body(sequences))
        command = ["h2load", "-c", str(CONNECTIONS), "-m", str(STREAMS), "-n", str(requests), "-d", path,
                   "-H", "content-type: application/grpc", "-H", "te: trailers",
                   f"http://{address}/smartbatch.proxy.v1.ProxyService/ProxyClassify"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False,
                               preexec_fn=lambda: os.sched_setaffinity(0, self.others))
        succeeded = re.search(r"(\d+) succeeded", ended.stdout)
        data = re.search(r"\((\d+)\) data", ended.stdout)
        # An answer without a message is an error: it has a status and no data.
        if not succeeded or int(succeeded[1]) < requests or int(data[1]) < 8 * sequences * requests:
            fail(f"{address} did not answer every request: {ended.stdout or ended.stderr}")
        return int(succeeded[1])


def measure(bench, system, requests):
    """One system once: what a request cost it, and how busy everybody was."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(bench.null_server(bench.others)) if system["behind"] else None
        tested = stack.enter_context(system["start"](backend.address if backend else None))
        bench.load(tested.address, max(requests // 10, CONNECTIONS * STREAMS), system["sequences"])
        before, before_backend, clients = tested.used(), backend.used() if backend else (0, 0), os.times()
        start = time.monotonic()
        answered = bench.load(tested.address, requests, system["sequences"])
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
    def proxy(binary, batch_size, sequences, *more):
        return {"behind": True, "sequences": sequences,
                "start": lambda backend: bench.proxy(binary, backend, batch_size, *more)}

    bare = {"behind": False, "start": lambda _: bench.null_server(bench.tested)}
    systems = {}
    for sequences in (1, 5):
        each = f"{sequences} sequence{'s' if sequences > 1 else ''}"
        systems[f"bare server, {each}"] = {**bare, "sequences": sequences}
        if sequences == 1:
            systems[f"bare server again, {each}"] = {**bare, "sequences": sequences}
        for name, binary in [("proxy", f"{options.binaries}/smartbatch-proxy"), *options.also]:
            systems[f"{name}, B = 5, {each}"] = proxy(binary, 5, sequences)
            if sequences == 1:
                systems[f"{name}, B = 64, {each}"] = proxy(binary, 64, sequences)
        for name in ("nginx", "haproxy"):
            if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
                systems[f"{name}, {each}"] = {"behind": True, "sequences": sequences, "start": getattr(bench, name)}
    return {name: system for name, system in systems.items() if re.search(options.only, name)}


def limit_of(system, rounds):
    """What was the limit, if not the process under test."""
    if statistics.median(one["busy"] for one in rounds) >= BUSY_ENOUGH:
        return ""
    backend = statistics.median(one["backend_busy"] for one in rounds)
    client = statistics.median(one["client_busy"] for one in rounds)
    if system["behind"] and backend > client:
        return f"the backend ({backend:.0%} busy)"
    return f"the client ({client:.0%} busy)" if client > 0.5 else "the machine's other work"


def report(systems, measured):
    print(f"{'process under test':<32} {'µs a request':>20} {'bare / it':>20} {'switches':>9} {'busy':>5}  limit")
    for name, rounds in measured.items():
        microseconds = [one["microseconds"] for one in rounds]
        bare = measured.get("bare server, " + name.rsplit(", ", 1)[1])
        ratios = [reference["microseconds"] / one["microseconds"] for reference, one in zip(bare or [], rounds)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        print(f"{name:<32} {statistics.median(microseconds):7.1f} ({min(microseconds):.1f} to {max(microseconds):.1f})"
              f" {ratio:>20} {statistics.median(one['switches'] for one in rounds):9.4f}"
              f" {statistics.median(one['busy'] for one in rounds):5.0%}  {limit_of(systems[name], rounds)}")


def check_switches(measured, most):
    for name, rounds in measured.items():
        switches = statistics.median(one["switches"] for one in rounds)
        if name.startswith("proxy,") and switches > most:
            fail(f"{name}: {switches:.3f} context switches a request, and at most {most} are allowed: "
                 "does another thread poll gRPC's queues, or is one woken for each request?")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", metavar="BIN", help="folder with smartbatch-proxy and benchmark-null-server")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    parser.add_argument("--requests", type=int, default=40000, help="requests of a measurement (default 40000)")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure what the names of which match")
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
        order = list(systems)
        for number in range(options.rounds):
            for name in order[number % len(order):] + order[:number % len(order)]:
                measured[name].append(measure(bench, systems[name], options.requests))
    report(systems, measured)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"cores": len(cores), "connections": CONNECTIONS, "streams": STREAMS, "requests": options.requests,
             "sequence_bytes": SEQUENCE_BYTES, "systems": measured}, indent=1) + "\n")
    if options.most_switches is not None:
        check_switches(measured, options.most_switches)


if __name__ == "__main__":
    main()
