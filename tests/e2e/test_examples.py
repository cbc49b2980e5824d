"""The OTLP specification's own JSON examples, posted as they are."""

import json

import pytest
from google.protobuf import json_format

import canonical
from binnacle import Server
from canonical import REQUESTS
from test_every_field import assert_same

EXAMPLES = {"trace": "traces", "logs": "logs", "events": "logs", "metrics": "metrics"}


def message_of(text, signal):
    """The example as a message: ids are hex in OTLP's JSON and base64 in protobuf's."""
    tree = json.loads(text, object_hook=with_base64_ids)
    return json_format.ParseDict(tree, REQUESTS[signal]())


def with_base64_ids(tree):
    import base64

    ids = ("traceId", "spanId", "parentSpanId")
    return {
        k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else v for k, v in tree.items()
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_specification_comes_back(server: Server, tenant, data, name):
    signal = EXAMPLES[name]
    text = (data / "otlp" / "examples" / f"{name}.json").read_bytes()
    answer = server.post(f"/v1/{signal}", text, {"Content-Type": "application/json"}, tenant)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {}
    message = message_of(text, signal)
    for _ in range(2):
        if signal == "traces":
            sent = canonical.sent_spans(message)
            read = {}
            for trace_id in {trace for trace, _ in sent}:
                read |= server.spans(trace_id, tenant)
            assert_same(sent, read)
        elif signal == "logs":
            sent = sorted(canonical.sent_logs(message), key=repr)
            assert_same(sent, sorted(server.logs(tenant=tenant), key=repr))
        else:
            assert_same(canonical.sent_points(message), server.points(tenant))
        server.flush()
