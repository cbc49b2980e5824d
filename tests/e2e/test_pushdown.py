"""Every kind of predicate, with filter pushdown on and off, over segments that shred an attribute, that keep it in the
tail, that lack it, and over the buffer: the answer is what Python says, and the same each time.
"""

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from binnacle import Server
from canonical import REQUESTS
from everything import T0, attributes

ROWS = 400
#: More keys than a segment has columns for, so that rarer ones go to the tail.
CROWD = {f"crowd.{i}": i for i in range(70)}


def record(place, i):
    """The attributes of row `i` in a place; the keys k, d, s and b have one type each, m has two."""
    values = {
        "k": i % 10,
        "d": i / 8,
        "s": ["", "Alpha", "beta", "50% off", "naïve"][i % 5],
        "b": i % 3 == 0,
        "m": i if i % 2 else f"text {i}",
    }
    if place == "lacking":
        return {"other": i}
    if place == "tail":
        return CROWD | (values if i % 8 == 0 else {})
    if place == "buffer":
        return {key: value for key, value in values.items() if (i + len(key)) % 4}
    return values


PLACES = ["shredded", "tail", "lacking", "buffer"]
SPANS = {
    (place_number, i): {
        "name": f"op {i % 4}",
        "kind": i % 6,
        "duration": i * 1000,
        "start": T0 + i * 1_000_000,
        "service": f"svc-{place}",
        **record(place, i),
    }
    for place_number, place in enumerate(PLACES)
    for i in range(ROWS)
}


def request_of(place):
    number = PLACES.index(place)
    spans = [
        Span(
            trace_id=(1 + number).to_bytes(16, "big"),
            span_id=(1 + number * ROWS + i).to_bytes(8, "big"),
            name=f"op {i % 4}",
            kind=i % 6,
            start_time_unix_nano=T0 + i * 1_000_000,
            end_time_unix_nano=T0 + i * 1_000_000 + i * 1000,
            attributes=attributes(record(place, i)),
        )
        for i in range(ROWS)
    ]
    resource = Resource(attributes=attributes({"service.name": f"svc-{place}"}))
    return REQUESTS["traces"](
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    )


@pytest.fixture(scope="module", params=["on", "off", "compacted"])
def served(request, tmp_path_factory):
    """The same rows: pushdown on, off, and on with all segments compacted into one."""
    pushdown = "false" if request.param == "off" else "true"
    server = Server(
        tmp_path_factory.mktemp("pushdown"), settings={"query.filter_pushdown": pushdown}
    ).start()
    for place in PLACES:
        server.send("traces", request_of(place))
        if place != "buffer":
            server.flush()
    if request.param == "compacted":
        server.flush()
        server.compact()
    yield server
    server.kill()


def has(test, *keys):
    """SQL's comparisons: a missing value matches nothing."""
    return lambda row: all(key in row for key in keys) and test(row)


K, D, S, B, M = (f"attributes['{key}']" for key in "kdsbm")

PREDICATES = [
    ("true", lambda row: True),
    (f"{K} = 5", has(lambda r: r["k"] == 5, "k")),
    (f"{K} <> 5", has(lambda r: r["k"] != 5, "k")),
    (f"{K} > 5", has(lambda r: r["k"] > 5, "k")),
    (f"{K} >= 5", has(lambda r: r["k"] >= 5, "k")),
    (f"{K} < 5", has(lambda r: r["k"] < 5, "k")),
    (f"{K} <= 5", has(lambda r: r["k"] <= 5, "k")),
    (f"5 < {K}", has(lambda r: r["k"] > 5, "k")),
    (f"{K} BETWEEN 3 AND 6", has(lambda r: 3 <= r["k"] <= 6, "k")),
    (f"{K} NOT BETWEEN 3 AND 6", has(lambda r: not 3 <= r["k"] <= 6, "k")),
    (f"{K} IN (1, 3, 99)", has(lambda r: r["k"] in (1, 3), "k")),
    (f"{K} NOT IN (1, 3)", has(lambda r: r["k"] not in (1, 3), "k")),
    (f"{K} IS NULL", lambda r: "k" not in r),
    (f"{K} IS NOT NULL", lambda r: "k" in r),
    (f"NOT ({K} = 5)", has(lambda r: r["k"] != 5, "k")),
    (f"{K} = 5 IS NOT TRUE", lambda r: r.get("k") != 5),
    (f"{K} + 1 = 6", has(lambda r: r["k"] == 5, "k")),
    (f"{K} % 2 = 0", has(lambda r: r["k"] % 2 == 0, "k")),
    (f"{K} = 5 AND name = 'op 1'", has(lambda r: r["k"] == 5 and r["name"] == "op 1", "k")),
    (f"{K} = 5 OR name = 'op 1'", lambda r: r.get("k") == 5 or r["name"] == "op 1"),
    (f"{K} = 5 OR {B}", lambda r: r.get("k") == 5 or r.get("b") is True),
    (f"{K} = 5 AND {S} = 'beta'", has(lambda r: r["k"] == 5 and r["s"] == "beta", "k", "s")),
    (f"{K} IS NULL AND {D} > 10", lambda r: "k" not in r and r.get("d", 0) > 10),
    (f"coalesce({K}, -1) = -1", lambda r: "k" not in r),
    (f"CASE WHEN {K} > 5 THEN 1 ELSE 0 END = 1", has(lambda r: r["k"] > 5, "k")),
    (f"{K} = 5 AND {K} = 6", lambda r: False),
    (f"{D} = 1.5", has(lambda r: r["d"] == 1.5, "d")),
    (f"{D} > 1.5", has(lambda r: r["d"] > 1.5, "d")),
    (f"{D} < 3", has(lambda r: r["d"] < 3, "d")),
    (f"{D} IN (0.5, 2.25)", has(lambda r: r["d"] in (0.5, 2.25), "d")),
    (f"{S} = 'beta'", has(lambda r: r["s"] == "beta", "s")),
    (f"{S} = ''", has(lambda r: r["s"] == "", "s")),
    (f"{S} <> ''", has(lambda r: r["s"] != "", "s")),
    (f"{S} > 'b'", has(lambda r: r["s"] > "b", "s")),
    (f"{S} LIKE 'be%'", has(lambda r: r["s"].startswith("be"), "s")),
    (f"{S} LIKE '%a'", has(lambda r: r["s"].endswith("a"), "s")),
    (f"{S} NOT LIKE '%a%'", has(lambda r: "a" not in r["s"], "s")),
    (f"{S} ILIKE 'ALPHA'", has(lambda r: r["s"].lower() == "alpha", "s")),
    (f"{S} LIKE '50\\% off'", has(lambda r: r["s"] == "50% off", "s")),
    (f"{S} ~ '^[ab]'", has(lambda r: r["s"][:1] in ("a", "b"), "s")),
    (f"{S} ~* '^alp'", has(lambda r: r["s"].lower().startswith("alp"), "s")),
    (f"length({S}) = 0", has(lambda r: r["s"] == "", "s")),
    (f"lower({S}) = 'alpha'", has(lambda r: r["s"].lower() == "alpha", "s")),
    (f"{S} IN ('beta', 'naïve')", has(lambda r: r["s"] in ("beta", "naïve"), "s")),
    (f"{S} IS NULL", lambda r: "s" not in r),
    (f"{B}", has(lambda r: r["b"], "b")),
    (f"NOT {B}", has(lambda r: not r["b"], "b")),
    (f"{B} = false", has(lambda r: not r["b"], "b")),
    (f"{B} IS TRUE", lambda r: r.get("b") is True),
    (f"{B} IS NOT TRUE", lambda r: r.get("b") is not True),
    (f"{M} = 7", lambda r: r.get("m") == 7),
    (f"{M} > 380", lambda r: isinstance(r.get("m"), int) and r["m"] > 380),
    (f"{M} = 'text 8'", lambda r: r.get("m") == "text 8"),
    (f"{M} LIKE 'text 3%'", lambda r: isinstance(r.get("m"), str) and r["m"].startswith("text 3")),
    ("attributes['nowhere'] = 1", lambda r: False),
    ("attributes['nowhere'] IS NULL", lambda r: True),
    ("attributes['crowd.3'] = 3", lambda r: "crowd.3" in r),
    ("attributes['crowd.69'] = 69", lambda r: "crowd.69" in r),
    ("attributes['other'] < 3", has(lambda r: r["other"] < 3, "other")),
    ("resource['service.name'] = 'svc-tail'", lambda r: r["service"] == "svc-tail"),
    ("service = 'svc-shredded'", lambda r: r["service"] == "svc-shredded"),
    ("service LIKE 'svc-%' AND kind IN (1, 2)", lambda r: r["kind"] in (1, 2)),
    ("kind = 3 AND duration > 100000", lambda r: r["kind"] == 3 and r["duration"] > 100_000),
    (f"duration >= 399000 AND {K} IS NOT NULL", lambda r: r["duration"] >= 399_000 and "k" in r),
    ("status_code = 0", lambda r: True),
    ("parent_span_id IS NULL", lambda r: True),
    (f"span_id = '{1 + 17:016x}'", lambda r: (r["service"], r["duration"]) == ("svc-shredded", 17_000)),
    (f"trace_id = '{2:032x}'", lambda r: r["service"] == "svc-tail"),
    (f"trace_id = '{2:032x}' AND {K} = 6", lambda r: r["service"] == "svc-tail" and r.get("k") == 6),
    (
        f"start_time >= to_timestamp_nanos({T0 + 100_000_000})",
        lambda r: r["start"] >= T0 + 100_000_000,
    ),
]


@pytest.mark.parametrize("where, holds", PREDICATES, ids=[where for where, _ in PREDICATES])
def test_a_predicate_finds_exactly_its_rows(served, where, holds):
    expected = sorted(
        f"{1 + place * ROWS + i:016x}" for (place, i), row in SPANS.items() if holds(row)
    )
    # The attribute in the answer as well as in the filter, in the filter alone, and in an aggregate.
    rows = served.query(f"SELECT span_id, {K}, {S} FROM spans WHERE {where}")
    assert sorted(row[0] for row in rows) == expected
    assert sorted(span for [span] in served.query(f"SELECT span_id FROM spans WHERE {where}")) == expected
    assert int(served.value(f"SELECT count(*) FROM spans WHERE {where}")) == len(expected)


def test_values_are_the_ones_sent(served):
    rows = served.query(f"SELECT span_id, {K}, {D}, {S}, {B} FROM spans")
    expected = {
        f"{1 + place * ROWS + i:016x}": [row.get(key) for key in "kdsb"]
        for (place, i), row in SPANS.items()
    }
    assert {row[0]: row[1:] for row in rows} == expected
