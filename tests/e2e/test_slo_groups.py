"""Groups of SLOs: each is counted as it would be alone, and the whole is exact whatever their number."""

import collections
import json
import random
import time

from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canonical import REQUESTS
from everything import attributes
from test_slo import SECOND, SLICE, counted, find, look, put, spec

Row = collections.namedtuple("Row", "span service route start failed")


def grouped(name, by):
    text = spec(name, "spans", "{ }", "{ status != error }")
    return text.replace(f"  name: {name}\n", f"  name: {name}\n  annotations:\n    binnacle/group-by: {by}\n", 1)


def request(rows):
    def span(row):
        return Span(
            trace_id=row.span.to_bytes(16, "big"),
            span_id=row.span.to_bytes(8, "big"),
            name="call",
            start_time_unix_nano=row.start,
            end_time_unix_nano=row.start,
            status=Status(code=Status.STATUS_CODE_ERROR if row.failed else Status.STATUS_CODE_OK),
            attributes=attributes({"http.route": row.route} if row.route is not None else {}),
        )

    by_service = collections.defaultdict(list)
    for row in rows:
        by_service[row.service].append(span(row))
    return REQUESTS["traces"](
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes({"service.name": service})),
                scope_spans=[ScopeSpans(spans=spans)],
            )
            for service, spans in by_service.items()
        ]
    )


def count(rows, group):
    """Each span once: group → slice → (good, total)."""
    groups = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    for row in set(rows):
        of = groups[group(row)][row.start // SLICE * SLICE]
        of[0] += not row.failed
        of[1] += 1
    return {name: {at: tuple(of) for at, of in slices.items()} for name, slices in groups.items()}


def by_table(server, name):
    """What SQL says of each group; `None` is the whole."""
    sql = f"""SELECT "group", CAST(slice AS BIGINT), good, total FROM slo_slices WHERE slo = '{name}'"""
    groups = collections.defaultdict(dict)
    for group, at, good, total in server.query(sql, "default"):
        groups[group or None][int(at)] = (int(good), int(total))
    return dict(groups)


def by_api(server, name, group):
    params = {"start": "0", "end": str(time.time_ns() + 3600 * SECOND), "group": group}
    answer = server.call("GET", f"/api/v1/slos/{name}/slices", params=params)
    assert answer.status_code == 200, answer.text
    return counted(answer.json()["slices"])


def key(row):
    return json.dumps([row.service, row.route or ""], separators=(",", ":"))


def test_groups_equal_a_recount_whatever_happens_to_the_rows(new_server):
    numbers = random.Random(3)
    server = new_server()
    put(server, grouped("by-route", "service, span.http.route"))
    now, sent = time.time_ns(), []
    for step in range(16):
        rows = [
            Row(
                span=numbers.getrandbits(60) + 1,
                service=numbers.choice(["cart", "pay"]),
                route=numbers.choice(["/a", "/b", '/"c"', None]),
                # Some come so late that of their hours the sums alone are in memory.
                start=now - numbers.randrange(numbers.choice([600, 4 * 86_400])) * SECOND,
                failed=numbers.random() < 0.2,
            )
            for _ in range(numbers.randrange(5, 40))
        ]
        rows += numbers.sample(sent, min(len(sent), numbers.randrange(20)))
        sent += rows
        server.send("traces", request(rows))
        match numbers.randrange(6):
            case 0:
                server.flush()
            case 1:
                server.flush()
                server.compact()
            case 2:
                server.crash()
        if step % 4 == 3:
            look(server)
            expected = count(sent, key)
            expected[None] = count(sent, lambda row: None)[None]
            assert by_table(server, "by-route") == expected, f"step {step}"
    # Another counts what is stored already.
    put(server, grouped("later", "service, span.http.route").replace("{ }", "{ kind != client }"))
    look(server)
    assert by_table(server, "later") == expected
    for group, slices in expected.items():
        if group:
            assert by_api(server, "by-route", group) == slices
    objective = find(server, "by-route")["objectives"][0]
    assert objective["group_by"] == ["service", "span.http.route"]
    assert objective["groups_alive"] == 8 and not objective["has_overflow"]
    answer = server.call("GET", "/api/v1/slos/by-route/groups").json()
    names = [of["group"] for of in answer["groups"]]
    assert {"service": "cart", "span.http.route": ""} in names and len(names) == 8
    for of in answer["groups"]:
        slices = expected[json.dumps([of["group"]["service"], of["group"]["span.http.route"]], separators=(",", ":"))]
        closed = [slice for at, slice in slices.items() if at < int(of["status"]["until"])]
        assert of["status"]["events"]["good"] == sum(good for good, _ in closed)
        assert of["status"]["events"]["total"] == sum(total for _, total in closed)
    left = [of["status"]["budget"]["remaining"] for of in answer["groups"]]
    assert left == sorted(left)


def test_beyond_the_limit_the_whole_is_exact_and_the_rest_is_one_group(new_server):
    server = new_server()
    put(server, grouped("users", "span.http.route"))
    now = time.time_ns() - 60 * SECOND
    rows = [
        Row(span=number + 1, service="shop", route=f"/user/{number % 700}", start=now, failed=number % 7 == 0)
        for number in range(2_100)
    ]
    for start in range(0, len(rows), 300):
        server.send("traces", request(rows[start : start + 300]))
        if start == 900:
            look(server)
            server.crash()
    look(server)
    groups = by_table(server, "users")
    whole = groups.pop(None)
    assert whole == count(rows, lambda row: None)[None]
    assert len(groups) == 501 and "overflow" in groups
    sums = collections.defaultdict(lambda: [0, 0])
    for slices in groups.values():
        for at, (good, total) in slices.items():
            sums[at][0] += good
            sums[at][1] += total
    assert {at: tuple(of) for at, of in sums.items()} == whole
    single = count(rows, lambda row: json.dumps([row.route]))
    for name, slices in groups.items():
        if name != "overflow":
            assert slices == single[name]
    # What is explained of the overflow leaves out the groups that have a place of their own.
    answer = server.call("GET", "/api/v1/slos/users/explain", params={"group": "overflow"})
    assert answer.status_code == 200, answer.text
    window = answer.json()["window"]
    good, total = map(sum, zip(*groups["overflow"].values(), strict=True))
    assert (window["good"], window["bad"]) == (good, total - good) and total == 600
