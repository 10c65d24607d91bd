import numpy
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Tokens(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        if (ids == 666).any():
            raise ValueError("the number of the beast")
        squares = ids * ids * mask
        score = numpy.stack([squares.sum(axis=1), mask.sum(axis=1)], axis=1).astype(numpy.float32)
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("score", score), NumpyCodec.encode_output("squares", squares)],
        )
