"""open_inference.py ADDRESS MODEL TEXT...: sends texts to a model, through the proxy or to its server alike.

pip install 'tritonclient[grpc]'. The proxy takes the customer's name from the metadata; a model server ignores it.
"""
import sys

import numpy
import tritonclient.grpc

address, model, *texts = sys.argv[1:]
client = tritonclient.grpc.InferenceServerClient(address)
[described] = client.get_model_metadata(model).inputs

tensor = tritonclient.grpc.InferInput(described.name, [len(texts), 1], "BYTES")
tensor.set_data_from_numpy(numpy.array([[text.encode()] for text in texts], dtype=numpy.object_))
answer = client.infer(model, [tensor], headers={"x-customer-id": "example"}, client_timeout=10)

for output in answer.get_response().outputs:
    for text, row in zip(texts, answer.as_numpy(output.name)):
        print(f"{output.name}={row[0]} {text}")
