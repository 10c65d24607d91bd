"""mutations.py DIRECT TEXT TOKENS N: N requests, most of them wrong in one to three ways, to Triton and to its proxies.

What Triton answers, the proxy answers with the same bytes; what Triton refuses, the proxy refuses. TEXT and TOKENS are
the proxies before the models of these names. Left out is what the proxy refuses on purpose and Triton 2.51 does not: more
raw contents than inputs, an input of no rows or of more than fit into memory, versions with leading zeros, and a
classification of padded outputs and of texts, of which Triton dies.
"""
import collections
import random
import struct
import sys

from client import answer_of, messages, stub_of, text_request


def tokens_request(draw):
    request, rows, length = messages.ModelInferRequest(model_name="tokens", id="1"), draw.randint(1, 3), draw.randint(1, 6)
    for name in ("input_ids", "attention_mask"):
        request.inputs.add(name=name, datatype="INT64", shape=[rows, length])
        values = [draw.randint(0, 5) for _ in range(rows * length)]
        request.raw_input_contents.append(struct.pack(f"<{len(values)}q", *values))
    return request


def right(draw):
    if draw.random() < 0.5:
        return tokens_request(draw)
    return text_request([b"ab" * draw.randint(0, 5) for _ in range(draw.randint(1, 3))])


def of_an_input(change):
    """A mutation of one of the inputs, if there is one."""
    return lambda draw, request: change(draw, draw.choice(request.inputs)) if request.inputs else None


def of_raw_contents(change):
    def mutation(draw, request):
        if request.raw_input_contents:
            at = draw.randrange(len(request.raw_input_contents))
            request.raw_input_contents[at] = change(draw, request.raw_input_contents[at])

    return mutation


def another_dimension(draw, tensor):
    if tensor.shape:
        at = draw.randrange(len(tensor.shape))
        tensor.shape[at] = draw.choice([-1, 1, 2, 3, 9] + [0, 1 << 40, -(1 << 63)] * (at > 0))


def another_byte(draw, raw):
    at = draw.randrange(len(raw) + 1)
    return raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :] if at < len(raw) else raw


def parameter(draw, parameters, names):
    field, value = draw.choice([("int64_param", -3), ("int64_param", 0), ("string_param", "1"), ("bool_param", True),
                                ("uint64_param", 3), ("double_param", 1.0)])
    setattr(parameters[draw.choice(names)], field, value)


def ask_for_output(draw, request):
    output = request.outputs.add(name=draw.choice(["bytes", "reversed", "score", "squares", "", "nope"]))
    if draw.random() < 0.3 and output.name not in ("reversed", "squares"):
        output.parameters["classification"].int64_param = draw.choice([0, 1, 5, -1])
    if draw.random() < 0.2:
        parameter(draw, output.parameters, ["binary_data", "shared_memory_region"])


MUTATIONS = {
    "a dimension": of_an_input(another_dimension),
    "one more dimension": of_an_input(lambda draw, tensor: tensor.shape.append(draw.choice([1, 0, 2, -1]))),
    "one less": of_an_input(lambda draw, tensor: tensor.shape and tensor.shape.pop()),
    "a datatype": of_an_input(lambda draw, tensor: setattr(tensor, "datatype", draw.choice(
        ["BYTES", "INT64", "INT32", "FP32", "", "bytes", "BOOL", "FP16", "BF16", "UINT8"]))),
    "a name": of_an_input(lambda draw, tensor: setattr(tensor, "name", draw.choice(
        ["text", "input_ids", "attention_mask", "", "x", "é"]))),
    "typed text": of_an_input(lambda draw, tensor: tensor.contents.bytes_contents.append(b"a")),
    "typed numbers": of_an_input(lambda draw, tensor: tensor.contents.int64_contents.extend([1] * draw.randint(1, 4))),
    "an input's parameter": of_an_input(
        lambda draw, tensor: parameter(draw, tensor.parameters, ["x", "binary_data", "shared_memory_region"])),
    "raw contents cut short": of_raw_contents(lambda draw, raw: raw[: draw.randint(0, len(raw))]),
    "raw contents with more bytes": of_raw_contents(lambda draw, raw: raw + bytes(draw.randint(1, 9))),
    "another byte": of_raw_contents(another_byte),
    "raw contents less": lambda draw, request: request.raw_input_contents and request.raw_input_contents.pop(),
    "no raw contents": lambda draw, request: request.ClearField("raw_input_contents"),
    "an input less": lambda draw, request: request.inputs and request.inputs.pop(draw.randrange(len(request.inputs))),
    "an output": ask_for_output,
    "a version": lambda draw, request: setattr(request, "model_version", draw.choice(["1", "0", "2", "-1", "x"])),
    "a parameter": lambda draw, request: parameter(
        draw, request.parameters, ["timeout", "priority", "sequence_id", "sequence_start", "headers", "x"]),
}


def main(direct, text, tokens, count):
    draw, direct = random.Random(1), stub_of(direct)
    proxies, seen, differ = {"text": stub_of(text), "tokens": stub_of(tokens)}, collections.Counter(), 0
    for _ in range(int(count)):
        request, changes = right(draw), draw.choices(list(MUTATIONS), k=draw.randint(1, 3))
        for change in changes:
            MUTATIONS[change](draw, request)
        if len(request.raw_input_contents) > len(request.inputs):
            continue
        expected, found = answer_of(direct, request), answer_of(proxies[request.model_name], request)
        good = found == expected if expected[0] == "OK" else found[0] in ("INVALID_ARGUMENT", "NOT_FOUND")
        seen[expected[0]] += 1
        differ += not good
        if not good and differ <= 5:
            print(f"FAIL {', '.join(changes)}: {expected}, not {found}: {request}")
    print(f"{'FAIL' if differ else 'ok  '} of {sum(seen.values())} requests that were changed at random Triton answered "
          f"{seen['OK']}, and the proxy did otherwise with {differ}")
    return not differ and min(seen["OK"], seen["INVALID_ARGUMENT"], seen["NOT_FOUND"]) > 0.01 * int(count)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
