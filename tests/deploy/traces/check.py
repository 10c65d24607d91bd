#!/usr/bin/env python3
"""check.py FILE BEGAN ENDED BACKEND: what the Collector wrote of the calls that traces.sh made between two moments.

FILE has a line of OTLP's JSON for each export; BEGAN and ENDED are nanoseconds since 1970.
"""
import json
import sys

CALLERS = 12
MS = 1_000_000


def value_of(attribute):
    kind, value = next(iter(attribute["value"].items()))
    return int(value) if kind == "intValue" else value


def spans_of(path):
    spans = []
    for line in open(path, encoding="utf-8"):
        for resource in json.loads(line)["resourceSpans"]:
            about = {each["key"]: value_of(each) for each in resource["resource"]["attributes"]}
            assert about["service.name"] == "smartbatch-proxy", about
            for scope in resource["scopeSpans"]:
                spans += scope["spans"]
    for span in spans:
        span["attributes"] = {each["key"]: value_of(each) for each in span.get("attributes", [])}
        span["start"] = int(span["startTimeUnixNano"])
        span["end"] = int(span["endTimeUnixNano"])
    return spans


def main():
    path, began, ended, backend = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    text = open(path, encoding="utf-8").read()
    assert "secret" not in text, "a text of a customer has left"
    spans = spans_of(path)
    named = lambda name: [span for span in spans if span["name"] == name]
    requests, queues, batches = named("request"), named("queue"), named("batch")
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans), "a span was sent twice"
    for span in spans:
        assert began <= span["start"] <= span["end"] <= ended, (span, began, ended)

    # Each caller's trace holds its request, below the caller's span, and the request's time in the queue.
    assert len(requests) == CALLERS, len(requests)
    assert len(queues) == CALLERS, len(queues)
    assert {span["traceId"] for span in requests} == {f"{0xabc000 + i:032x}" for i in range(1, CALLERS + 1)}
    for request in requests:
        assert int(request["parentSpanId"], 16) == int(request["traceId"], 16) - 0xabc000, request
        assert request["kind"] == 2, request  # server
        about = request["attributes"]
        assert about["smartbatch.customer"] == "alice", about
        assert about["smartbatch.request_id"] == "order-7", about
        assert about["smartbatch.outcome"] == "answered", about
        assert (about["smartbatch.sequences"], about["smartbatch.longest"]) == (2, 200), about
        queue = next(span for span in queues if span["parentSpanId"] == request["spanId"])
        assert queue["traceId"] == request["traceId"], queue
        assert queue["start"] == request["start"], queue
        # Its links lead to the batches that carried it; the last of them began when the queue's span ended.
        carriers = [by_id[link["spanId"]] for link in request["links"]]
        assert carriers and all(span["name"] == "batch" for span in carriers), request
        assert [link["traceId"] for link in request["links"]] == [span["traceId"] for span in carriers], request
        assert max(span["start"] for span in carriers) == queue["end"], (carriers, queue)
        assert max(span["end"] for span in carriers) <= request["end"] + MS, (carriers, request)

    # The batches carried every sequence once, and took the time that their longest sequence takes: 1 us a squared
    # character.
    assert sum(batch["attributes"]["smartbatch.sequences"] for batch in batches) == 2 * CALLERS, batches
    for batch in batches:
        about = batch["attributes"]
        assert batch["kind"] == 3 and not batch.get("parentSpanId"), batch  # client
        assert about["smartbatch.backend"] == backend, about
        assert about["rpc.grpc.status_code"] == 0, about
        carried = [span for span in requests if batch["spanId"] in [link["spanId"] for link in span["links"]]]
        assert len(carried) == about["smartbatch.requests"], batch
        took = batch["end"] - batch["start"]
        least = about["smartbatch.longest"] ** 2 * 1000
        assert least <= took <= least + 500 * MS, (took, batch)
    assert len({batch["spanId"] for batch in batches}) < CALLERS, "no two requests shared a batch"
    print(f"ok   {len(requests)} requests below their callers, linked to {len(batches)} batches; nothing unsampled")


main()
