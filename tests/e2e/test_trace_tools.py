"""Flame graphs, critical paths and comparisons over a day of real traces, against recomputation from the CSV files."""

import collections
import os

import pytest

from test_trainticket import day, ingest, service  # noqa: F401 (day is a fixture)

SpanRow = collections.namedtuple("SpanRow", "trace id parent service name start duration")


@pytest.fixture(scope="module")
def spans(server, day):  # noqa: F811
    traces, logs = day
    middle = len(traces) // 2
    ingest(server, traces[:middle], logs)
    server.flush()
    ingest(server, traces[middle:], [])
    found = []
    for row in traces:
        start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
        parent = "" if row["ParentID"] == "root" else row["ParentID"]
        name, pod = row["OperationName"], service(row["PodName"])
        found.append(SpanRow(row["TraceID"], row["SpanID"], parent, pod, name, start, end - start))
    # Some rows are there twice; a trace shows a span once.
    return list(dict.fromkeys(found))


def get(server, path, **parameters):
    answer = server.http.get(f"{server.api}/api/v1/traces{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_trace(spans):
    traces = collections.defaultdict(list)
    for span in spans:
        traces[span.trace].append(span)
    return traces


def nodes_by_path(graph):
    """(service, name) from the root down → node."""
    paths, found = [], {}
    for node in graph["nodes"]:
        above = paths[node["parent"]] if node["parent"] is not None else ()
        paths.append(above + ((node["service"], node["name"]),))
        assert paths[-1] not in found
        found[paths[-1]] = node
    return found


def path_of(span, of):
    path = []
    while span:
        path.append((span.service, span.name))
        span = of.get(span.parent)
    return tuple(reversed(path))


def test_critical_paths_add_up_over_a_search(server, spans):
    graph = get(server, "/critical-path", limit=10000)
    traces = by_trace(spans)
    assert graph["traces"] == len(traces) and not graph["truncated"]
    self_times, on_path = collections.Counter(), collections.defaultdict(set)
    for trace_id, of_trace in traces.items():
        of = {span.id: span for span in of_trace}
        for segment in get(server, f"/{trace_id}")["critical_path"]:
            path = path_of(of[segment["span_id"]], of)
            self_times[path] += int(segment["duration"])
            on_path[path].add((trace_id, segment["span_id"]))
    found = nodes_by_path(graph)
    assert {path: int(node["self_time"]) for path, node in found.items() if node["spans"]} == self_times
    for path, node in found.items():
        assert node["spans"] == len(on_path[path])
        below = sum(time for other, time in self_times.items() if other[: len(path)] == path)
        assert int(node["total_time"]) == below
    roots = [node for node in graph["nodes"] if node["parent"] is None]
    assert sum(int(node["total_time"]) for node in roots) == sum(self_times.values())


def test_flame_graphs_count_all_time(server, spans):
    graph = get(server, "/flame-graph", limit=10000)
    expected = collections.Counter()
    times = collections.Counter()
    for of_trace in by_trace(spans).values():
        of = {span.id: span for span in of_trace}
        for span in of_trace:
            path = path_of(span, of)
            expected[path] += 1
            times[path] += max(span.duration, 0)
    found = nodes_by_path(graph)
    assert {path: node["spans"] for path, node in found.items()} == expected
    assert {path: int(node["total_time"]) for path, node in found.items()} == times
    for node in graph["nodes"]:
        assert 0 <= int(node["self_time"]) <= int(node["total_time"])


def test_a_trace_has_a_flame_graph_of_its_own(server, spans):
    trace_id, of_trace = max(by_trace(spans).items(), key=lambda item: len(item[1]))
    graph = get(server, f"/{trace_id}/flame-graph")
    assert sum(node["spans"] for node in graph["nodes"]) == len(of_trace) and graph["traces"] == 1
    path = get(server, f"/{trace_id}/flame-graph", time="critical_path")
    segments = get(server, f"/{trace_id}")["critical_path"]
    length = sum(int(s["duration"]) for s in segments)
    assert sum(int(node["self_time"]) for node in path["nodes"]) == length


def test_two_traces_are_compared_span_by_span(server, spans):
    by_size = sorted(by_trace(spans).items(), key=lambda item: len(item[1]))
    (a, of_a), (b, of_b) = by_size[-1], by_size[len(by_size) // 2]
    same = get(server, "/compare", a=a, b=a)
    assert same["same"] == len(of_a) == len(same["spans"])
    assert all(span["duration_difference"] == "0" for span in same["spans"])
    compared = get(server, "/compare", a=a, b=b)
    in_both = compared["same"] + compared["changed"]
    assert in_both + compared["removed"] == len(of_a)
    assert in_both + compared["added"] == len(of_b)
    durations = {span.id: span.duration for span in of_a + of_b}
    for index, span in enumerate(compared["spans"]):
        assert span["parent"] is None or span["parent"] < index
        for side in filter(None, [span["a"], span["b"]]):
            assert int(side["duration"]) == durations[side["span_id"]]
        if span["a"] and span["b"]:
            longer = int(span["b"]["duration"]) - int(span["a"]["duration"])
            assert int(span["duration_difference"]) == longer
    missing = server.http.get(f"{server.api}/api/v1/traces/compare", params={"a": a, "b": "7" * 32})
    assert missing.status_code == 404


def test_two_sets_are_compared_by_operation(server, spans):
    names = collections.Counter(span.service for span in spans).most_common()
    a, b = names[0][0], names[len(names) // 2][0]
    query = '{{ resource.service.name = "{}" }}'
    compared = get(server, "/compare/sets", a=query.format(a), b=query.format(b), limit=10000)
    found = {(one["service"], one["name"]): one for one in compared["operations"]}
    for side, name in [("a", a), ("b", b)]:
        traces = {
            trace_id: of_trace
            for trace_id, of_trace in by_trace(spans).items()
            if any(span.service == name for span in of_trace)
        }
        assert compared[side] == {"traces": len(traces), "more": False}
        durations = collections.defaultdict(list)
        for of_trace in traces.values():
            for span in of_trace:
                durations[span.service, span.name].append(span.duration)
        for operation, one in found.items():
            values = sorted(durations.get(operation, []))
            assert one[side]["spans"] == len(values)
            assert int(one[side]["duration_sum"]) == sum(values)
            if values:
                rank = max(-(-len(values) * 90 // 100), 1)
                assert int(one[side]["duration_p90"]) == values[rank - 1]
                assert int(one[side]["duration_max"]) == values[-1]
        assert set(durations) <= set(found)


def test_attributes_that_set_a_selection_apart(server, spans):
    name = collections.Counter(span.service for span in spans).most_common(1)[0][0]
    query = f'{{ resource.service.name = "{name}" }}'
    answer = get(server, "/attributes/compare", selection=query, limit=10000)
    selected = [span for span in spans if span.service == name]
    assert answer["selection"] == len(selected)
    assert answer["baseline"] == len(spans) - len(selected)
    attributes = {attribute["name"]: attribute for attribute in answer["attributes"]}
    order = [attribute["q_value"] for attribute in answer["attributes"]]
    assert order == sorted(order)
    value = attributes["resource.service.name"]["values"][0]
    assert (value["value"], value["selection"], value["baseline"]) == (name, len(selected), 0)
    assert value["difference"] == 1.0 and value["p_value"] <= value["q_value"] < 1e-100
    names = collections.Counter(span.name for span in selected)
    others = collections.Counter(span.name for span in spans if span.service != name)
    for value in attributes["name"]["values"]:
        assert value["selection"] == names[value["value"]]
        assert value["baseline"] == others[value["value"]]
    bins = attributes["duration"]["values"]
    assert sum(one["selection"] for one in bins) == len(selected)
    for one in bins[:-1]:
        within = [s for s in selected if one["from"] <= s.duration < one["to"]]
        assert one["selection"] == len(within)
    assert -1 <= attributes["duration"]["ranks"]["effect"] <= 1


def test_a_brush_selects_by_time_and_duration(server, spans):
    starts = sorted(span.start for span in spans)
    start, end = starts[len(starts) // 4], starts[len(starts) // 2]
    answer = get(
        server,
        "/attributes/compare",
        brush_start=start,
        brush_end=end,
        brush_duration_min="5ms",
        limit=10000,
    )
    within = [s for s in spans if start <= s.start < end and s.duration >= 5 * 10**6]
    assert answer["selection"] == len(within) > 0
    assert answer["baseline"] == len(spans) - len(within)


def test_a_trace_says_what_is_missing_and_what_was_logged(server, spans):
    logged = 0
    for trace_id, of_trace in list(by_trace(spans).items())[:100]:
        trace = get(server, f"/{trace_id}")
        ids = {span.id for span in of_trace}
        assert trace["roots"] == sum(not span.parent for span in of_trace)
        assert trace["orphans"] == sum(bool(s.parent) and s.parent not in ids for s in of_trace)
        for span in trace["spans"]:
            places = span.get("logs", [])
            logged += len(places)
            assert all(trace["logs"][place]["span_id"] == span["span_id"] for place in places)
        named = [log for log in trace["logs"] if log["span_id"] in ids]
        assert sum(len(span.get("logs", [])) for span in trace["spans"]) == len(named)
    assert logged > 0


def otlp_span(trace_id, span_id, parent, kind, start, end):
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "kind": kind,
        "name": "call",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
    }


def test_clocks_that_differ_are_told_and_times_left_as_they_are(server, spans):
    trace_id, begin = os.urandom(16).hex(), 1_700_000_000 * 10**9
    ids = [os.urandom(8).hex() for _ in range(4)]
    client = otlp_span(trace_id, ids[0], "", 3, begin + 100, begin + 200)
    # An hour ahead of its caller, and 30 ns after the request was sent.
    hour = 3600 * 10**9
    server_side = otlp_span(trace_id, ids[1], ids[0], 2, begin + hour + 130, begin + hour + 170)
    lost = otlp_span(trace_id, ids[2], ids[3], 1, begin + 150, begin + 160)
    message = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": name}}]
                },
                "scopeSpans": [{"spans": of}],
            }
            for name, of in [("front", [client, lost]), ("back", [server_side])]
        ]
    }
    answer = server.http.post(f"{server.otlp}/v1/traces", json=message)
    assert answer.status_code == 200
    trace = get(server, f"/{trace_id}")
    assert trace["clock_skew"] == [
        {"service": "back", "caller": "front", "offset": str(-hour), "calls": 1, "outside": 1}
    ]
    assert (trace["roots"], trace["orphans"]) == (1, 1)
    assert trace["missing_parents"] == [ids[3]]
    times = {span["span_id"]: int(span["start_time"]) for span in trace["spans"]}
    assert times[ids[1]] == begin + hour + 130
