import numpy
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse


class Words(MLModel):
    """Counts words. Put your model here: each request is a batch that the proxy has put together."""

    async def predict(self, payload):
        texts = StringCodec.decode_input(payload.inputs[0])
        words = numpy.array([[len(text.split())] for text in texts], dtype=numpy.int32)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("words", words)])
