"""Counters that say when they began: what they counted before their first sample is part of the answer."""

import pytest

from remote_write import Series, request_v2, write

BASE = 1_600_000_000


def at(seconds):
    return (BASE + seconds) * 1000


@pytest.fixture(scope="module")
def counters(server):
    """A counter that begins at 5 s, and anew at 25 s without having fallen; and a gauge."""
    tenant = "start-times"
    labels = {"__name__": "jobs_total"}
    first = Series(labels, [(5, at(10)), (8, at(20))], start=at(5))
    second = Series(labels, [(9, at(30)), (12, at(40))], start=at(25))
    gauge = Series({"__name__": "level"}, [(3, at(10)), (4, at(20))])
    for series in ([first, gauge], [second]):
        assert write(server, request_v2(series), tenant=tenant).status_code == 204
    return tenant


@pytest.mark.parametrize(
    "query, time, expected",
    [
        # From zero at 5 s to the sample at 20 s.
        ("increase(jobs_total[20s])", 20, 8),
        ("rate(jobs_total[20s])", 20, 0.4),
        # One sample is enough.
        ("increase(jobs_total[10s])", 10, 5),
        # 8 until 20 s, 12 since 25 s.
        ("increase(jobs_total[40s])", 40, 20),
        ("resets(jobs_total[1m])", 40, 1),
        ("irate(jobs_total[1m])", 30, 0.9),
        ("start_timestamp(jobs_total)", 22, BASE + 5),
        ("start_timestamp(jobs_total)", 45, BASE + 25),
        ("start_timestamp(level)", 22, 0),
        ("start_timestamp(abs(jobs_total))", 22, 0),
        # The beginning lies before the range: extrapolated as ever.
        ("increase(jobs_total[14s])", 21, 4.2),
    ],
)
def test_beginnings_count(server, counters, query, time, expected):
    answer = server.http.get(
        f"{server.api}/prometheus/api/v1/query",
        params={"query": query, "time": BASE + time},
        headers={"X-Scope-OrgID": counters},
    ).json()
    [series] = answer["data"]["result"]
    assert float(series["value"][1]) == pytest.approx(expected)


def test_a_gauge_has_no_increase_of_one_sample(server, counters):
    answer = server.http.get(
        f"{server.api}/prometheus/api/v1/query",
        params={"query": "increase(level[10s])", "time": BASE + 10},
        headers={"X-Scope-OrgID": counters},
    ).json()
    assert answer["data"]["result"] == []
