"""all-MiniLM-L6-v2 in Triton's Python backend: text in, its embedding out, on one thread.

All the texts that Triton hands over at once are one batch, padded to its longest. MINILM is the folder with model.onnx
and tokenizer.json.
"""
import os

import numpy
import onnxruntime
import tokenizers
import triton_python_backend_utils as utils

MOST_TOKENS = 512


class TritonPythonModel:
    def initialize(self, args):
        folder = os.environ["MINILM"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder + "/model.onnx", options, providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizers.Tokenizer.from_file(folder + "/tokenizer.json")
        self.tokenizer.enable_truncation(MOST_TOKENS)
        self.tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")

    def execute(self, requests):
        texts = [utils.get_input_tensor_by_name(request, "text").as_numpy()[:, 0] for request in requests]
        encoded = self.tokenizer.encode_batch([text.decode() for rows in texts for text in rows])
        ids = numpy.array([row.ids for row in encoded], numpy.int64)
        mask = numpy.array([row.attention_mask for row in encoded], numpy.int64)
        (embeddings,) = self.session.run(None, {"input_ids": ids, "attention_mask": mask})
        cuts = numpy.cumsum([len(rows) for rows in texts])[:-1]
        return [
            utils.InferenceResponse(output_tensors=[utils.Tensor("answer", rows)])
            for rows in numpy.split(embeddings, cuts)
        ]
