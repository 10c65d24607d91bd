"""A device whose time is modelled, in Triton's Python backend: text in, its length out.

A batch takes as long as on a device on which small batches cost the same whatever is in them (0.005 s, and 1.1e-6 s for
each text and token of the longest, and 2.4e-10 s for each text and squared token), four times over, so that the servers'
own time is small beside it. A character is taken for a token. The batcher is real, only the time is not: it sleeps.
"""
import time

import numpy
import triton_python_backend_utils as utils

SLOWNESS = 4


class TritonPythonModel:
    def execute(self, requests):
        texts = [utils.get_input_tensor_by_name(request, "text").as_numpy()[:, 0] for request in requests]
        lengths = [numpy.array([[len(text.decode())] for text in rows], numpy.float32) for rows in texts]
        longest = max(rows.max() for rows in lengths)
        seats = sum(map(len, lengths)) * longest
        time.sleep(float(SLOWNESS * (0.005 + seats * (1.1e-6 + 2.4e-10 * longest))))
        return [utils.InferenceResponse(output_tensors=[utils.Tensor("answer", rows)]) for rows in lengths]
