"""What the benchmarks share: the programs under test, started on cores of their own, and the clients that load them.

Nothing here is timed by itself; a program's processor time and context switches are Linux's (/proc).
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

CONNECTIONS = 4
STREAMS = 16
SEQUENCE_BYTES = 80
# As the image and the Debian package start the proxy.
SHIPPED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=128"}
SKIPPED = 77


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def skip(reason):
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


def need(tool, package):
    if not shutil.which(tool):
        skip(f"{tool} is missing: apt-get install {package}")


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
        # Appended to, since the process shares the place in the file with those who read it here.
        self.output = tempfile.TemporaryFile("a+b")
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
        self.child.kill()
        self.child.wait()
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


class Played(NamedTuple):
    """What a client has done: the requests that were answered with a message, and what it took itself."""
    answered: int
    seconds: float
    processor_seconds: float


class H2load:
    """nghttp2's client, which knows HTTP/2 alone and is the cheapest of all: a closed loop of N streams."""

    def __init__(self, _binaries, work, cores):
        need("h2load", "nghttp2-client")
        self.work = work
        self.cores = cores

    def saturate(self, address, requests, workload):
        return self._play(address, requests, workload, CONNECTIONS, STREAMS)

    def in_turn(self, address, requests, workload):
        """One request at a time."""
        return self._play(address, requests, workload, 1, 1)

    def latencies(self, address, seconds, workload, rate=None):
        """Percentiles of the latency on one connection in microseconds, one request at a time or `rate` a second."""
        log = self.work / "latencies"
        log.unlink(missing_ok=True)
        paced = ["--rps", str(rate)] if rate else []
        self._play(address, (rate or 4000) * seconds, workload, 1, 1, ["--log-file", log, *paced])
        latencies = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
        return {f"p{percent}": latencies[len(latencies) * percent // 100] for percent in (50, 99)}

    def _play(self, address, requests, workload, connections, streams, more=()):
        path = self.work / "body"
        path.write_bytes(workload.body)
        command = ["h2load", "-c", str(connections), "-m", str(streams), "-n", str(requests), "-d", path,
                   "-H", "content-type: application/grpc", "-H", "te: trailers", *more,
                   f"http://{address}/{workload.path}"]
        said, used = run_on(self.cores, command)
        succeeded = re.search(r"(\d+) succeeded", said)
        data = re.search(r"\((\d+)\) data", said)
        # An answer without a message is an error: it has a status and no data.
        if not succeeded or int(succeeded[1]) < requests or int(data[1]) < 8 * workload.texts * requests:
            fail(f"{address} did not answer every request of {workload.name}: {said}")
        took, unit = re.search(r"finished in ([\d.]+)(us|ms|s)", said).groups()
        return Played(requests, float(took) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit], used)


class Loadgen:
    """Our own client: calls of gRPC, each with its deadline and its metadata, which cost it more than h2load's."""

    EXPECTED_RATE = 15000  # it plays for a time and not for a number of requests

    def __init__(self, binaries, work, cores):
        self.program = f"{binaries}/loadgen"
        self.work = work
        self.cores = cores

    def saturate(self, address, requests, workload):
        customers = f"count={CONNECTIONS * STREAMS},think=0s"
        summary = self._play(address, max(0.2, requests / self.EXPECTED_RATE), workload, customers, CONNECTIONS)
        strategy = summary["workloads"][0]["strategies"][0]
        answered = strategy["all"]["answered"]
        return Played(answered, strategy["measured_seconds"],
                      summary["generator"]["cpu_microseconds_per_request"] * answered / 1e6)

    def latencies(self, address, seconds, workload, rate=None):
        customers = f"count=1,rate={rate}" if rate else "count=1,think=0s"
        summary = self._play(address, seconds, workload, customers, 1)
        found = summary["workloads"][0]["strategies"][0]["all"]["latency_ms"]
        return {percentile: found[percentile] * 1000 for percentile in ("p50", "p99")}

    def _play(self, address, seconds, workload, customers, connections):
        protocol = ["--protocol", "open-inference", "--model", "null"] if workload.inference else []
        with tempfile.TemporaryDirectory(dir=self.work) as results:
            command = [self.program, "run", "--target", address, "--admin-target", address, "--seconds", f"{seconds:.2f}",
                       "--warm-up-seconds", "0", "--connections", str(connections), "--progress", "none", "--results",
                       results, "--customer", f"c-:{customers},len={SEQUENCE_BYTES},sequences={workload.texts}", *protocol]
            said, _ = run_on(self.cores, command, fine=(0, 3))  # 3: too few answers for loadgen's own verdict
            summary = json.loads(next(pathlib.Path(results).glob("*_summary.json")).read_text())
        if summary["workloads"][0]["strategies"][0]["all"]["failed"]:
            fail(f"{address} did not answer every request of {workload.name}: {said}")
        return summary


CLIENTS = {"h2load": H2load, "loadgen": Loadgen}


def cores_apart():
    """The first of our cores, and the others, if there are any: for the process under test, and for everybody else."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


def run_on(cores, command, fine=(0,)):
    """Runs a program to its end; returns what it said, and the seconds of processor time of it and its children."""
    before = os.times()
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                           preexec_fn=lambda: os.sched_setaffinity(0, cores))
    after = os.times()
    if ended.returncode not in fine:
        fail(f"{command[0]} ended with {ended.returncode}: {ended.stdout[-2000:]}")
    return ended.stdout, (after.children_user + after.children_system - before.children_user - before.children_system)


class Bench:
    """Starts what is measured on the cores `tested`, and everybody else on the cores `others`.

    Requires: `work` is an empty folder.
    """

    def __init__(self, binaries, work, tested, others, client="h2load"):
        self.binaries = binaries
        self.work = work
        self.tested = tested
        self.others = others
        self.client = CLIENTS[client](binaries, work, others)

    def null_server(self, cores):
        return Process([f"{self.binaries}/benchmark-null-server", "--listen", "127.0.0.1:0"], cores, r"listen=(\S+)")

    def proxy(self, binary, backends, batch_size, slots=8, threads=1, flags=(), environment=None):
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen",
                   "127.0.0.1:0", "--slots", str(slots), "--max-batch-size", str(batch_size), "--threads", str(threads),
                   *flags]
        for backend in backends:
            command += ["--backend", backend]
        return Process(command, self.tested, r"ready listen=(\S+)", environment={**SHIPPED, **(environment or {})})

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

    @contextlib.contextmanager
    def warm(self, system):
        """The process under test, after its first requests, and its backend if it has one."""
        with contextlib.ExitStack() as stack:
            backend = stack.enter_context(self.null_server(self.others)) if system["behind"] else None
            tested = stack.enter_context(system["start"](backend.address if backend else None))
            self.client.saturate(tested.address, 4000, system["workload"])
            yield tested, backend
