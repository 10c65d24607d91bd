"""client.py CHECK DIRECT PROXY...: a client of Triton, unchanged, through the proxy and at the server itself.

conformance DIRECT PROXY            wrong and unusual requests for the model `text`: both answer with the same code
same DIRECT PROXY MODEL N CALLERS   every answer through the proxy has the same bytes as alone, without batching;
                                    those of minilm, which computes, the same numbers within 1e-5
stream DIRECT PROXY                 ModelStreamInfer: the same answers, errors included
failures DIRECT PROXY               a request that makes batches fail harms no other request
calls DIRECT PROXY                  the calls that clients make before they send requests
"""
import functools
import pathlib
import random
import struct
import sys
import threading

import grpc
import numpy
import tritonclient.grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

PATIENCE = 30
TOLERANCE = 1e-5
# More than the proxies of open_inference.sh put into a batch, so that they cut requests.
MOST_ROWS = 8
SOURCES = pathlib.Path(__file__).resolve().parents[3] / "services"


def stub_of(address):
    return services.GRPCInferenceServiceStub(grpc.insecure_channel(address))


def raw_text(texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def text_request(texts=(b"abc",), shape=None, raw=None, name="text", datatype="BYTES", outputs=(), **head):
    request = messages.ModelInferRequest(**{"model_name": "text", "id": "7", **head})
    request.inputs.add(name=name, datatype=datatype, shape=[len(texts), 1] if shape is None else shape)
    request.raw_input_contents.append(raw_text(texts) if raw is None else raw)
    for output in outputs:
        request.outputs.add(name=output)
    return request


def changed(request, change):
    change(request)
    return request


def typed(request):
    request.ClearField("raw_input_contents")
    request.inputs[0].contents.bytes_contents.append(b"abc")


def twice(request):
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def in_shared_memory(request):
    request.ClearField("raw_input_contents")
    request.inputs[0].parameters["shared_memory_region"].string_param = "region"
    request.inputs[0].parameters["shared_memory_byte_size"].int64_param = 7


def with_parameter(name, **value):
    return changed(text_request(), lambda r: r.parameters[name].CopyFrom(messages.InferParameter(**value)))


CASES = {
    "a good request": text_request(),
    "typed contents": changed(text_request(), typed),
    "version 1": text_request(model_version="1"),
    "unknown model": text_request(model_name="nope"),
    "unknown version": text_request(model_version="9"),
    "raw and typed contents": changed(text_request(), lambda r: r.inputs[0].contents.bytes_contents.append(b"abc")),
    "no contents": changed(text_request(), lambda r: r.ClearField("raw_input_contents")),
    "2 elements for shape [3,1]": text_request([b"a", b"b"], shape=[3, 1]),
    "3 elements for shape [2,1]": text_request([b"a", b"b", b"c"], shape=[2, 1]),
    "an element cut short": text_request(raw=struct.pack("<I", 10) + b"abc"),
    "a length cut short": text_request(raw=b"\x01\x00"),
    "shape [1]": text_request(shape=[1]),
    "shape [1,2]": text_request([b"a", b"b"], shape=[1, 2]),
    "shape [-1,1]": text_request(shape=[-1, 1]),
    "shape [0,1]": text_request([], shape=[0, 1]),
    "a shape that overflows": text_request(shape=[1 << 62, 4]),
    "9 rows of at most 8": text_request([b"a"] * 9),
    "wrong input name": text_request(name="nope"),
    "the same input twice": changed(text_request(), twice),
    "no input": messages.ModelInferRequest(model_name="text"),
    "wrong datatype": text_request(datatype="INT32", raw=struct.pack("<i", 5)),
    "unknown datatype": text_request(datatype="NOPE"),
    "an output that the model lacks": text_request(outputs=["nope"]),
    "one of two outputs": text_request(outputs=["bytes"]),
    "not UTF-8": text_request([b"\xff\xfe"]),
    "NUL": text_request([b"a\0b"]),
    "an empty element": text_request([b""]),
    "shared memory that is not there": changed(text_request(), in_shared_memory),
    "a sequence for a model without": with_parameter("sequence_id", int64_param=5),
    "a timeout of a minute": with_parameter("timeout", int64_param=60_000_000),
    "a timeout that is a text": with_parameter("timeout", string_param="5"),
    "a priority": with_parameter("priority", uint64_param=1),
    "a priority below 0": with_parameter("priority", int64_param=-1),
    "a parameter of the model's own": with_parameter("temperature", double_param=0.5),
    "a parameter that Triton keeps for itself": with_parameter("triton_nope", bool_param=True),
}


def answer_of(stub, request):
    """The code and, if it is OK, the whole answer."""
    try:
        return "OK", stub.ModelInfer(request, timeout=PATIENCE).SerializeToString(deterministic=True)
    except grpc.RpcError as error:
        return error.code().name, error.details()


def conformance(direct, proxy):
    direct, proxy = stub_of(direct), stub_of(proxy)
    differ = 0
    for name, request in CASES.items():
        expected, found = answer_of(direct, request), answer_of(proxy, request)
        good = found == expected if expected[0] == "OK" else found[0] == expected[0]
        differ += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}: {expected[0]}" + ("" if good else f", not {found}"))
    return differ == 0


def tensor(name, values, datatype):
    made = tritonclient.grpc.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


@functools.cache
def sentences():
    return "\n".join(path.read_text() for path in sorted(SOURCES.rglob("*.cc")))


def inputs(model, draw):
    rows = draw.randint(1, MOST_ROWS)
    if model == "minilm":
        start = draw.randrange(len(sentences()))
        text = (sentences()[start:] + "x")[: int(600 ** draw.random()) + 1]
        return [tensor("text", numpy.array([[text.encode()]], dtype=numpy.object_), "BYTES")]
    if model == "text":
        texts = [[bytes(draw.randrange(256) for _ in range(draw.randint(0, 60)))] for _ in range(rows)]
        return [tensor("text", numpy.array(texts, dtype=numpy.object_), "BYTES")]
    length = draw.randint(1, 60)
    ids = numpy.array([[draw.randint(-1000, 600) for _ in range(length)] for _ in range(rows)], dtype=numpy.int64)
    return [tensor("input_ids", ids, "INT64"), tensor("attention_mask", numpy.ones_like(ids), "INT64")]


def in_parallel(callers, call):
    """Runs call(number) for each caller; every exception is a failure."""
    failures = []

    def guarded(number):
        try:
            call(number)
        except Exception as error:  # whatever it is, the check fails
            failures.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures[:3]:
        print("FAIL", failure)
    return not failures


def equal(model, found, expected):
    if model != "minilm":
        return found.get_response() == expected.get_response()
    found, expected = found.as_numpy("answer"), expected.as_numpy("answer")
    return found.shape == expected.shape and numpy.abs(found - expected).max() <= TOLERANCE


def same(direct, proxy, model, requests, callers):
    """Each caller asks for the answers to some requests alone first, and then sends these again and again."""
    callers = int(callers)
    each = max(int(requests) // callers, 1)

    def call(number):
        draw = random.Random(number)
        alone, through = (tritonclient.grpc.InferenceServerClient(address) for address in (direct, proxy))
        known = []
        for i in range(min(each, 10 if model == "minilm" else 200)):
            tensors = inputs(model, draw)
            known.append((str(i), tensors, alone.infer(model, tensors, request_id=str(i))))
        for _ in range(each):
            name, tensors, expected = draw.choice(known)
            found = through.infer(
                model, tensors, request_id=name, headers={"x-customer-id": f"customer-{number % 3}"}, client_timeout=PATIENCE
            )
            if not equal(model, found, expected):
                raise AssertionError(f"expected {str(expected.get_response())[:400]}, found {str(found.get_response())[:400]}")

    good = in_parallel(callers, call)
    print(f"{'ok  ' if good else 'FAIL'} {callers} callers, {callers * each} answers of {model}, each as it is alone")
    return good


def stream(direct, proxy):
    requests = [text_request(id="1"), text_request(id="2", model_name="nope"), text_request([b"xy"], id="3")]
    requests += [text_request([b"a" * i], id=str(i)) for i in range(4, 200)]

    def answers(address):
        found = {}
        for answer in stub_of(address).ModelStreamInfer(iter(requests), timeout=PATIENCE):
            found[answer.infer_response.id] = answer.SerializeToString(deterministic=True)
        return found

    good = answers(proxy) == answers(direct) and len(answers(proxy)) == len(requests)
    print(f"{'ok  ' if good else 'FAIL'} a stream of {len(requests)} requests")
    return good


def failures(direct, proxy):
    """The model `tokens` fails on the id 666."""
    bad = numpy.array([[1, 666, 2]], dtype=numpy.int64)

    def call(number):
        draw = random.Random(number)
        alone, through = (tritonclient.grpc.InferenceServerClient(address) for address in (direct, proxy))
        for _ in range(50):
            if number % 4 == 0:
                try:
                    through.infer(
                        "tokens", [tensor("input_ids", bad, "INT64"), tensor("attention_mask", numpy.ones_like(bad), "INT64")]
                    )
                except tritonclient.grpc.InferenceServerException as error:
                    if "the number of the beast" in str(error):
                        continue
                    raise
                raise AssertionError("the bad request was answered")
            tensors = inputs("tokens", draw)
            expected, found = (client.infer("tokens", tensors).get_response() for client in (alone, through))
            if expected != found:
                raise AssertionError(f"expected {str(expected)[:400]}, found {str(found)[:400]}")

    good = in_parallel(16, call)
    print(f"{'ok  ' if good else 'FAIL'} every bad request fails alone, with the model's own words")
    return good


def calls(direct, proxy):
    direct, proxy = (tritonclient.grpc.InferenceServerClient(address) for address in (direct, proxy))
    statistics = proxy.get_inference_statistics("text").model_stats[0]
    checks = {
        "it is live": proxy.is_server_live(),
        "it is ready": proxy.is_server_ready(),
        "the model is ready": proxy.is_model_ready("text"),
        "another model is not": not proxy.is_model_ready("nope"),
        "the metadata are the server's": proxy.get_model_metadata("text") == direct.get_model_metadata("text"),
        "so is the configuration": proxy.get_model_config("text") == direct.get_model_config("text"),
        "statistics are there": statistics.inference_count > 0 and statistics.last_inference > 0,
        "they tell batches by their rows": statistics.inference_count
        == sum(batches.batch_size * batches.compute_infer.count for batches in statistics.batch_stats),
        "the repository is one model": [m.name for m in proxy.get_model_repository_index().models] == ["text"],
        "the server is the proxy": proxy.get_server_metadata().name == "smartbatch-proxy",
    }
    for refused in (proxy.get_trace_settings, proxy.get_system_shared_memory_status, lambda: proxy.load_model("text")):
        try:
            refused()
            checks[f"{refused} is refused"] = False
        except tritonclient.grpc.InferenceServerException as error:
            checks[f"{error.message()}"] = error.status() == "StatusCode.UNIMPLEMENTED"
    for name, good in checks.items():
        print("ok  " if good else "FAIL", name)
    return all(checks.values())


CHECKS = {"conformance": conformance, "same": same, "stream": stream, "failures": failures, "calls": calls}
if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]](*sys.argv[2:]) else 1)
