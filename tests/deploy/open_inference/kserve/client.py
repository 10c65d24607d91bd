"""client.py CHECK DIRECT PROXY...: KServe's own client, unchanged, through the proxy and at KServe's server itself.

same DIRECT PROXY MODEL FORM N CALLERS   every answer through the proxy is the one without batching: to raw contents byte
                                         for byte, to typed ones with the same values; FORM is raw or typed
calls DIRECT PROXY MODEL                 the calls that the client makes before it sends requests, and its errors
"""
import asyncio
import logging
import random
import sys

import grpc
import kserve
import numpy

logging.disable(logging.CRITICAL)  # the client logs errors that are expected here


def input_of(name, values, datatype, form):
    made = kserve.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=form == "raw")
    return made


def request_of(model, form, draw, number):
    rows = draw.randint(1, 3)
    if model == "text":
        most = 256 if form == "raw" else 128  # typed texts must be UTF-8 to this client
        texts = [[bytes(draw.randrange(most) for _ in range(draw.randint(0, 60)))] for _ in range(rows)]
        inputs = [input_of("text", numpy.array(texts, dtype=numpy.object_), "BYTES", form)]
    else:
        length = draw.randint(1, 60)
        ids = numpy.array([[draw.randint(-1000, 600) for _ in range(length)] for _ in range(rows)], dtype=numpy.int64)
        inputs = [input_of("input_ids", ids, "INT64", form), input_of("attention_mask", numpy.ones_like(ids), "INT64", form)]
    return kserve.InferRequest(model, inputs, request_id=str(number))


def values_of(answer):
    return answer.id, answer.model_name, [(o.name, o.datatype, o.shape, o.as_numpy().tolist()) for o in answer.outputs]


async def same(direct, proxy, model, form, requests, callers):
    callers = int(callers)
    each = int(requests) // callers
    shown = (lambda answer: answer.to_grpc().SerializeToString(deterministic=True)) if form == "raw" else values_of

    async def call(number):
        draw = random.Random(number)
        alone, through = (kserve.InferenceGRPCClient(address) for address in (direct, proxy))
        for i in range(each):
            request = request_of(model, form, draw, i)
            expected = await alone.infer(request)
            found = await through.infer(request, headers=[("x-customer-id", f"customer-{number % 3}")])
            if shown(found) != shown(expected):
                raise AssertionError(f"expected {str(expected.to_grpc())[:400]}, found {str(found.to_grpc())[:400]}")

    failures = [e for e in await asyncio.gather(*map(call, range(callers)), return_exceptions=True) if e is not None]
    for failure in failures[:3]:
        print("FAIL", repr(failure))
    print(f"{'FAIL' if failures else 'ok  '} {callers} callers, {callers * each} answers of {model}, {form}, each as it is alone")
    return not failures


async def code_of(call):
    try:
        await call
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


async def calls(direct, proxy, model):
    direct, proxy = (kserve.InferenceGRPCClient(address) for address in (direct, proxy))
    draw = random.Random(1)
    misnamed = kserve.InferRequest(model, [input_of("nope", numpy.array([[1]]), "INT64", "raw")])
    unknown = request_of(model, "raw", draw, 1)
    unknown.model_name = "nope"
    checks = {
        "it is live": await proxy.is_server_live(),
        "it is ready": await proxy.is_server_ready(),
        "the model is ready": await proxy.is_model_ready(model),
        "another model is not found": {await code_of(c.infer(unknown)) for c in (direct, proxy)} == {"NOT_FOUND"},
        "of another model it says that it is not ready, which KServe does not find":
            not await proxy.is_model_ready("nope") and await code_of(direct.is_model_ready("nope")) == "NOT_FOUND",
        "a wrong name reaches a model whose inputs KServe does not tell":
            {await code_of(c.infer(misnamed)) for c in (direct, proxy)} == {"INTERNAL"},
    }
    for name, good in checks.items():
        print("ok  " if good else "FAIL", name)
    return all(checks.values())


CHECKS = {"same": same, "calls": calls}
sys.exit(0 if asyncio.run(CHECKS[sys.argv[1]](*sys.argv[2:])) else 1)
