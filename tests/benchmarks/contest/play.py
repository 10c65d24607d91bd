"""play.py BIN TRITON WORK CONTEST RESULTS: plays a contest's next round, and adds what it measured to the file RESULTS.

BIN has the programs, TRITON is the address of a Triton with the models CONTEST-1, CONTEST-8, CONTEST-32 (its own dynamic
batching up to that size) and CONTEST (none). Everything a round plays is made from its number: the same texts, the same
moments for all, in an order of their own each round. See contest.sh.
"""
import csv
import dataclasses
import json
import math
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy
import tritonclient.grpc

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = HERE.parents[2] / "services"

SHORT_CHARACTERS = 200
TOLERANCE = 1e-5
PATIENCE_SECONDS = 300

# Name: what is added to the name of the model at Triton, and whether a proxy is before it, with these flags besides.
CONTENDERS = {
    "Triton, no batching": ("-1", None),
    "Triton, batches of 8": ("-8", None),
    "Triton, batches of 32": ("-32", None),
    "the proxy": ("", []),
    "the proxy, age_exponent=1": ("", ["--strategy-parameter", "age_exponent=1"]),
    "the proxy, lengths in tokens": ("", ["--length-vocabulary", os.path.join(os.environ["MINILM"], "vocab.txt")]),
}


@dataclasses.dataclass
class Contest:
    callers: tuple
    closed_requests: int
    open_requests: int
    # Of what the best setting of Triton carries in the round's last closed loop.
    load: float
    proxy_flags: list
    # The settings of Triton that carry far less than the best one. They are played in the first rounds only, and not in
    # the open loop, in which their queue would grow for as long as it goes on.
    slow: tuple
    slow_rounds: int
    left_out: tuple
    # If given, the largest rate of the open loop is looked for at which 99 of 100 requests are answered within this.
    sustained_p99_ms: float = 0


CONTESTS = {
    "minilm": Contest((16, 64), 240, 1200, 0.8, [], ("Triton, batches of 8", "Triton, batches of 32"), 2, ()),
    "device": Contest((256,), 1000, 2000, 0.9, ["--max-batch-size", "32"],
                      ("Triton, no batching", "Triton, batches of 8"), 1,
                      ("the proxy, lengths in tokens",), 1000),
}
SUSTAINED = "largest rate"
SUSTAINED_PRECISION = 1.05


def model_process(models, model):
    """The process in which Triton's Python backend runs the model."""
    for process in pathlib.Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_text().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if "triton_python_backend_stub" in command[0] and any(part.startswith(f"{models}/{model}/") for part in command):
            return process
    sys.exit(f"play.py: the process of the model {model} is not there")


def processor_seconds(process):
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Contender:
    """A server to play at, ended when the context is left. A proxy is started afresh: it has learned nothing."""

    def __init__(self, contest, name, binaries, triton, work):
        end, flags = CONTENDERS[name]
        self.model = contest + end
        self.process = model_process(work / "models", self.model)
        self.address, self.admin, self.proxy = triton, "127.0.0.1:1", None
        if flags is None:
            return
        log = open(work / "proxy.log", "w")
        self.proxy = subprocess.Popen(
            [binaries / "smartbatch-proxy", "--backend", f"oip://{triton}/{self.model}", "--listen", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-level", "error", *CONTESTS[contest].proxy_flags, *flags],
            stdout=subprocess.PIPE, stderr=log, text=True)
        ready = re.search(r" ready .*\blisten=(\S+) .*\badmin=(\S+)", self.proxy.stdout.readline())
        if not ready:
            sys.exit(f"play.py: the proxy did not start: {(work / 'proxy.log').read_text()}")
        self.address, self.admin = ready.groups()
        client = tritonclient.grpc.InferenceServerClient(self.address)
        for _ in range(100):
            if client.is_model_ready(self.model):
                return
            time.sleep(0.05)
        sys.exit("play.py: the proxy does not reach Triton")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proxy:
            self.proxy.terminate()
            self.proxy.wait()


def cut_texts(lengths, draw):
    """Texts of so many characters, from the sources that loadgen cuts its texts from."""
    ring = "\n".join(path.read_text() for end in ("cc", "h") for path in sorted(TEXTS.rglob(f"*.{end}")))
    starts = [draw.randrange(len(ring)) for _ in lengths]
    return [(ring[start:] + ring)[:length] for start, length in zip(starts, lengths)]


def embed(client, model, text, customer):
    tensor = tritonclient.grpc.InferInput("text", [1, 1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([[text.encode()]], dtype=numpy.object_))
    answer = client.infer(model, [tensor], headers={"x-customer-id": customer}, client_timeout=PATIENCE_SECONDS)
    return answer.as_numpy("answer")[0]


class Figures:
    """What became of the requests of one run."""

    def __init__(self):
        self.latencies, self.short, self.tenants = [], [], {}

    def add(self, customer, characters, latency_ms):
        self.latencies.append(latency_ms)
        if characters <= SHORT_CHARACTERS:
            self.short.append(latency_ms)
        self.tenants.setdefault(customer, []).append(latency_ms)

    def summary(self, seconds, model_seconds, wrong):
        ordered = sorted(self.latencies)
        return {
            "requests": len(ordered), "seconds": seconds, "requests_per_second": len(ordered) / seconds,
            "mean_ms": statistics.fmean(ordered), "p50_ms": ordered[len(ordered) // 2], "p99_ms": ordered[int(len(ordered) * 0.99)],
            "short_mean_ms": statistics.fmean(self.short), "model_ms_per_request": 1000 * model_seconds / len(ordered),
            "tenant_mean_ms": {tenant: statistics.fmean(values) for tenant, values in sorted(self.tenants.items())},
            "wrong": wrong,
        }


def play_closed(contender, requests, texts, alone, callers):
    """So many callers share the list, each sending the next text when it has its answer."""
    figures, wrong, failures = Figures(), [0], []
    following, lock = iter(range(len(texts))), threading.Lock()

    def call():
        client = tritonclient.grpc.InferenceServerClient(contender.address)
        try:
            while True:
                with lock:
                    number = next(following, None)
                if number is None:
                    return
                begin = time.monotonic()
                answer = embed(client, contender.model, texts[number], requests[number]["customer"])
                latency_ms = 1000 * (time.monotonic() - begin)
                with lock:
                    figures.add(requests[number]["customer"], len(texts[number]), latency_ms)
                    wrong[0] += not numpy.allclose(answer, alone[number], rtol=0, atol=TOLERANCE)
        except Exception as error:  # whatever it is, the round is worth nothing
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    used, begin = processor_seconds(contender.process), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    if failures:
        sys.exit(f"play.py: {failures[0]}")
    return figures.summary(seconds, processor_seconds(contender.process) - used, wrong[0])


def play_open(contender, binaries, trace, seed):
    """loadgen sends the trace's requests at their moments, whatever the answers do."""
    with tempfile.TemporaryDirectory() as results:
        used = processor_seconds(contender.process)
        played = subprocess.run(
            [binaries / "loadgen", "replay", trace, "--seed", str(seed), "--protocol", "open-inference", "--model",
             contender.model, "--target", contender.address, "--admin-target", contender.admin, "--results", results,
             "--text-from", TEXTS, "--deadline-ms", str(1000 * PATIENCE_SECONDS), "--progress", "none",
             "--max-dispatch-delay-ms", "100"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        used = processor_seconds(contender.process) - used
        if played.returncode != 0:
            sys.exit(f"play.py: loadgen ended with {played.returncode}: {played.stdout}")
        figures, ends = Figures(), []
        with open(next(pathlib.Path(results).glob("*_requests.csv"))) as file:
            for row in csv.DictReader(file):
                if row["code"] != "OK":
                    sys.exit(f"play.py: a request was not answered: {row}")
                figures.add(row["customer"], int(row["longest_characters"]), float(row["latency_ms"]))
                ends.append(float(row["done_ms"]))
    return figures.summary(max(ends) / 1000, used, 0)


def largest_rate(holds_at, known_to_hold, play):
    """The largest rate at which `holds_at` is true of what `play` measures, what it measured there, and the requests."""
    rate, figures, broken, requests = known_to_hold, None, math.inf, 0
    while broken / rate > SUSTAINED_PRECISION:
        tried = rate * 1.25 if broken == math.inf else math.sqrt(rate * broken)
        measured = play(tried)
        requests += measured["requests"]
        if holds_at(measured):
            rate, figures = tried, measured
        else:
            broken = tried
    return rate, figures, requests


def main():
    binaries, triton, work = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    kind, results = sys.argv[4:]
    contest = CONTESTS[kind]
    rows = json.loads(pathlib.Path(results).read_text()) if os.path.exists(results) else []
    number = max((row["round"] for row in rows), default=0) + 1
    draw = random.Random(number)

    def record(rate, seconds):
        trace = work / "trace.jsonl"
        subprocess.run([binaries / "loadgen", "record", trace, "--no-server", "--workload", HERE / f"{kind}.json",
                        "--seed", str(number), "--rate", f"{rate}", "--seconds", f"{seconds}"],
                       check=True, stdout=subprocess.DEVNULL)
        return trace

    # The same requests come at any rate.
    planned = [json.loads(line) for line in record(100, contest.open_requests / 100).read_text().splitlines()]
    lengths = [request["lengths"][0] for request in planned]
    requests = planned[: contest.closed_requests]
    texts = cut_texts(lengths[: len(requests)], draw)
    # This warms the models up as well.
    direct = tritonclient.grpc.InferenceServerClient(triton)
    for end, _ in CONTENDERS.values():
        for text in texts[:3]:
            embed(direct, kind + end, text, "nobody")
    alone = [embed(direct, kind + "-1", text, "nobody") for text in texts]

    def add(name, phase, figures):
        rows.append({"contest": kind, "round": number, "contender": name, "phase": phase, **figures})
        print(f"round {number}  {name:27} {phase:10}  {figures['requests_per_second']:6.2f}/s  mean "
              f"{figures['mean_ms']:9.1f}  p99 {figures['p99_ms']:9.1f}  short {figures['short_mean_ms']:9.1f}  model "
              f"{figures['model_ms_per_request']:6.1f} ms a request  wrong {figures['wrong']}", flush=True)

    names = [name for name in CONTENDERS if name not in contest.left_out]
    if number > contest.slow_rounds:
        names = [name for name in names if name not in contest.slow]
    for callers in contest.callers:
        for name in draw.sample(names, len(names)):
            with Contender(kind, name, binaries, triton, work) as contender:
                add(name, f"{callers} callers", play_closed(contender, requests, texts, alone, callers))
    capacity = max(row["requests_per_second"] for row in rows
                   if row["round"] == number and row["phase"] == f"{contest.callers[-1]} callers"
                   and row["contender"].startswith("Triton"))
    # The texts of the closed loops are the first ones only, and may be longer or shorter than the rest.
    rate = contest.load * capacity * statistics.fmean(lengths[: len(requests)]) / statistics.fmean(lengths)
    trace = record(rate, contest.open_requests / rate)
    names = [name for name in names if name not in contest.slow]
    for name in draw.sample(names, len(names)):
        with Contender(kind, name, binaries, triton, work) as contender:
            add(name, "open loop", {"offered_per_second": rate, **play_open(contender, binaries, trace, number)})
    for name in draw.sample(names, len(names)) if contest.sustained_p99_ms else ():
        def play(tried):
            with Contender(kind, name, binaries, triton, work) as contender:
                return play_open(contender, binaries, record(tried, contest.open_requests / tried), number)

        first = next(row for row in rows if (row["round"], row["contender"], row["phase"]) == (number, name, "open loop"))
        if first["p99_ms"] > contest.sustained_p99_ms:
            sys.exit(f"play.py: {name} did not answer 99 of 100 requests within {contest.sustained_p99_ms} ms at "
                     f"{rate:.1f} requests a second, where the search begins")
        largest, figures, played = largest_rate(lambda measured: measured["p99_ms"] <= contest.sustained_p99_ms, rate, play)
        add(name, SUSTAINED, {**(figures or first), "requests_per_second": largest, "requests": played})
    # Whole or not at all: a round that was interrupted is played again.
    pathlib.Path(results + ".part").write_text(json.dumps(rows, indent=1))
    os.replace(results + ".part", results)


main()
