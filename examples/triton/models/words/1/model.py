import numpy
import triton_python_backend_utils as utils


class TritonPythonModel:
    """Counts words. Put your model here: each request is a batch that the proxy has put together."""

    def execute(self, requests):
        return [utils.InferenceResponse(output_tensors=[self.answer(request)]) for request in requests]

    def answer(self, request):
        texts = utils.get_input_tensor_by_name(request, "text").as_numpy()
        return utils.Tensor("words", numpy.array([[len(row[0].split())] for row in texts], dtype=numpy.int32))
