import numpy
import triton_python_backend_utils as utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        ids = utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        mask = utils.get_input_tensor_by_name(request, "attention_mask").as_numpy()
        if (ids == 666).any():
            return utils.InferenceResponse(error=utils.TritonError("the number of the beast"))
        squares = ids * ids * mask
        score = numpy.stack([squares.sum(axis=1), mask.sum(axis=1)], axis=1).astype(numpy.float32)
        return utils.InferenceResponse(
            output_tensors=[utils.Tensor("score", score), utils.Tensor("squares", squares)]
        )
