"""Asks a server about what ledgers say, by every way there is, and compares."""

import bisect
import json
import math
from collections import defaultdict

import pytest

from ledger import (
    INSTRUMENTS,
    bounds,
    is_histogram,
    is_monotonic,
    is_sum,
    key,
    quantiles,
)

#: Labels that every series of these programs has.
COMMON = {
    "job": "shop/till",
    "instance": "i-1",
    "otel_scope_name": "ledger",
    "otel_scope_version": "1.0",
}
#: Reaches back to before the programs began.
RANGE = "1h"
QUANTILES = (0.01, 0.5, 0.9, 0.99, 1)
HOUR = 3600


class Asked:
    """PromQL over one metric, at the moment of its last sample: nothing is extrapolated beyond it."""

    def __init__(self, server, tenant, metric):
        self.server, self.tenant = server, tenant
        newest = server.promql(f"max(timestamp({metric}))", tenant)
        assert newest, f"no {metric}"
        self.time = newest[0]["value"][1]

    def result(self, query):
        return self.server.promql(query, self.tenant, time=self.time)

    def one(self, query):
        [series] = self.result(query)
        assert series["metric"] == {}
        return float(series["value"][1])

    def vector(self, query, *labels):
        """Values by attributes, then by the named labels."""
        return {
            split(series["metric"], labels): float(series["value"][1])
            for series in self.result(query)
        }

    def matrix(self, query, *labels):
        return {
            split(series["metric"], labels): [float(value) for _, value in series["values"]]
            for series in self.result(query)
        }

    def native(self, query):
        """Native histograms by attributes: the buckets as `(low, high, count)`."""
        return {
            split(series["metric"], ()): [
                (float(low), float(high), float(count))
                for _, low, high, count in series["histogram"][1]["buckets"]
            ]
            for series in self.result(query)
        }


def split(metric, labels):
    metric = dict(metric)
    metric.pop("__name__", None)
    for name, value in COMMON.items():
        assert metric.pop(name) == value
    named = tuple(metric.pop(label) for label in labels)
    attributes = frozenset(metric.items())
    return (attributes, *named) if named else attributes


# ---- what the ledgers say ----


def is_delta(about, temporality):
    if temporality == "delta":
        return is_monotonic(about) or is_histogram(about)
    return temporality == "all delta" and about["kind"] not in ("gauge", "observable_gauge")


def last(states):
    return {series: list_of[-1] for series, list_of in states.items()}


def everything(processes, name):
    """All values of all processes, by series. Of an observable instrument the last of each process."""
    found = defaultdict(list)
    for process in processes:
        for series, values in last(process.states(name)).items():
            found[series] += values
    return found


def standing(processes, name, temporality):
    """What an instrument answers now: deltas add up over processes, all else is of the last process."""
    delta = is_delta(INSTRUMENTS[name], temporality)
    return everything(processes if delta else processes[-1:], name)


def history(processes, name, temporality, measure):
    """What a running total was at each export, by series, repetitions once."""
    runs, before = defaultdict(list), defaultdict(list)
    for process in processes:
        for series, states in process.states(name).items():
            runs[series] += [measure(before[series] + state) for state in states]
            if is_delta(INSTRUMENTS[name], temporality):
                before[series] = before[series] + states[-1]
    return {series: once(run) for series, run in runs.items()}


def once(run):
    return [value for at, value in enumerate(run) if at == 0 or value != run[at - 1]]


# ---- comparing ----


def near(values):
    """The sum of values: exact of integers, to rounding of floats."""
    if all(isinstance(value, int) for value in values):
        return sum(values)
    total = math.fsum(map(abs, values))
    return pytest.approx(math.fsum(values), rel=1e-12, abs=1e-12 * total)


def sums(groups):
    return {series: near(values) for series, values in groups.items()}


def counts(groups):
    return {series: len(values) for series, values in groups.items()}


def flat(groups):
    return [value for values in groups.values() for value in values]


def by_label(groups, label):
    grouped = defaultdict(list)
    for series, values in groups.items():
        grouped[dict(series).get(label)] += values
    return grouped


def check(server, tenant, processes, temporality):
    assert all(export["ok"] for process in processes for export in process.exports)
    stored = read_sql(server, tenant)
    pages = read_series(server, tenant)
    assert {name for name, _ in stored} == {name for name, _ in pages} == set(INSTRUMENTS)
    for name, about in INSTRUMENTS.items():
        now = standing(processes, name, temporality)
        assert now and all(now.values()), name
        if is_sum(about):
            check_sum(server, tenant, name, processes, temporality)
        elif is_histogram(about):
            check_histogram(server, tenant, name, processes, temporality)
        else:
            check_gauge(server, tenant, name, processes)
        delta = is_delta(about, temporality)
        for rows in (stored, pages):
            rows = {series: found for (of, series), found in rows.items() if of == name}
            check_stored(rows, about, now, delta)


def check_sum(server, tenant, name, processes, temporality):
    about = INSTRUMENTS[name]
    metric = about["as"]
    asked = Asked(server, tenant, metric)
    now = standing(processes, name, temporality)
    assert asked.vector(metric) == sums(now)
    assert asked.one(f"sum({metric})") == near(flat(now))
    routes = asked.result(f"sum by (route) ({metric})")
    assert {
        series["metric"].get("route"): float(series["value"][1]) for series in routes
    } == sums(by_label(now, "route"))
    samples = {series: once(values) for series, values in asked.matrix(f"{metric}[{RANGE}]").items()}
    assert samples == approximately(history(processes, name, temporality, math.fsum))
    if is_monotonic(about):
        check_increase(asked, metric, sums(everything(processes, name)))


def approximately(runs):
    return {series: pytest.approx(run, rel=1e-12, abs=1e-9) for series, run in runs.items()}


def check_increase(asked, metric, expected):
    """All that was counted while the programs ran, restarts or not. A range of an hour is longer than they did."""
    close = approximate(expected)
    labels = ("le",) if metric.endswith("_bucket") else ()
    assert asked.vector(f"increase({metric}[{RANGE}])", *labels) == close
    rate = asked.vector(f"rate({metric}[{RANGE}]) * {HOUR}", *labels)
    assert rate == close


def check_gauge(server, tenant, name, processes):
    metric = INSTRUMENTS[name]["as"]
    asked = Asked(server, tenant, metric)
    now = {series: values[-1] for series, values in everything(processes[-1:], name).items()}
    assert asked.vector(metric) == now
    assert asked.vector(f"last_over_time({metric}[{RANGE}])") == now
    runs = history(processes, name, "cumulative", lambda values: values[-1])
    samples = asked.matrix(f"{metric}[{RANGE}]")
    assert {series: once(values) for series, values in samples.items()} == runs
    highest = {series: max(run) for series, run in runs.items()}
    assert asked.vector(f"max_over_time({metric}[{RANGE}])") == highest


def check_histogram(server, tenant, name, processes, temporality):
    about = INSTRUMENTS[name]
    metric = about["as"]
    now, all_of_it = standing(processes, name, temporality), everything(processes, name)
    if bounds(about) is None:
        check_native(Asked(server, tenant, metric), metric, now, all_of_it)
        return
    asked = Asked(server, tenant, f"{metric}_count")
    assert asked.vector(f"{metric}_count") == counts(now)
    assert asked.vector(f"{metric}_sum") == sums(now)
    assert asked.one(f"sum({metric}_count)") == len(flat(now))
    assert asked.one(f"sum({metric}_sum)") == near(flat(now))
    check_increase(asked, f"{metric}_count", counts(all_of_it))
    check_increase(asked, f"{metric}_sum", sums(all_of_it))
    runs = history(processes, name, temporality, len)
    samples = asked.matrix(f"{metric}_count[{RANGE}]")
    assert {series: once(values) for series, values in samples.items()} == runs
    assert asked.vector(f"{metric}_bucket", "le") == buckets(now, bounds(about))
    check_increase(asked, f"{metric}_bucket", buckets(all_of_it, bounds(about)))
    for q in QUANTILES:
        for query, groups in (
            (f"histogram_quantile({q}, {metric}_bucket)", now),
            (f"histogram_quantile({q}, increase({metric}_bucket[{RANGE}]))", all_of_it),
        ):
            found = asked.vector(query)
            assert found.keys() == groups.keys()
            for series, values in groups.items():
                check_quantile(found[series], quantiles(values, q), bounds(about), query)
        whole = asked.one(f"histogram_quantile({q}, sum by (le) ({metric}_bucket))")
        check_quantile(whole, quantiles(flat(now), q), bounds(about), metric)


def buckets(groups, of):
    """How many values are not above each bound."""
    return {
        (series, text(bound)): sum(value <= bound for value in values)
        for series, values in groups.items()
        for bound in [*of, math.inf]
    }


def text(bound):
    """A bound as Prometheus writes it."""
    return "+Inf" if bound == math.inf else f"{bound:g}"


def check_quantile(found, true, of, what):
    """The answer lies in the bucket of the true quantile."""

    def holds(value):
        at = bisect.bisect_left(of, value)
        if at == len(of):
            # Of what is above all bounds no more is known.
            return found == of[-1]
        low = of[at - 1] if at else min(0, of[0])
        return low <= found <= of[at]

    assert any(map(holds, true)), (what, true, found)


def check_native(asked, metric, now, all_of_it):
    increase = f"increase({metric}[{RANGE}])"
    assert asked.vector(f"histogram_count({metric})") == counts(now)
    assert asked.vector(f"histogram_sum({metric})") == sums(now)
    for selector, groups in ((metric, now), (increase, all_of_it)):
        assert asked.vector(f"histogram_count({selector})") == approximate(counts(groups))
        assert asked.vector(f"histogram_sum({selector})") == approximate(sums(groups))
        average = {s: pytest.approx(math.fsum(v) / len(v), rel=1e-12) for s, v in groups.items()}
        assert asked.vector(f"histogram_avg({selector})") == average
        native = asked.native(selector)
        assert native.keys() == groups.keys()
        for series, values in groups.items():
            for low, high, count in native[series]:
                held = sum(is_in(value, low, high) for value in values)
                assert count == pytest.approx(held, rel=1e-12), (selector, low, high)
            held = sum(count for _, _, count in native[series])
            assert held == pytest.approx(len(values), rel=1e-12)
        for q in QUANTILES:
            query = f"histogram_quantile({q}, {selector})"
            found = asked.vector(query)
            for series, values in groups.items():
                check_native_quantile(found[series], quantiles(values, q), native[series], query)
    assert asked.one(f"histogram_count(sum({metric}))") == len(flat(now))
    assert asked.one(f"histogram_sum(sum({metric}))") == near(flat(now))


def approximate(expected):
    return {
        series: pytest.approx(getattr(value, "expected", value), rel=1e-12)
        for series, value in expected.items()
    }


def check_native_quantile(found, true, buckets, what):
    """The answer lies in the bucket of the true quantile; buckets grow by one factor, which bounds the relative error."""

    def holds(value):
        [(low, high)] = [(low, high) for low, high, _ in buckets if is_in(value, low, high)]
        return low <= found <= high and (value == 0 or low / high <= found / value <= high / low)

    assert any(map(holds, true)), (what, true, found)


def is_in(value, low, high):
    """Whether a bucket holds a value; that of zeros is nothing but zero."""
    return low < value <= high or low == value == high


# ---- what is stored ----

SQL = """
SELECT name, attributes, last_value(number ORDER BY time) AS newest, sum(number) AS total,
    last_value(count ORDER BY time) AS newest_count, sum(count) AS total_count,
    last_value(sum ORDER BY time) AS newest_sum, sum(sum) AS total_sum,
    last_value(min ORDER BY time) AS newest_min, min(min) AS total_min,
    last_value(max ORDER BY time) AS newest_max, max(max) AS total_max
FROM (
    SELECT name, attributes, points.time, coalesce(value, CAST(int_value AS DOUBLE)) AS number,
        count, sum, min, max
    FROM metric_points AS points
    JOIN (SELECT DISTINCT series_id, name, attributes FROM series) USING (series_id)
)
GROUP BY name, attributes
"""


def read_sql(server, tenant):
    """The last point of each series, and the sum of all of its points."""
    rows = server.arrow(SQL, tenant).to_pylist()
    return {(row["name"], key(json.loads(row["attributes"]))): row for row in rows}


def read_series(server, tenant):
    """As `read_sql`, from the points themselves."""
    points = defaultdict(list)
    for series in server.series(tenant):
        number = (series["name"], key(series["attributes"]))
        points[number] += [point.get(series["type"]) or point for point in series["points"]]
    found = {}
    for series, list_of in points.items():
        row = found[series] = {"newest": list_of[-1].get("value")}
        if row["newest"] is not None:
            row["total"] = math.fsum(point["value"] for point in list_of)
            continue
        for name in ("count", "sum"):
            row[f"newest_{name}"] = list_of[-1][name]
            row[f"total_{name}"] = math.fsum(point[name] for point in list_of)
        for name, extreme in (("min", min), ("max", max)):
            row[f"newest_{name}"] = list_of[-1][name]
            row[f"total_{name}"] = extreme(point[name] for point in list_of)
    return found


def check_stored(rows, about, now, delta):
    which = "total" if delta else "newest"
    assert rows.keys() == now.keys()
    for series, row in rows.items():
        values = now[series]
        if is_histogram(about):
            assert row[f"{which}_count"] == len(values)
            assert row[f"{which}_sum"] == near(values)
            assert (row[f"{which}_min"], row[f"{which}_max"]) == (min(values), max(values))
        elif is_sum(about):
            assert row[which] == near(values)
        else:
            assert row["newest"] == values[-1]


# ---- answers to compare with one another ----


def answers(server, tenant):
    """What does not depend on the moment or on how fine an exponential histogram is."""
    found = {}
    for name, about in INSTRUMENTS.items():
        metric = about["as"]
        if bounds(about) is not None and is_histogram(about):
            counters, last_of = [f"{metric}_count", f"{metric}_sum"], f"{metric}_count"
            queries = [f"histogram_quantile({q}, {metric}_bucket)" for q in QUANTILES]
            queries += [f"sum by (le) ({metric}_bucket)"]
        elif is_histogram(about):
            counters, last_of, queries = [], metric, []
            for function in ("count", "sum", "avg"):
                queries += [f"histogram_{function}({metric})"]
                queries += [f"histogram_{function}(increase({metric}[{RANGE}]))"]
        else:
            counters, last_of, queries = [metric] if is_monotonic(about) else [], metric, [metric]
        for counter in counters:
            queries += [counter, f"sum({counter})"]
            queries += [f"increase({counter}[{RANGE}])", f"rate({counter}[{RANGE}])"]
            queries += [f"increase({counter}[{RANGE}] anchored)", f"resets({counter}[{RANGE}])"]
        asked = Asked(server, tenant, last_of)
        for query in queries:
            found[query] = {
                json.dumps(series["metric"], sort_keys=True): float(series["value"][1])
                for series in asked.result(query)
            }
            assert found[query], query
    return found
