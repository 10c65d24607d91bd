"""tokens.py send PROXY TEXTS: sends texts to the proxy one after the other, and writes them to the file TEXTS.
tokens.py compare TOKENIZER TEXTS DECISIONS: compares their lengths in the proxy's decision log with their tokens.
"""
import json
import pathlib
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_TOKENS = 256
SEQUENCES = 5
# First and last of some blocks; what came into Unicode after the tables of the tokenizers is left out.
BLOCKS = ((0x20, 0x7E), (0x01, 0x1F), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x5D0, 0x5EA), (0x620, 0x6FF),
          (0x900, 0x97F), (0xE00, 0xE5B), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x3000, 0x30FF), (0x4E00, 0x9FA5),
          (0xAC00, 0xD7A3), (0xF900, 0xFA2D), (0x20000, 0x20100), (0x1F600, 0x1F64F))
SPECIAL = ("[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]")


def texts():
    draw = random.Random(1)
    files = sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "services").rglob("*.cc"))
    ring = "\n".join(path.read_text() for path in files)
    for _ in range(2000):
        start = draw.randrange(len(ring))
        yield ring[start : start + draw.randint(1, 1500)]
    for _ in range(3000):
        blocks = draw.sample(BLOCKS, draw.randint(1, 3))
        yield "".join(chr(draw.randint(*draw.choice(blocks))) if draw.random() < 0.8 else " "
                      for _ in range(draw.randint(1, 200)))
    yield from ("a" * 100, "a" * 101, " ", "İstanbul ÉCOLE naïve", "日本語テスト", "é" * 100, "x" * 5000)


def send(proxy, path):
    import grpc
    from smartbatch.proxy.v1 import proxy_pb2

    call = grpc.insecure_channel(proxy).unary_unary(
        "/smartbatch.proxy.v1.ProxyService/ProxyClassify",
        request_serializer=proxy_pb2.ProxyClassifyRequest.SerializeToString,
        response_deserializer=proxy_pb2.ProxyClassifyResponse.FromString)
    sent = [text for text in texts() if not any(name in text for name in SPECIAL)]
    for at in range(0, len(sent), SEQUENCES):
        call(proxy_pb2.ProxyClassifyRequest(sequences=sent[at : at + SEQUENCES]), timeout=10)
    pathlib.Path(path).write_text(json.dumps(sent))


def lengths_in(decisions):
    for line in pathlib.Path(decisions).read_text().splitlines():
        event = json.loads(line)
        yield from event.get("lengths", [])


def compare(tokenizer, path, decisions):
    import tokenizers

    oracle = tokenizers.Tokenizer.from_file(tokenizer)
    oracle.no_truncation()
    oracle.no_padding()
    sent = json.loads(pathlib.Path(path).read_text())
    expected = [min(len(tokens.ids), MOST_TOKENS) for tokens in oracle.encode_batch(sent)]
    found = list(lengths_in(decisions))
    wrong = [(ascii(text[:80]), a, b) for text, a, b in zip(sent, found, expected) if a != b]
    print(f"{len(sent)} texts, {len(found)} lengths, {len(wrong)} differ; {expected.count(MOST_TOKENS)} of the most tokens")
    for case in wrong[:5]:
        print("FAIL", *case)
    return not wrong and len(found) == len(sent)


sys.exit(0 if {"send": send, "compare": compare}[sys.argv[1]](*sys.argv[2:]) in (None, True) else 1)
