"""minilm_onnx.py WEIGHTS OUT: writes all-MiniLM-L6-v2 as an ONNX file. WEIGHTS is its model.safetensors.

Inputs input_ids and attention_mask, int64 [batch, sequence]; output embedding, float [batch, 384]: the mean over what
the mask lets through, of length 1, as sentence-transformers computes it.
"""
import json
import struct
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

HEADS, WIDTH, LAYERS = 12, 384, 6


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        body = file.read()
    return {
        name: numpy.frombuffer(body[slice(*entry["data_offsets"])], numpy.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], {}

    def constant(self, name, value):
        self.constants[name] = numpy_helper.from_array(numpy.asarray(value, order="C"), name)
        return name

    def add(self, kind, *inputs, **attributes):
        out = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def linear(self, x, layer):
        weight = self.constant(layer + ".weight", self.weights[layer + ".weight"].T)
        bias = self.constant(layer + ".bias", self.weights[layer + ".bias"])
        return self.add("Add", self.add("MatMul", x, weight), bias)

    def normalized(self, x, layer):
        scale, bias = (self.constant(layer + end, self.weights[layer + end]) for end in (".weight", ".bias"))
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)


def build(weights):
    g = Graph(weights)

    def number(name, value):
        return g.constant(name, numpy.array(value, numpy.float32))

    def axes(name, value):
        return g.constant(name, numpy.array(value, numpy.int64))

    def table(name):
        return g.constant(name, weights[f"embeddings.{name}_embeddings.weight"])

    last, first = axes("last", [-1]), axes("first", [1])

    length = g.add("Gather", g.add("Shape", "input_ids"), axes("one", 1))
    positions = g.add("Range", axes("zero", 0), length, "one")
    x = g.add("Add", g.add("Gather", table("word"), "input_ids"), g.add("Gather", table("position"), positions))
    kind = g.constant("kind", weights["embeddings.token_type_embeddings.weight"][0])
    x = g.normalized(g.add("Add", x, kind), "embeddings.LayerNorm")

    mask = g.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    far = g.add("Mul", g.add("Sub", mask, number("one_f", 1)), number("far", 1e9))
    bias = g.add("Unsqueeze", far, axes("middle", [1, 2]))
    heads, joined = axes("heads", [0, 0, HEADS, WIDTH // HEADS]), axes("joined", [0, 0, WIDTH])
    root = number("root", (WIDTH // HEADS) ** -0.5)
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        query, key, value = (
            g.add("Transpose", g.add("Reshape", g.linear(x, layer + "attention.self." + name), heads), perm=order)
            for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = g.add("Add", g.add("Mul", g.add("MatMul", query, key), root), bias)
        seen = g.add("MatMul", g.add("Softmax", scores, axis=-1), value)
        seen = g.add("Reshape", g.add("Transpose", seen, perm=[0, 2, 1, 3]), joined)
        seen = g.linear(seen, layer + "attention.output.dense")
        x = g.normalized(g.add("Add", x, seen), layer + "attention.output.LayerNorm")
        inner = g.linear(x, layer + "intermediate.dense")
        bell = g.add("Add", g.add("Erf", g.add("Mul", inner, number("half_root", 0.5**0.5))), "one_f")
        inner = g.add("Mul", g.add("Mul", inner, bell), number("half", 0.5))
        x = g.normalized(g.add("Add", x, g.linear(inner, layer + "output.dense")), layer + "output.LayerNorm")

    weight = g.add("Unsqueeze", mask, last)
    total = g.add("ReduceSum", g.add("Mul", x, weight), first, keepdims=0)
    mean = g.add("Div", total, g.add("ReduceSum", weight, first, keepdims=0))
    norm = g.add("Sqrt", g.add("ReduceSum", g.add("Mul", mean, mean), last, keepdims=1))
    g.nodes.append(helper.make_node("Div", [mean, norm], ["embedding"]))

    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    graph = helper.make_graph(
        g.nodes, "minilm", inputs,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])], list(g.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    onnx.save(build(read_safetensors(sys.argv[1])), sys.argv[2])
