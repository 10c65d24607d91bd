"""server.py ADDRESS: a server that can stand behind the proxy: it implements smartbatch.classifier.v1.ClassifierService.

pip install grpcio-tools, then: python -m grpc_tools.protoc -I proto --python_out=. --grpc_python_out=. \
  smartbatch/classifier/v1/classifier.proto
"""
import sys
from concurrent import futures

import grpc
from smartbatch.classifier.v1 import classifier_pb2, classifier_pb2_grpc


class Classifier(classifier_pb2_grpc.ClassifierServiceServicer):
    """Put your model in place of `judge`: it gets the whole batch, and answers in the batch's order."""

    def Classify(self, request, context):
        results = self.judge(list(request.sequences))
        return classifier_pb2.ClassifyResponse(
            results=[classifier_pb2.ClassificationResult(label=label, confidence=sure) for label, sure in results]
        )

    def judge(self, texts):
        return [("question", 0.9) if text.rstrip().endswith("?") else ("statement", 0.6) for text in texts]


server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(Classifier(), server)
port = server.add_insecure_port(sys.argv[1])
server.start()
print(f"example ready listen=127.0.0.1:{port}", flush=True)
server.wait_for_termination()
