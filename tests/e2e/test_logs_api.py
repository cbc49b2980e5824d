"""`GET /api/v1/logs`: the language, and pages that stay put while rows move from buffer to segments."""

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from canonical import REQUESTS
from everything import T0, any_value, attributes, span_id, trace_id

SECOND = 1_000_000_000
#: Number of each record: its service, severity, body, attributes.
RECORDS = {
    1: ("cart", 9, "connection refused by peer", {"user": "ann", "code": 500, "took": 1.5}),
    2: ("cart", 17, "connection was refused", {"user": "bob", "code": 404}),
    3: ("orders", 9, "order 4711 completed in 12 ms", {"user": "ann", "code": 200, "took": 0.5}),
    4: ("orders", 17, "deadlock detected, retrying", {"user": "eve", "ok": False}),
    5: ("orders", 5, "Deadlock not DETECTED", {"ok": True}),
    6: ("pay", 21, 'said "no, thanks" and left', {"code": 500, "http.route": "/pay/{id}"}),
    7: ("pay", 9, "straße über alles", {}),
    8: ("pay", 13, {"event": "refund", "amount": 3}, {"user": "ann smith"}),
}


def request_for(records):
    groups = {}
    for number, (service, severity, body, values) in records.items():
        record = LogRecord(
            time_unix_nano=T0 + number * SECOND,
            severity_number=severity,
            severity_text={9: "INFO", 17: "ERROR", 5: "DEBUG", 21: "FATAL", 13: "WARN"}[severity],
            body=any_value(body),
            attributes=attributes(values | {"number": number}),
            trace_id=trace_id(number % 2 + 1),
            span_id=span_id(number),
        )
        groups.setdefault(service, []).append(record)
    return REQUESTS["logs"](
        resource_logs=[
            ResourceLogs(
                resource=Resource(attributes=attributes({"service.name": service, "zone": "z1"})),
                scope_logs=[ScopeLogs(log_records=group)],
            )
            for service, group in groups.items()
        ]
    )


@pytest.fixture(scope="module", params=["buffered", "flushed", "compacted", "mixed"])
def place(request, server):
    """The tenant whose records lie in that place."""
    tenant = request.param
    halves = [dict(list(RECORDS.items())[:4]), dict(list(RECORDS.items())[4:])]
    server.send("logs", request_for(halves[0]), tenant=tenant)
    if tenant != "buffered":
        server.flush()
    server.send("logs", request_for(halves[1]), tenant=tenant)
    if tenant in ("flushed", "compacted"):
        server.flush()
    if tenant == "compacted":
        server.compact()
    return tenant


def numbers(found):
    return [dict(log["attributes"])["number"][1] for log in found]


@pytest.mark.parametrize(
    "query, expected",
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("refused", [2, 1]),
        ("REFUSED", [2, 1]),
        ("connection refused", [2, 1]),
        ('"connection refused"', [1]),
        ('"refused connection"', []),
        ('"deadlock detected"', [4]),
        ("deadlock NOT retrying", [5]),
        ("deadlock AND NOT retrying", [5]),
        ("deadlock OR straße", [7, 5, 4]),
        ("(deadlock OR refused) AND user:ann", [1]),
        ("STRAßE ÜBER", [7]),
        ("refus*", [2, 1]),
        ("-refused connection", []),
        ("code:[404 TO 500]", [6, 2, 1]),
        ("user:(ann OR bob)", [3, 2, 1]),
        ("took:*", [3, 1]),
        ("resource.zone:z1 service:cart", [2, 1]),
        ("4711", [3]),
        ("user:ann", [3, 1]),
        ('user:"ann smith"', [8]),
        ("code:500", [6, 1]),
        ("code:>=404", [6, 2, 1]),
        ("code:>404", [6, 1]),
        ("code:<404", [3]),
        ("took:>1", [1]),
        ("ok:true", [5]),
        ("ok:false", [4]),
        ('http.route:"/pay/{id}"', [6]),
        ("service:orders", [5, 4, 3]),
        ("severity:ERROR", [4, 2]),
        ("severity:>=error", [6, 4, 2]),
        ("NOT service:orders NOT service:pay", [2, 1]),
        ("service:pay code:500", [6]),
        (f"trace_id:{trace_id(1).hex()}", [8, 6, 4, 2]),
        (f"span_id:{span_id(3).hex()}", [3]),
        ("refund", [8]),
        ("nowhere", []),
        ("user:nobody", []),
    ],
)
def test_a_query_finds(server, place, query, expected):
    assert numbers(server.logs(query, place)) == expected


def test_times_bound_the_answer(server, place):
    def between(**bounds):
        return numbers(server.logs("", place, **bounds))

    assert between(start=T0 + 3 * SECOND) == [8, 7, 6, 5, 4, 3]
    assert between(end=T0 + 3 * SECOND) == [2, 1]
    assert between(start=T0 + 2 * SECOND, end=T0 + 5 * SECOND) == [4, 3, 2]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
def test_pages_hold_everything_once(server, place, limit):
    assert numbers(server.logs("", place, limit=limit)) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert numbers(server.logs("connection OR deadlock", place, limit=limit)) == [5, 4, 2, 1]


def many(first, count):
    return {n: ("bulk", 9, f"row {n}", {}) for n in range(first, first + count)}


def test_pages_stay_put_while_rows_move(new_server):
    """Between pages the rows are flushed, compacted, and the server is killed; newer rows arrive."""
    server = new_server()
    server.send("logs", request_for(many(1, 40)))
    page = server.log_page("row", limit=7)
    found = page["logs"]
    steps = iter([server.flush, lambda: server.send("logs", request_for(many(100, 5))),
                  server.compact, server.crash, server.flush, server.compact])
    while page["cursor"]:
        next(steps, lambda: None)()
        page = server.log_page("row", limit=7, cursor=page["cursor"])
        found += page["logs"]
    assert [log["attributes"]["number"] for log in found] == list(range(40, 0, -1))


def test_rows_of_one_moment_are_paged_once_each(new_server):
    server = new_server()
    message = request_for(many(1, 50))
    for group in message.resource_logs:
        for record in group.scope_logs[0].log_records:
            record.time_unix_nano = T0
    server.send("logs", message)
    found, page = [], {"cursor": None}
    steps = iter([server.flush, server.compact, server.crash])
    while True:
        more = {"cursor": page["cursor"]} if page["cursor"] else {}
        page = server.log_page("", limit=12, **more)
        found += [log["attributes"]["number"] for log in page["logs"]]
        if not page["cursor"]:
            break
        next(steps, lambda: None)()
    assert sorted(found) == list(range(1, 51))


@pytest.mark.parametrize("query", ["(", "a AND", '"open', "code:>=", "NOT", "a OR OR b", ")"])
def test_a_wrong_query_says_where(server, query):
    answer = server.call("GET", "/api/v1/logs", params={"query": query})
    assert answer.status_code == 400, answer.text
    said = answer.json()["error"]
    assert said["code"] == "parse_error" and said["message"]
    assert said["position"]["column"] >= 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": "100000000"},
        {"cursor": "made up"},
        {"start": "yesterday-ish"},
        {"start": "2", "end": "1"},
        {"unknown": "1"},
    ],
)
def test_wrong_parameters_are_refused(server, parameters):
    answer = server.call("GET", "/api/v1/logs", params=parameters)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


def test_the_answer_tells_what_it_cost(server, place):
    stats = server.log_page("deadlock", place)["stats"]
    assert stats["rows_scanned"] >= 0 and stats["segments"] >= 0
