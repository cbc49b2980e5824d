"""A program that records with the OpenTelemetry SDK for Python, as told on stdin, and writes down all it recorded.

Its ledger knows nothing of what the SDK makes of a measurement: one JSON line for each `record`, `observe` (what a callback
answered) and `export`, with the exemplars the SDK put into it. `js/ledger_client.mjs` does the same in JavaScript.
"""

import importlib
import json
import sys
import threading
import time

from opentelemetry import trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

EXPORTERS = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http/json": "opentelemetry.exporter.otlp.json.http",
}
DELTA = AggregationTemporality.DELTA
#: As the specification names preferences, but for the last, which leaves nothing cumulative.
TEMPORALITIES = {
    "cumulative": {},
    "delta": dict.fromkeys([sdk.Counter, sdk.ObservableCounter, sdk.Histogram], DELTA),
    "all delta": dict.fromkeys(
        [
            sdk.Counter,
            sdk.ObservableCounter,
            sdk.Histogram,
            sdk.UpDownCounter,
            sdk.ObservableUpDownCounter,
        ],
        DELTA,
    ),
}
#: Longer than it takes to start a server again.
EXPORT_SECONDS_MAX = 60
EXPORT_MILLIS_MAX = 1000 * EXPORT_SECONDS_MAX


class Ledger:
    def __init__(self, path):
        self.file = open(path, "w")
        self.lock = threading.Lock()

    def write(self, kind, **entry):
        with self.lock:
            self.file.write(json.dumps({"kind": kind} | entry) + "\n")
            self.file.flush()


def endpoint(settings, signal):
    """Arguments of an exporter."""
    if settings["protocol"] == "grpc":
        headers = (("x-scope-orgid", settings["tenant"]),)
        return {"endpoint": f"http://{settings['grpc']}", "insecure": True, "headers": headers}
    headers = {"X-Scope-OrgID": settings["tenant"]}
    return {"endpoint": f"{settings['http']}/v1/{signal}", "headers": headers}


def metric_exporter(settings, ledger):
    """The official exporter, noting what it is given and whether the server took it."""
    module = importlib.import_module(f"{EXPORTERS[settings['protocol']]}.metric_exporter")

    class Noting(module.OTLPMetricExporter):
        def export(self, metrics_data, *arguments, **options):
            exemplars = [
                note_exemplar(metric, point, exemplar)
                for of_resource in metrics_data.resource_metrics
                for of_scope in of_resource.scope_metrics
                for metric in of_scope.metrics
                for point in metric.data.data_points
                for exemplar in getattr(point, "exemplars", None) or []
            ]
            result = super().export(metrics_data, *arguments, **options)
            ledger.write("export", ok=result.name == "SUCCESS", exemplars=exemplars)
            return result

    return Noting(
        preferred_temporality=TEMPORALITIES[settings["temporality"]],
        timeout=EXPORT_SECONDS_MAX,
        **endpoint(settings, "metrics"),
    )


def note_exemplar(metric, point, exemplar):
    return {
        "instrument": metric.name,
        "attributes": dict(point.attributes or {}),
        "filtered": dict(exemplar.filtered_attributes or {}),
        "value": exemplar.value,
        "time": str(exemplar.time_unix_nano),
        "trace_id": f"{exemplar.trace_id:032x}" if exemplar.trace_id else "",
        "span_id": f"{exemplar.span_id:016x}" if exemplar.span_id else "",
    }


class Program:
    def __init__(self, settings):
        self.ledger = Ledger(settings["ledger"])
        self.rounds = json.load(open(settings["plan"]))["rounds"]
        resource = Resource.create(settings["resource"])
        module = importlib.import_module(f"{EXPORTERS[settings['protocol']]}.trace_exporter")
        spans = module.OTLPSpanExporter(timeout=EXPORT_SECONDS_MAX, **endpoint(settings, "traces"))
        self.traces = TracerProvider(resource=resource)
        self.traces.add_span_processor(BatchSpanProcessor(spans))
        self.tracer = self.traces.get_tracer("ledger")
        reader = PeriodicExportingMetricReader(
            metric_exporter(settings, self.ledger),
            export_interval_millis=float("inf"),
            export_timeout_millis=EXPORT_MILLIS_MAX,
        )
        plan = json.load(open(settings["plan"]))
        self.meters = sdk.MeterProvider(
            resource=resource,
            metric_readers=[reader],
            views=[view(*named) for named in plan["instruments"].items()],
        )
        self.observed = {}
        meter = self.meters.get_meter("ledger", "1.0")
        self.instruments = {
            name: self.create(meter, name, about) for name, about in plan["instruments"].items()
        }

    def create(self, meter, name, about):
        if about["kind"].startswith("observable"):
            create = getattr(meter, f"create_{about['kind']}")
            return create(name, [lambda _: self.observe(name)], about["unit"])
        if about["kind"] == "histogram" and "bounds" in about:
            return meter.create_histogram(
                name, about["unit"], explicit_bucket_boundaries_advisory=about["bounds"]
            )
        return getattr(meter, f"create_{about['kind']}")(name, about["unit"])

    def observe(self, name):
        for attributes, value in self.observed.get(name, []):
            self.ledger.write("observe", instrument=name, value=value, attributes=attributes)
            yield Observation(value, attributes)

    def record(self, number):
        plan = self.rounds[number]
        self.observed = plan["observed"]
        for name, value, attributes, in_span in plan["recorded"]:
            if in_span:
                with self.tracer.start_as_current_span(name):
                    self.note(name, value, attributes)
            else:
                self.note(name, value, attributes)

    def note(self, name, value, attributes):
        instrument = self.instruments[name]
        method = next(m for m in ("add", "record", "set") if hasattr(instrument, m))
        span = trace.get_current_span().get_span_context()
        before = time.time_ns()
        getattr(instrument, method)(value, attributes)
        self.ledger.write(
            "record",
            instrument=name,
            value=value,
            attributes=attributes,
            before=str(before),
            after=str(time.time_ns()),
            trace_id=f"{span.trace_id:032x}" if span.is_valid else "",
            span_id=f"{span.span_id:016x}" if span.is_valid else "",
        )

    def export(self):
        self.meters.force_flush(EXPORT_MILLIS_MAX)
        self.traces.force_flush(EXPORT_MILLIS_MAX)

    def stop(self):
        self.meters.shutdown(EXPORT_MILLIS_MAX)
        self.traces.shutdown()


def view(name, about):
    aggregation = {}
    if "size" in about:
        aggregation["aggregation"] = ExponentialBucketHistogramAggregation(max_size=about["size"])
    if "keys" in about:
        aggregation["attribute_keys"] = set(about["keys"])
    return View(instrument_name=name, **aggregation)


def main():
    program = Program(json.loads(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["record", number]:
                program.record(int(number))
            case ["export"]:
                program.export()
            case ["stop"]:
                program.stop()
        print("done", flush=True)


main()
