"""Compares the exemplars and spans that a server answers with the measurements of ledgers."""

import json
import math
from collections import Counter

from ledger import INSTRUMENTS, bounds, is_histogram, key
from ledger_check import split

EXEMPLARS = """
SELECT series.name, series.attributes, CAST(e.time AS BIGINT) AS time, e.attributes AS filtered,
    coalesce(e.value, CAST(e.int_value AS DOUBLE)) AS number,
    encode(trace_id, 'hex') AS trace_id, encode(e.span_id, 'hex') AS span_id, spans.name AS span
FROM exemplars AS e
JOIN spans USING (trace_id)
JOIN (SELECT DISTINCT series_id, name, attributes FROM series) AS series USING (series_id)
WHERE spans.span_id = e.span_id
"""


def check_exemplars(server, tenant, processes, has_any):
    """Each exemplar that was exported is a measurement, and is found with its span: once."""
    spans = {
        (record["trace_id"], record["span_id"]): record
        for process in processes
        for record in process.records
        if record["trace_id"]
    }
    stored = server.query("SELECT trace_id, span_id, name FROM spans", tenant)
    assert Counter(map(tuple, stored)) == Counter(
        (*ids, record["instrument"]) for ids, record in spans.items()
    )
    exported = [exemplar for process in processes for exemplar in process.exemplars]
    assert bool(exported) == has_any
    for exemplar in exported:
        record = spans[exemplar["trace_id"], exemplar["span_id"]]
        assert exemplar["instrument"] == record["instrument"]
        assert exemplar["value"] == record["value"]
        assert int(record["before"]) <= int(exemplar["time"]) <= int(record["after"])
        assert exemplar["attributes"] | exemplar["filtered"] == record["attributes"]
    rows = server.arrow(EXEMPLARS, tenant).to_pylist()
    assert Counter(
        (
            row["name"],
            key(json.loads(row["attributes"])),
            key(json.loads(row["filtered"])),
            float(row["number"]),
            row["time"],
            row["trace_id"],
            row["span_id"],
        )
        for row in rows
    ) == Counter(
        (
            exemplar["instrument"],
            key(exemplar["attributes"]),
            key(exemplar["filtered"]),
            float(exemplar["value"]),
            int(exemplar["time"]),
            exemplar["trace_id"],
            exemplar["span_id"],
        )
        for exemplar in exported
    )
    assert all(row["span"] == row["name"] for row in rows)
    for name, about in INSTRUMENTS.items():
        expected = [exemplar for exemplar in exported if exemplar["instrument"] == name]
        assert ask_exemplars(server, tenant, about) == Counter(
            (
                with_bucket(about, exemplar),
                key(exemplar["filtered"])
                | {("trace_id", exemplar["trace_id"]), ("span_id", exemplar["span_id"])},
                float(exemplar["value"]),
                int(exemplar["time"]) // 1_000_000,
            )
            for exemplar in expected
        )


def is_classic(about):
    return is_histogram(about) and bounds(about) is not None


def with_bucket(about, exemplar):
    """The attributes of the series that an exemplar is shown with: of a histogram, the one bucket that holds its value."""
    attributes = key(exemplar["attributes"])
    if not is_classic(about):
        return attributes
    holding = (bound for bound in (*bounds(about), math.inf) if exemplar["value"] <= bound)
    return attributes, float(next(holding))


def shown_with(about, labels):
    if not is_classic(about):
        return split(labels, ())
    attributes, bound = split(labels, ("le",))
    return attributes, float(bound)


def ask_exemplars(server, tenant, about):
    metric = about["as"] + ("_bucket" if is_classic(about) else "")
    found = server.prometheus("query_exemplars", tenant, query=metric, start=0, end=4e9)
    return Counter(
        (
            shown_with(about, series["seriesLabels"]),
            frozenset(exemplar["labels"].items()),
            float(exemplar["value"]),
            round(exemplar["timestamp"] * 1000),
        )
        for series in found
        for exemplar in series["exemplars"]
    )
