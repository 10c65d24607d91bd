"""models.py --grpc_port N --http_port M: KServe's server with models of which it tells nothing but their names, as most
of its models. They answer raw contents with raw ones and typed with typed, as KServe's own runtimes do, and take some
milliseconds, so that requests wait for one another.
"""
import time

import kserve
import numpy
from kserve.errors import InferenceError


class Answering(kserve.Model):
    def __init__(self, name):
        super().__init__(name)
        self.load()

    def answer(self, payload, **outputs):
        time.sleep(0.004)
        made = []
        for name, values in outputs.items():
            datatype = {"O": "BYTES", "f": "FP32", "i": f"INT{8 * values.itemsize}"}[values.dtype.kind]
            made.append(kserve.InferOutput(name, list(values.shape), datatype))
            made[-1].set_data_from_numpy(values, binary_data=payload.use_binary_outputs)
        return kserve.InferResponse(payload.id, self.name, made)


class Text(Answering):
    def predict(self, payload, headers=None):
        texts = payload.get_input_by_name("text").as_numpy()
        backwards = numpy.array([[row[0][::-1]] for row in texts], dtype=numpy.object_)
        size = numpy.array([[len(row[0])] for row in texts], dtype=numpy.int32)
        return self.answer(payload, reversed=backwards, bytes=size)


class Tokens(Answering):
    def predict(self, payload, headers=None):
        ids, mask = (payload.get_input_by_name(name).as_numpy() for name in ("input_ids", "attention_mask"))
        if (ids == 666).any():
            raise InferenceError("the number of the beast")
        squares = ids * ids * mask
        score = numpy.stack([squares.sum(axis=1), mask.sum(axis=1)], axis=1).astype(numpy.float32)
        return self.answer(payload, score=score, squares=squares)


class Slow(Answering):
    """Its batches last longer than three health checks, on the thread that should answer these."""

    def predict(self, payload, headers=None):
        time.sleep(3.5)
        return self.answer(payload, same=payload.get_input_by_name("number").as_numpy())


kserve.ModelServer(enable_latency_logging=False).start([Text("text"), Tokens("tokens"), Slow("slow")])
