import numpy
import triton_python_backend_utils as utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        text = utils.get_input_tensor_by_name(request, "text").as_numpy()
        backwards = numpy.array([[row[0][::-1]] for row in text], dtype=numpy.object_)
        size = numpy.array([[len(row[0])] for row in text], dtype=numpy.int32)
        return utils.InferenceResponse(
            output_tensors=[utils.Tensor("reversed", backwards), utils.Tensor("bytes", size)]
        )
