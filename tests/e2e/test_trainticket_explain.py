"""Faults that were put into a real system: Explain names the faulty service first.

Data: Nezha's TrainTicket day (see tests/data/trainticket/NOTE): 17 faults, each in one pod, and the traces of some of them.
An SLO over the requests that enter the system says which are bad; the three minutes from when a fault began are explained,
compared with the time before it.

A fault **shows** when the spans of its service, or the calls of it, took longer than before: at least one operation with five
spans or more on either side has a median that is at least twice as high and ranks higher (Mann–Whitney, p < 0.01, corrected for
the number of operations), counted from the CSV files here, without looking at what Explain says.
"""

import collections
import json
import math
import statistics
import tarfile

import pytest

from test_slo import put, spec
from test_trainticket import day, ingest, service

assert day, "a fixture"

SECOND = 1_000_000_000
AFTER, BEFORE = 180 * SECOND, 180 * SECOND
THRESHOLDS_MS = [300, 500, 1000, 1500]


@pytest.fixture(scope="module")
def faults(data):
    with tarfile.open(data / "trainticket" / "2023-01-30.tar.gz") as archive:
        hours = json.load(archive.extractfile("fault_list.json"))
    return [fault for hour in hours.values() for fault in hour]


@pytest.fixture(scope="module")
def loaded(server, day):
    traces, logs = day
    ingest(server, traces, logs)
    server.flush()
    for limit in THRESHOLDS_MS:
        put(server, spec(f"within-{limit}", "spans", ROOTS, f"{{ duration <= {limit}ms }}"))
    return server


#: The gateway's first span of every request.
ROOTS = '{ resource.service.name = "ts-gateway-service" && name = "/*" }'


def ranks_higher(after, before):
    """One-sided p of Mann–Whitney by its normal approximation."""
    every = sorted([(value, 1) for value in after] + [(value, 0) for value in before])
    rank_sum = sum(rank for rank, (_, is_after) in enumerate(every, 1) if is_after)
    n, m = len(after), len(before)
    u = rank_sum - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return 0.5 * math.erfc(z / math.sqrt(2))


def measured(traces, name, start):
    """Operation, or call, of a service → nanoseconds before, and after."""
    by_id = {(row["TraceID"], row["SpanID"]): row for row in traces}
    took = lambda row: int(row["EndTimeUnixNano"]) - int(row["StartTimeUnixNano"])
    found = collections.defaultdict(lambda: ([], []))
    for row in by_id.values():
        end = int(row["EndTimeUnixNano"])
        if service(row["PodName"]) != name or not start - BEFORE <= end < start + AFTER:
            continue
        found[row["OperationName"]][end >= start].append(took(row))
        parent = by_id.get((row["TraceID"], row["ParentID"]))
        if parent and service(parent["PodName"]) != name:
            found["call of " + row["OperationName"]][end >= start].append(took(parent) - took(row))
    return found


def shows(traces, name, start):
    found = measured(traces, name, start)
    tested = {what: sides for what, sides in found.items() if min(map(len, sides)) >= 5}
    for before, after in tested.values():
        doubled = statistics.median(after) >= 2 * statistics.median(before)
        if doubled and ranks_higher(after, before) * len(tested) < 0.01:
            return True
    return False


def test_the_faulty_service_is_named_first(loaded, day, faults):
    traces, _ = day
    hits, shown = collections.Counter(), 0
    for fault in faults:
        name, start = service(fault["inject_pod"]), int(fault["inject_timestamp"]) * SECOND
        ends = [int(row["EndTimeUnixNano"]) for row in traces]
        spans = sum(start <= end < start + AFTER for end in ends)
        is_shown = shows(traces, name, start)
        shown += is_shown
        line = f"{fault['inject_time']} {fault['inject_type']:15} {name:30} {spans:6} spans"
        if not is_shown:
            print(line, " does not show")
            assert spans == 0, "what is there shows: otherwise say why not"
            continue
        for limit in THRESHOLDS_MS:
            params = {"start": str(start), "end": str(start + AFTER)}
            params |= {"baseline_start": str(start - BEFORE), "baseline_end": str(start)}
            answer = loaded.call("GET", f"/api/v1/slos/within-{limit}/explain", params=params)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            first = found["services"][0]
            hits[limit] += first["service"] == name
            print(f"{line}  <= {limit:4} ms: {first['service']} (q {first['q_value']:.1e}), {found['summary']}")
            assert first["service"] == name and first["is_significant"], found["services"][:3]
            assert found["examples"] and all(example["logs"] for example in found["examples"])
    for limit in THRESHOLDS_MS:
        print(f"SLO of {limit} ms: {hits[limit]} of {shown} faults that show, {hits[limit]} of all {len(faults)}")
    assert shown == 3 and len(faults) == 17
