"""words.py: KServe's server with one model. Its ports are 8081 for gRPC and 8080 for HTTP (--grpc_port, --http_port).

pip install kserve. The server listens on every address of the machine, and has no option for that: README.md.
"""
import kserve
import numpy


class Words(kserve.Model):
    """Counts words. Put your model here: each request is a batch that the proxy has put together."""

    def __init__(self):
        super().__init__("words")
        self.load()

    def get_input_types(self):
        return [{"name": "text", "datatype": "BYTES", "shape": [-1, 1]}]

    def get_output_types(self):
        return [{"name": "words", "datatype": "INT32", "shape": [-1, 1]}]

    def predict(self, payload, headers=None):
        texts = payload.get_input_by_name("text").as_numpy()
        words = numpy.array([[len(row[0].split())] for row in texts], dtype=numpy.int32)
        output = kserve.InferOutput("words", list(words.shape), "INT32", data=words)
        return kserve.InferResponse(payload.id, self.name, [output])


kserve.ModelServer().start([Words()])
