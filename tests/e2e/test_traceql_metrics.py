"""TraceQL's metrics functions over a day of real traces, against plain recomputation from the CSV files.

Nothing is sampled or bucketed: counts, extremes and quantiles must be equal, sums up to the rounding of their parts.
"""

import collections
import math

import pytest

from test_trainticket import day, ingest, service  # noqa: F401 (day is a fixture)

STEP = 600 * 10**9


@pytest.fixture(scope="module")
def spans(server, day):  # noqa: F811
    """(service, operation, start, duration) of every span; half of them in segments, half in the buffer."""
    # Some rows are there twice: a span sent again counts again until its segments are joined.
    traces = list({(row["TraceID"], row["SpanID"]): row for row in day[0]}.values())
    middle = len(traces) // 2
    ingest(server, traces[:middle], [])
    server.flush()
    ingest(server, traces[middle:], [])
    found = []
    for row in traces:
        start, end = int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"])
        found.append((service(row["PodName"]), row["OperationName"], start, end - start))
    assert len(found) > 5000
    return found


def ask(server, spans, query):
    """Labels → {begin of the interval: value}."""
    start = min(span[2] for span in spans) // 10**9
    end = max(span[2] for span in spans) // 10**9 + 1
    parameters = {"q": query, "start": start, "end": end, "step": f"{STEP // 10**9}s"}
    answer = server.http.get(f"{server.api}/tempo/api/metrics/query_range", params=parameters)
    assert answer.status_code == 200, answer.text
    found = {}
    for series in answer.json()["series"]:
        labels = tuple(
            next(iter(label["value"].values())) for label in series["labels"]
        )
        samples = {int(s["timestampMs"]): s["value"] for s in series["samples"]}
        found[labels] = {time: value for time, value in samples.items()}
    return found


def grouped(spans, key):
    """Group → {begin of the interval in ms: durations in seconds}."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for span in spans:
        begin = span[2] // STEP * STEP // 10**6
        groups[key(span)][begin].append(span[3] / 1e9)
    return groups


def quantile(values, q):
    values = sorted(values)
    rank = q * (len(values) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(values) - 1)
    weight = rank - below
    return values[below] * (1.0 - weight) + values[above] * weight


FUNCTIONS = {
    "min_over_time(duration)": min,
    "max_over_time(duration)": max,
    "sum_over_time(duration)": math.fsum,
    "avg_over_time(duration)": lambda values: math.fsum(values) / len(values),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_durations(server, spans, function):
    found = ask(server, spans, f"{{ }} | {function} by (resource.service.name)")
    expected = grouped(spans, lambda span: (span[0],))
    assert set(found) == set(expected)
    for labels, intervals in expected.items():
        assert set(found[labels]) == set(intervals)
        for begin, values in intervals.items():
            value = FUNCTIONS[function](values)
            assert math.isclose(found[labels][begin], value, rel_tol=1e-12), (labels, begin)


def test_quantiles_are_exact(server, spans):
    quantiles = [0, 0.5, 0.9, 0.99, 1]
    text = ", ".join(map(str, quantiles))
    query = f"{{ }} | quantile_over_time(duration, {text}) by (resource.service.name)"
    found = ask(server, spans, query)
    expected = grouped(spans, lambda span: span[0])
    assert len(found) == len(expected) * len(quantiles)
    for (name, q), intervals in found.items():
        assert set(intervals) == set(expected[name])
        for begin, value in intervals.items():
            assert value == quantile(expected[name][begin], q), (name, q, begin)


def test_counts_and_rates(server, spans):
    expected = grouped(spans, lambda span: (span[0], span[1]))
    by = "by (resource.service.name, name)"
    counts = ask(server, spans, f"{{ }} | count_over_time() {by}")
    rates = ask(server, spans, f"{{ }} | rate() {by}")
    assert set(counts) == set(rates) == set(expected)
    for labels, intervals in expected.items():
        for begin, value in counts[labels].items():
            assert value == len(intervals.get(begin, []))
            assert rates[labels][begin] == value / (STEP / 1e9)
        assert set(intervals) <= set(counts[labels])


def test_histograms_count_every_span_in_its_bucket(server, spans):
    found = ask(server, spans, "{ } | histogram_over_time(duration)")
    expected = collections.defaultdict(collections.Counter)
    for begin, values in grouped(spans, lambda span: ())[()].items():
        for value in values:
            # The least power of two, in nanoseconds, that is not below the duration.
            nanos = round(value * 1e9)
            power = (nanos - 1).bit_length() if nanos > 0 else -30
            expected[(2.0**power / 1e9,)][begin] += 1
    nonzero = {
        labels: {begin: value for begin, value in intervals.items() if value}
        for labels, intervals in found.items()
    }
    assert nonzero == {labels: dict(counts) for labels, counts in expected.items()}


def test_pipelines_and_second_stages(server, spans):
    name = collections.Counter(span[0] for span in spans).most_common(1)[0][0]
    condition = f'{{ resource.service.name = "{name}" && duration > 1ms }}'
    found = ask(server, spans, f"{condition} | count_over_time()")
    wanted = [span for span in spans if span[0] == name and span[3] > 10**6]
    assert sum(found[()].values()) == len(wanted) > 0
    top = ask(server, spans, "{ } | count_over_time() by (resource.service.name) | topk(2)")
    everything = grouped(spans, lambda span: span[0])
    begins = {begin for intervals in everything.values() for begin in intervals}
    for begin in begins:
        counts = sorted((len(i.get(begin, [])) for i in everything.values()), reverse=True)
        kept = sorted((i[begin] for i in top.values() if begin in i), reverse=True)
        assert kept == counts[:2]


def test_comparisons_count_every_attribute(server, spans):
    name = collections.Counter(span[0] for span in spans).most_common(1)[0][0]
    found = collections.defaultdict(collections.Counter)
    start = min(span[2] for span in spans) // 10**9
    end = max(span[2] for span in spans) // 10**9 + 1
    query = f'{{ }} | compare({{ resource.service.name = "{name}" }}, 1000)'
    parameters = {"q": query, "start": start, "end": end, "step": "3600s"}
    answer = server.http.get(f"{server.api}/tempo/api/metrics/query_range", params=parameters)
    for series in answer.json()["series"]:
        labels = {label["key"]: label["value"]["stringValue"] for label in series["labels"]}
        kind = labels.pop("__meta_type")
        if "name" in labels:
            found[kind][labels["name"]] += sum(sample["value"] for sample in series["samples"])
    selected = collections.Counter(span[1] for span in spans if span[0] == name)
    others = collections.Counter(span[1] for span in spans if span[0] != name)
    assert found["selection"] == selected and found["baseline"] == others
    assert found["selection_total"] == {"nil": sum(selected.values())}
    assert found["baseline_total"] == {"nil": sum(others.values())}
