"""classify.py ADDRESS TEXT...: sends texts to the proxy by its own contract and prints what it says of each.

pip install grpcio-tools, then: python -m grpc_tools.protoc -I proto -I third_party/googleapis --python_out=. \
  --grpc_python_out=. smartbatch/proxy/v1/proxy.proto smartbatch/classifier/v1/classifier.proto \
  google/api/annotations.proto google/api/http.proto
"""
import sys

import grpc
from smartbatch.proxy.v1 import proxy_pb2, proxy_pb2_grpc

address, *texts = sys.argv[1:]
proxy = proxy_pb2_grpc.ProxyServiceStub(grpc.insecure_channel(address))
try:
    answer = proxy.ProxyClassify(
        proxy_pb2.ProxyClassifyRequest(sequences=texts), timeout=10, metadata=[("x-customer-id", "example")]
    )
except grpc.RpcError as error:
    sys.exit(f"{error.code().name}: {error.details()}")
for text, result in zip(texts, answer.results):
    print(f"{result.label} {result.confidence:.2f} {text}")
print(f"waited {answer.timings.queue_ms:.1f} ms, batches of {list(answer.timings.batch_sizes)}", file=sys.stderr)
