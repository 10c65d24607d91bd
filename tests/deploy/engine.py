"""engine.py MODEL CLASSIFIER NAME=PROXY,ADMIN...: answers of the classifier's engine minilm, alone and behind proxies.

MODEL is the folder of the model; NAME is what the proxy is sent: classify (our own contract), text or tokens (the Open
Inference Protocol). The oracle is the same model in onnxruntime, with the tokens of the package tokenizers, and the vote
of the examples written again here.
"""
import json
import pathlib
import random
import statistics
import sys
import threading
import time

import grpc
import numpy
import onnxruntime
import tokenizers
import tritonclient.grpc
from smartbatch.proxy.v1 import admin_pb2, proxy_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEAR = 1e-5
MOST_TOKENS = 512
CALLERS = 12
ROWS = 420
# Medians, on a machine on which others may work too. The first batches take 10 to 100 times as long as predicted.
MOST_PREDICTION_ERROR = 0.6
MOST_FACTOR = 3


class Oracle:
    def __init__(self, model):
        self.tokenizer = tokenizers.Tokenizer.from_file(f"{model}/tokenizer.json")
        self.tokenizer.enable_truncation(MOST_TOKENS)
        self.tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(f"{model}/model.onnx", options, providers=["CPUExecutionProvider"])
        lines = (ROOT / "services/classifier/engines/examples.jsonl").read_text().splitlines()
        examples = [json.loads(line) for line in lines]
        self.labels = numpy.array([example["label"] for example in examples])
        self.examples = numpy.array([self.embedding(example["text"]) for example in examples])

    def tokens(self, text):
        return numpy.array(self.tokenizer.encode(text).ids, numpy.int64)

    def embedding(self, text):
        ids = self.tokens(text)[None]
        return self.session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})[0][0]

    def answer(self, text):
        """Label, confidence, embedding."""
        embedding = self.embedding(text)
        weights = numpy.exp(20 * (self.examples @ embedding).astype(numpy.float64))
        shares = {label: weights[self.labels == label].sum() / weights.sum() for label in self.labels}
        label = max(shares, key=shares.get)
        return label, shares[label], embedding


def texts():
    """The first is longer than the model reads."""
    draw = random.Random(7)
    files = sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "services").rglob("*.cc"))
    ring = "\n".join(path.read_text() for path in files)
    chosen = [ring[:6000], "x", "naïve İstanbul ÉCOLE", "日本語のテキスト", "a" * 150, "🙂 ok"]
    while len(chosen) < 120:
        start = draw.randrange(len(ring) - 400)
        chosen.append(ring[start : start + int(400 ** draw.random()) + 1])
    return chosen


def infer(client, model, inputs):
    tensors = []
    for name, values, datatype in inputs:
        tensors.append(tritonclient.grpc.InferInput(name, values.shape, datatype))
        tensors[-1].set_data_from_numpy(values)
    result = client.infer(model, tensors, client_timeout=60)
    columns = (result.as_numpy(name) for name in ("label", "confidence", "embedding"))
    return [(label[0].decode(), confidence[0], embedding) for label, confidence, embedding in zip(*columns)]


def ask_text(client, rows):
    return infer(client, "minilm", [("text", numpy.array([[row.encode()] for row in rows], object), "BYTES")])


def ask_tokens(client, rows, oracle):
    """Rows of one request are padded by their sender, those of different requests by the proxy."""
    encoded = [oracle.tokens(row) for row in rows]
    ids = numpy.zeros((len(rows), max(map(len, encoded))), numpy.int64)
    mask = numpy.zeros_like(ids)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return infer(client, "minilm-tokens", [("input_ids", ids, "INT64"), ("attention_mask", mask, "INT64")])


def ask_classify(call, rows):
    return [(result.label, result.confidence, None)
            for result in call(proxy_pb2.ProxyClassifyRequest(sequences=rows), timeout=60).results]


def asker(name, address, oracle):
    """A function from rows to their answers."""
    if name == "classify":
        call = grpc.insecure_channel(address).unary_unary(
            "/smartbatch.proxy.v1.ProxyService/ProxyClassify",
            request_serializer=proxy_pb2.ProxyClassifyRequest.SerializeToString,
            response_deserializer=proxy_pb2.ProxyClassifyResponse.FromString)
        return lambda rows: ask_classify(call, rows)
    client = tritonclient.grpc.InferenceServerClient(address)
    model = {"text": "minilm", "tokens": "minilm-tokens"}[name]
    for _ in range(100):
        if client.is_model_ready(model):
            break
        time.sleep(0.05)
    return (lambda rows: ask_text(client, rows)) if name == "text" else (lambda rows: ask_tokens(client, rows, oracle))


def difference(found, expected):
    """The largest difference of two answers; infinity if their labels differ."""
    if found[0] != expected[0]:
        return float("inf")
    vectors = 0 if found[2] is None else numpy.abs(found[2] - expected[2]).max()
    return max(abs(found[1] - expected[1]), vectors)


def require(holds, what):
    print("ok  " if holds else "FAIL", what)
    if not holds:
        sys.exit(1)


def check_alone(classifier, expected, chosen):
    """One batch of rows of all lengths, and each row in a batch of its own."""
    client = tritonclient.grpc.InferenceServerClient(classifier)
    rows = chosen[:16]
    alone = [ask_text(client, [row])[0] for row in rows]
    together = ask_text(client, rows)
    apart = max(map(difference, together, alone))
    require(apart <= NEAR, f"each row of a padded batch of {len(rows)} has the answer that it has alone: {apart:.1e}")
    from_oracle = max(difference(answer, expected[row]) for answer, row in zip(alone, rows))
    require(from_oracle <= NEAR, f"and the one of onnxruntime: {from_oracle:.1e}")
    require(max(difference(alone[0], other) for other in alone[1:]) > NEAR, "answers to other texts differ")


def check_labels(classifier):
    """Windows of the project's sources and of the sentences of its documents."""
    draw, client = random.Random(3), tritonclient.grpc.InferenceServerClient(classifier)
    sources = [path.read_text() for path in sorted((ROOT / "services").rglob("*.cc"))]
    lines = [line for path in sorted((ROOT / "docs").glob("*.md")) for line in path.read_text().splitlines()]
    prose = "\n".join(line for line in lines if line[:1].isupper())
    right = {"code": 0, "not code": 0}
    for _ in range(10):
        for label, rings in (("code", sources), ("not code", [prose])):
            rows = [ring[start : start + 300] for ring in draw.choices(rings, map(len, rings), k=10)
                    for start in [draw.randrange(max(len(ring) - 300, 1))]]
            right[label] += sum(found == label for found, _, _ in ask_text(client, rows))
    require(sum(right.values()) >= 130, f"of 100 windows of code {right['code']} are labelled as such, of 100 of prose {right['not code']}")


def play(ask, expected, chosen, count=ROWS):
    """Callers in parallel; returns the largest difference, the number of answers, and what failed."""
    draw, lock = random.Random(11), threading.Lock()
    requests = []
    while sum(map(len, requests)) < count:
        requests.append(draw.sample(chosen, draw.randint(1, 3)))
    differences, failures = [], []

    def call():
        while True:
            with lock:
                if not requests:
                    return
                rows = requests.pop()
            try:
                answers = ask(rows)
                assert len(answers) == len(rows)
                differences.extend(difference(answer, expected[row]) for answer, row in zip(answers, rows))
            except Exception as failure:  # of any client
                failures.append(failure)

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(differences, default=float("inf")), len(differences), failures


def admin_call(address, method, request, response):
    return grpc.insecure_channel(address).unary_unary(
        f"/smartbatch.proxy.v1.AdminService/{method}", request_serializer=type(request).SerializeToString,
        response_deserializer=response.FromString)(request, timeout=10)


def believed_seconds(cost, n, length):
    work = (cost.quadratic * length**2 + cost.per_sequence * n + cost.per_character * n * length
            + cost.per_character_squared * n * length**2)
    return (cost.fixed**cost.knee + work**cost.knee) ** (1 / cost.knee)


def measured_seconds(classifier, n, length):
    """The median of a few batches of n rows of so many tokens, at the classifier itself."""
    client = tritonclient.grpc.InferenceServerClient(classifier)
    ids = numpy.full((n, length), 2003, numpy.int64)
    inputs = [("input_ids", ids, "INT64"), ("attention_mask", numpy.ones_like(ids), "INT64")]
    times = []
    for _ in range(8):
        start = time.monotonic()
        infer(client, "minilm-tokens", inputs)
        times.append(time.monotonic() - start)
    return statistics.median(times)


def check_costs(name, admin, classifier):
    (backend,) = admin_call(admin, "GetStatus", admin_pb2.GetStatusRequest(), admin_pb2.GetStatusResponse).backends
    require(backend.learned_batches == 64 and backend.prediction_error_ratio <= MOST_PREDICTION_ERROR,
            f"{name}: of {backend.learned_batches} batches the predictions err by "
            f"{backend.prediction_error_ratio:.0%} (median; at most {MOST_PREDICTION_ERROR:.0%})")
    for n, length in ((1, 100), (8, 100)):
        believed, measured = believed_seconds(backend.cost_model, n, length), measured_seconds(classifier, n, length)
        factor = max(believed / measured, measured / believed)
        require(factor <= MOST_FACTOR, f"{name}: {n} rows of {length} tokens are believed to take {believed * 1e3:.1f} ms, and "
                                       f"take {measured * 1e3:.1f} ms (at most a factor of {MOST_FACTOR})")


def main(model, classifier, *proxies):
    oracle, chosen = Oracle(model), texts()
    expected = {text: oracle.answer(text) for text in chosen}
    check_alone(classifier, expected, chosen)
    check_labels(classifier)
    worst, answers, failures = play(asker("text", classifier, oracle), expected, chosen[1:], 100)
    require(not failures and worst <= NEAR, f"so have {answers} in batches that run two at once: {worst:.1e} {failures[:1] or ''}")
    for name, addresses in (proxy.split("=") for proxy in proxies):
        data, admin = addresses.split(",")
        start = time.monotonic()
        worst, answers, failures = play(asker(name, data, oracle), expected, chosen[1:])
        require(not failures, f"{name}: no request failed{failures[:1] or ''}")
        require(worst <= NEAR, f"{name}: {answers} answers through the proxy are those of onnxruntime: {worst:.1e}")
        batches = admin_call(admin, "ListDecisions", admin_pb2.ListDecisionsRequest(), admin_pb2.ListDecisionsResponse).decisions
        shared = sum(batch.requests > 1 and len(set(batch.lengths)) > 1 for batch in batches)
        require(shared >= 30, f"{name}: {shared} batches were of several requests and of rows of different lengths")
        first = batches[-1]
        print(f"     {time.monotonic() - start:.1f} s; the first batch was predicted to take {first.predicted_seconds * 1e3:.1f} ms, "
              f"and took {first.real_seconds * 1e3:.1f} ms")
        check_costs(name, admin, classifier)


main(*sys.argv[1:])
