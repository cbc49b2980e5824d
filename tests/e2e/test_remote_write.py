"""Remote write 1.0 and 2.0: what is answered is what is kept, before and after a crash."""

import pytest

from remote_write import STALE, Series, histogram, request_v1, request_v2, write, written

TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"


def everything():
    labels = {"__name__": "http_requests_total", "job": "shop", "code": "200"}
    return [
        Series(
            labels,
            samples=[(1.0, 1_000), (2.5, 2_000), (STALE, 3_000)],
            exemplars=[({"trace_id": TRACE, "user": "a"}, 1.5, 1_500)],
            metadata=(1, "Requests.", "requests"),
        ),
        Series(
            {"__name__": "latency_seconds", "job": "shop"},
            histograms=[histogram(7, 12.5, 3, [(-3, 2), (4, 1)], [1, 1, 1], 1_000, 1, 2)],
        ),
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_rows_are_what_was_sent(new_server, version):
    server = new_server()
    body = (request_v1 if version == 1 else request_v2)(everything())
    answer = write(server, body, version)
    assert (answer.status_code, answer.content) == (204, b"")
    assert written(answer) == [3, 1, 1]
    # A retry is answered the same and stored once.
    again = write(server, body, version)
    assert (again.status_code, written(again)) == (204, [3, 1, 1])
    for step in (lambda: None, server.crash, server.flush, server.compact, server.crash):
        step()
        rows = server.query(
            "SELECT name, type, attributes['job'], CAST(time AS BIGINT), value, flags, count, sum,"
            " distribution IS NOT NULL, service FROM metric_points JOIN series USING (series_id)"
            " ORDER BY 1, 4".replace("CAST(time AS BIGINT)", "CAST(metric_points.time AS BIGINT)")
        )
        kind = "sum" if version == 2 else "gauge"
        counter = ["http_requests_total", kind, "shop"]
        seconds = [str(second * 1_000_000_000) for second in (1, 2, 3)]
        assert [[str(cell) if i == 3 else cell for i, cell in enumerate(row)] for row in rows] == [
            counter + [seconds[0], 1.0, None, None, None, False, ""],
            counter + [seconds[1], 2.5, None, None, None, False, ""],
            counter + [seconds[2], None, 1, None, None, False, ""],
            ["latency_seconds", "native_histogram", "shop", seconds[0], None, None]
            + [rows[3][6], 12.5, True, ""],
        ]
        assert int(rows[3][6]) == 7
        assert server.query("SELECT trace_id, attributes['user'], value FROM exemplars") == [
            [TRACE, "a", 1.5]
        ]


def test_old_and_out_of_order_samples_are_kept(server, tenant):
    labels = {"__name__": "up"}
    for times in ([5_000, 1_000], [3_000], [0, 4_000_000_000_000]):
        body = request_v2([Series(labels, samples=[(1.0, time) for time in times])])
        assert write(server, body, tenant=tenant).status_code == 204
    assert int(server.value("SELECT count(*) FROM metric_points", tenant)) == 5


@pytest.mark.parametrize("version", [1, 2])
def test_a_bad_series_is_named_and_its_neighbours_land(server, version):
    tenant = f"partial-{version}"
    series = [
        Series({"__name__": "good"}, samples=[(1.0, 1_000)]),
        Series({"job": "nameless"}, samples=[(1.0, 1_000), (2.0, 2_000)]),
        Series([("__name__", "twice"), ("a", "1"), ("a", "1")], samples=[(1.0, 1_000)]),
        Series([("zone", "a"), ("__name__", "fine")], samples=[(1.0, 1_000)]),
    ]
    body = (request_v1 if version == 1 else request_v2)(series)
    answer = write(server, body, version, tenant)
    assert answer.status_code == 400
    assert written(answer) == [2, 0, 0]
    assert 'job="nameless"' in answer.text and "twice" in answer.text
    names = server.query("SELECT name FROM series ORDER BY 1", tenant)
    assert names == [["fine"], ["good"]]
    reasons = server.query("SELECT reason, records FROM ingest_rejections", tenant)
    assert sorted(int(records) for _, records in reasons) == [1, 2]


def test_metadata_of_version_1_is_kept_apart(server, tenant):
    series = [Series({"__name__": "latency_seconds_count"}, samples=[(1.0, 1_000)])]
    body = request_v1(series, metadata=[(3, "latency_seconds", "How long.", "seconds")])
    assert write(server, body, 1, tenant).status_code == 204
    rows = server.query("SELECT name, type, description, unit FROM series ORDER BY 1", tenant)
    assert rows == [
        ["latency_seconds", "metadata", "How long.", "seconds"],
        ["latency_seconds_count", "gauge", None, None],
    ]


def test_what_cannot_be_read_is_refused_whole(server, tenant):
    body = request_v2(everything())
    cases = [
        ({"Content-Type": "application/json"}, body, 415),
        ({"Content-Type": "application/x-protobuf;proto=x.Request"}, body, 415),
        ({"Content-Encoding": "gzip"}, body, 415),
        ({}, b"not snappy", 400),
        # A block that says it is 2^32 - 1 bytes long.
        ({}, b"\xff\xff\xff\xff\x0f", 413),
    ]
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    for changed, body, status in cases:
        url = "/prometheus/api/v1/write"
        answer = server.call("POST", url, tenant, data=body, headers=headers | changed)
        assert answer.status_code == status, (changed, answer.text)
        assert answer.text
    answer = server.call("GET", "/prometheus/api/v1/write", tenant)
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST"
    assert int(server.value("SELECT count(*) FROM metric_points", tenant)) == 0


def test_the_otlp_listener_takes_it_too(server, tenant):
    body = request_v2([Series({"__name__": "up"}, samples=[(1.0, 1_000)])])
    assert write(server, body, tenant=tenant, listener=server.otlp).status_code == 204
    assert server.query("SELECT name FROM series", tenant) == [["up"]]
