"""SLOs that are made of others: what they come to equals what DuckDB computes from the files, and their timeline a recount."""

import collections
import random
import time

import duckdb
import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canonical import REQUESTS
from everything import attributes
from test_slo import LOOK_SECONDS_MAX, SECOND, SLICE, counted, find, look, put, spec, wait

Row = collections.namedtuple("Row", "trace span service start duration failed")
SERVICES = ["cart", "pay", "ship"]
MINUTE = 60 * SECOND


def composite(name, kind, method="Occurrences", objective="target: 0.99", weights=(1, 1, 1), members=""):
    """An objective for each service, and the whole."""
    objectives = "".join(
        f"""
    - displayName: {service}
      {objective.replace(", ", chr(10) + "      ")}
      compositeWeight: {weight}
      indicator:
        metadata: {{name: {service}}}
        spec:
          ratioMetric:
            total: {{metricSource: {{type: spans, spec: {{query: '{{ resource.service.name = "{service}" }}'}}}}}}
            good: {{metricSource: {{type: spans, spec: {{query: '{{ status != error }}'}}}}}}"""
        for service, weight in zip(SERVICES, weights, strict=True)
    )
    said = f"\n    binnacle/members: {members}" if members else ""
    return f"""apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
  annotations:
    binnacle/composite: {kind}{said}
spec:
  service: shop
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: {method}
  objectives:{objectives}
"""


def request(rows):
    def span(row):
        return Span(
            trace_id=row.trace.to_bytes(16, "big"),
            span_id=row.span.to_bytes(8, "big"),
            name="step",
            start_time_unix_nano=row.start,
            end_time_unix_nano=row.start + row.duration,
            status=Status(code=Status.STATUS_CODE_ERROR if row.failed else Status.STATUS_CODE_OK),
        )

    groups = collections.defaultdict(list)
    for row in rows:
        groups[row.service].append(span(row))
    return REQUESTS["traces"](
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes({"service.name": service})),
                scope_spans=[ScopeSpans(spans=spans)],
            )
            for service, spans in groups.items()
        ]
    )


def some_rows(numbers, now):
    """Spans of traces that are some seconds long each, most of them of one service."""
    rows = []
    for _ in range(numbers.randrange(5, 60)):
        trace = numbers.randrange(1, 200)
        # A trace has a time of its own, so that its spans are of one journey, or of three.
        begin = now - (120 + trace * 7 % 500) * SECOND + numbers.choice([0, 0, 0, 8, 18]) * SECOND
        service = numbers.choice(["cart"] * 8 + ["pay"] * 3 + ["ship"])
        rows.append(
            Row(
                trace=trace,
                span=numbers.getrandbits(60) + 1,
                service=service,
                start=begin + numbers.randrange(4 * SECOND),
                duration=numbers.randrange(4 * SECOND),
                failed=numbers.random() < {"cart": 0.02, "pay": 0.3, "ship": 0.5}[service],
            )
        )
    return rows


ONCE = """
    WITH once AS (
        SELECT DISTINCT trace_id, span_id, service, name, kind, epoch_ns(start_time) AS start, epoch_ns(start_time) + duration AS ends,
               status_code <> 2 AS is_good
        FROM read_parquet({files}))
"""
#: Good and all spans of each service, of what had ended in slices before a time.
COUNTS = """
    SELECT service, sum(CASE WHEN is_good THEN 1 ELSE 0 END), count(*) FROM once
    WHERE ends // 10000000000 * 10000000000 < {until} GROUP BY service
"""
#: Minutes before a time, each bad if fewer than 90 % of a service's spans in it were good.
MINUTES = """
    , judged AS (
        SELECT ends // 60000000000 AS minute, service, sum(CASE WHEN is_good THEN 1 ELSE 0 END) * 10 >= count(*) * 9 AS is_good
        FROM once WHERE ends // 60000000000 * 60000000000 < {until} GROUP BY 1, 2),
    whole AS (SELECT minute, min(CASE WHEN is_good THEN 1 ELSE 0 END) AS good FROM judged GROUP BY minute)
    SELECT sum(good), count(*) FROM whole
"""
#: Journeys of traces, each from a span of the cart before which none began for five seconds: good if each service had a good span
#: that ended in the five seconds from there, and did not begin more than five before.
JOURNEYS = """
    , first AS (SELECT DISTINCT trace_id, start FROM once WHERE service = 'cart'),
    begun AS (
        SELECT trace_id, start AS begun FROM first WHERE NOT EXISTS (
            SELECT 1 FROM first AS other
            WHERE other.trace_id = first.trace_id AND other.start < first.start AND other.start >= first.start - 5000000000)),
    judged AS (
        SELECT begun, count(DISTINCT CASE
            WHEN is_good AND start >= begun - 5000000000 AND ends >= begun AND ends <= begun + 5000000000 THEN service END) = 3 AS is_good
        FROM begun JOIN once USING (trace_id) GROUP BY trace_id, begun)
    SELECT (begun + 5000000000) // 10000000000 * 10000000000 AS slice, sum(CASE WHEN is_good THEN 1 ELSE 0 END), count(*)
    FROM judged GROUP BY slice
"""


def ask_files(server, sql, **words):
    files = [str(path) for path in server.segments("spans", "default")]
    return duckdb.connect().execute((ONCE + sql).format(files=files, **words)).fetchall()


def whole(server, name):
    return find(server, name)["objectives"][-1]


def slices(server, name, objective):
    params = {"start": "0", "end": str(time.time_ns() + 3600 * SECOND), "objective": objective}
    answer = server.call("GET", f"/api/v1/slos/{name}/slices", params=params)
    assert answer.status_code == 200, answer.text
    return counted(answer.json()["slices"])


@pytest.mark.parametrize("seed", [1, 2])
def test_composites_and_journeys_equal_what_the_files_say(new_server, seed):
    print(f"seed {seed}")
    numbers = random.Random(seed)
    server = new_server()
    weights = (1, 3, 2)
    put(server, composite("mean", "weighted", weights=weights))
    put(server, composite("slices", "any-bad", "Timeslices", "target: 0.95, timeSliceTarget: 0.9"))
    put(server, composite("steps", "journey 5s"))
    now, sent = time.time_ns(), []
    for step in range(16):
        rows = some_rows(numbers, now) + numbers.sample(sent, min(len(sent), numbers.randrange(20)))
        numbers.shuffle(rows)
        sent += rows
        server.send("traces", request(rows))
        match numbers.randrange(7):
            case 0 | 1:
                server.flush()
            case 2:
                server.flush()
                server.compact()
            case 3 if step % 2:
                server.crash()
        if step % 5 == 4:
            server.flush()
            look(server)
            check(server, weights)
    # Those that come later count what is stored.
    put(server, composite("later-mean", "weighted", weights=weights))
    put(server, composite("later-steps", "journey 5s"))
    server.flush()
    server.compact()
    look(server)
    check(server, weights)
    check(server, weights, "later-")
    # A backtest of the same text comes to the same.
    text = composite("mean", "weighted", weights=weights)
    end = whole(server, "mean")["status"]["until"]
    params = {"start": str(int(end) - 60 * SECOND), "end": end}
    answer = server.call("POST", "/api/v1/slos/backtest", params=params, data=text)
    assert answer.status_code == 200, answer.text
    objectives = answer.json()["slos"][0]["objectives"]
    assert len(objectives) == 4
    close = pytest.approx(whole(server, "mean")["status"]["sli"], abs=1e-9)
    assert objectives[3]["status"]["sli"] == close


def check(server, weights, prefix=""):
    """All events are long past, and every member is counted as far as now."""
    objectives = find(server, f"{prefix}mean")["objectives"]
    status = objectives[-1]["status"]
    counts = {service: (int(good), total) for service, good, total in ask_files(server, COUNTS, until=status["until"])}
    for objective in objectives[:-1]:
        events = objective["status"]["events"]
        assert (events["good"], events["total"]) == counts.get(objective["name"], (0, 0)), objective
    weighted = dict(zip(SERVICES, weights, strict=True))
    of = [(good / total, weighted[service]) for service, (good, total) in counts.items()]
    expected = sum(share * weight for share, weight in of) / sum(weight for _, weight in of)
    assert status["sli"] == pytest.approx(expected, abs=1e-9)
    # The whole's target is 99 %, as that of all.
    assert status["budget"]["consumed"] == pytest.approx((1 - expected) / 0.01, abs=1e-6)
    expected = counted(ask_files(server, JOURNEYS))
    assert slices(server, f"{prefix}steps", 3) == expected
    if prefix:
        return
    objective = whole(server, "slices")
    [(good, total)] = ask_files(server, MINUTES, until=objective["status"]["until"])
    assert objective["composite"]["kind"] == "any-bad"
    assert objective["status"]["counted"] == {"good": good, "total": total, "bad": total - good}


def test_what_is_made_of_others_says_so(new_server):
    server = new_server()
    members = "ship no-data=bad delay=10m"
    put(server, composite("mean", "weighted target=0.95", weights=(1, 3, 1), members=members))
    # So long ago that all of it is closed, however late it came.
    now = time.time_ns() - 300 * SECOND
    sent = [
        Row(trace=n + 1, span=n + 1, service="cart" if n % 2 else "pay", start=now, duration=0, failed=False)
        for n in range(20)
    ]
    server.send("traces", request(sent))
    look(server)
    objective = whole(server, "mean")
    assert (objective["name"], objective["target"]) == ("weighted", "95%")
    assert objective["composite"]["members"][2] == {"weight": 1.0, "no_data": "bad", "delay_seconds": 600}
    # Two members are wholly good, and the one without data is bad.
    assert objective["status"]["sli"] == pytest.approx(0.8, abs=1e-9)
    ask = {"candidate": "service.version:2", "start": str(now - 3600 * SECOND)}
    answer = server.call("GET", "/api/v1/slos/mean/gate", params=ask | {"objective": 3})
    assert answer.status_code == 400, answer.text
    assert "one of its members" in answer.json()["error"]["hint"]
    answer = server.call("GET", "/api/v1/slos/mean/gate", params=ask | {"objective": 0})
    assert answer.status_code == 200, answer.text
    grouped = composite("mean", "weighted\n    binnacle/group-by: name")
    answer = server.call("POST", "/api/v1/slos/check", data=grouped)
    assert answer.status_code == 400 and "binnacle/group-by" in answer.text


def timeline(server, name, **params):
    answer = server.call("GET", f"/api/v1/slos/{name}/timeline", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def spans(at, count, failed):
    return [
        Row(trace=at + n, span=at + n, service="cart", start=at, duration=0, failed=n < failed) for n in range(count)
    ]


def test_past_periods_are_judged_by_the_targets_then_in_force(new_server):
    server = new_server()
    text = spec("promise", "spans", "{ }", "{ status != error }", objective="target: 0.99")
    put(server, text)
    server.send("traces", request(spans(time.time_ns() - 40 * SECOND, 100, 2)))
    # What comes after the edit is to lie in a slice of its own.
    time.sleep(10 - time.time() % 10 + 0.5)
    put(server, text.replace("0.99", "0.9"))
    edited = time.time_ns() // SECOND * SECOND
    time.sleep(10 - time.time() % 10 + 0.5)
    server.send("traces", request(spans(time.time_ns(), 100, 5)))
    is_closed = lambda slo: slo["objectives"][0]["status"]["events"]["total"] == 200  # noqa: E731
    wait(server, "promise", is_closed, seconds=3 * LOOK_SECONDS_MAX)
    answer = timeline(server, "promise", periods=3)
    first, second = answer["promises"]
    assert (first["target"], second["target"]) == ("99%", "90%")
    assert first["end"] == second["start"] and abs(int(second["start"]) - edited) <= SECOND
    assert first["generation"] == second["generation"] == 1
    present, *past = answer["periods"]
    assert present["is_open"] and present["targets"] == ["99%", "90%"]
    assert present["counted"] == {"good": 193, "total": 200, "bad": 7}
    # A budget of 1 of the first hundred events and of 10 of the others.
    split = int(second["start"])
    sums = [[sum(of[1] for at, of in slices(server, "promise", 0).items() if (at < split) == is_first)] for is_first in (True, False)]
    assert sums == [[100], [100]]
    assert present["budget"]["consumed"] == pytest.approx(7 / 11, abs=1e-9)
    assert [period["budget"]["consumed"] for period in past] == [None, None]
    # What is counted otherwise is another generation, and is counted from the beginning.
    put(server, text.replace("{ }", "{ kind != client }"))
    look(server)
    # In force since the second before.
    time.sleep(1.1)
    answer = timeline(server, "promise", periods=1)
    assert [promise["generation"] for promise in answer["promises"]] == [1, 1, 2]
    assert answer["periods"][0]["targets"] == ["99%"]
    assert answer["periods"][0]["budget"]["consumed"] == pytest.approx(3.5, abs=1e-9)
    assert server.call("GET", "/api/v1/slos/nothing/timeline").status_code == 404
    assert server.call("GET", "/api/v1/slos/promise/timeline", params={"objective": 7}).status_code == 400
