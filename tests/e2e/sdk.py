"""An instrumented program, written against the official OpenTelemetry SDK, and what it exported."""

from dataclasses import dataclass, field

from opentelemetry import trace as trace_api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    Counter,
    Histogram,
    MeterProvider,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry._logs import LogRecord, SeverityNumber

import canonical


@dataclass
class Exported:
    """What the SDK handed to its exporters, in canonical form."""

    spans: dict = field(default_factory=dict)
    logs: list = field(default_factory=list)
    points: list = field(default_factory=list)


class Recording:
    """An exporter that notes what it passes on to the real one, and that it was taken."""

    def __init__(self, exporter, note):
        self.exporter = exporter
        self.note = note

    def export(self, batch, *arguments, **options):
        self.note(batch)
        result = self.exporter.export(batch, *arguments, **options)
        assert result.name == "SUCCESS", result
        return result

    def __getattr__(self, name):
        return getattr(self.exporter, name)


def recording_metrics(exporter, note):
    """As `Recording`; the SDK asks that a metric exporter be of its class."""

    class RecordingMetrics(MetricExporter):
        def export(self, metrics_data, timeout_millis=10_000, **options):
            note(metrics_data)
            result = exporter.export(metrics_data, timeout_millis=timeout_millis, **options)
            assert result.name == "SUCCESS", result
            return result

        def force_flush(self, timeout_millis=10_000):
            return exporter.force_flush(timeout_millis)

        def shutdown(self, timeout_millis=30_000, **options):
            exporter.shutdown(timeout_millis, **options)

    temporality = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
    return RecordingMetrics(preferred_temporality=temporality)


def run(span_exporter, log_exporter, metric_exporter):
    """Runs the program once; everything is exported when it returns."""
    exported = Exported()
    resource = Resource.create(
        {
            "service.name": "checkout",
            "service.instance.id": "i-1",
            "process.pid": 4711,
            "cpu.share": 0.75,
            "canary": True,
            "zones": ["a", "b"],
        },
        schema_url="https://opentelemetry.io/schemas/1.37.0",
    )
    note_spans(resource, Recording(span_exporter, lambda b: exported.spans.update(
        canonical.sent_spans(encode_spans(b)))))
    note_logs(resource, Recording(log_exporter, lambda b: exported.logs.extend(
        canonical.sent_logs(encode_logs(b)))))
    note_metrics(resource, metric_exporter, exported)
    exported.points.sort(key=repr)
    return exported


def note_spans(resource, exporter):
    limits = SpanLimits(max_span_attributes=6, max_events=2, max_links=2, max_attributes=None)
    provider = TracerProvider(resource=resource, span_limits=limits)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer(
        "shop.checkout", "1.4.2", "https://example.com/scope", {"scope.kind": "manual"}
    )
    for number in range(20):
        link = trace_api.Link(
            trace_api.SpanContext(
                trace_id=0x1000 + number,
                span_id=0x2000 + number,
                is_remote=True,
                trace_flags=trace_api.TraceFlags.get_default(),
                trace_state=trace_api.TraceState([("linked", str(number))]),
            ),
            {"link.weight": 0.5, "link.tags": ["x", "y"]},
        )
        kind = list(trace_api.SpanKind)[number % 5]
        with tracer.start_as_current_span(
            f"order {number}", context=Context(), kind=kind, links=[link] * (number % 4)
        ) as span:
            span.set_attributes({"s": "text \u2603", "i": number, "f": 0.1 * number, "b": number % 2 == 0})
            span.set_attribute("many", [1, 2, 3])
            span.set_attribute("names", ["a", "b"])
            span.set_attribute("dropped", "when the limit of six is reached")
            for _ in range(number % 4):
                span.add_event("tick", {"n": number, "list": [True, False]})
            with tracer.start_as_current_span("inner") as inner:
                if number % 5 == 0:
                    inner.record_exception(ValueError("out of stock"))
                    inner.set_status(trace_api.StatusCode.ERROR, "out of stock")
                elif number % 5 == 1:
                    inner.set_status(trace_api.StatusCode.OK)
    provider.shutdown()


def note_logs(resource, exporter):
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("shop.log", "2.0", "https://example.com/log", {"scope.n": 1})
    tracer = TracerProvider(resource=resource).get_tracer("t")
    bodies = ["plain", "", 17, 2.5, True, b"\x00raw", ["a", 1, None], {"deep": {"er": [1, {"x": b"y"}]}}]
    with tracer.start_as_current_span("logging", context=Context()):
        for number, body in enumerate(bodies):
            logger.emit(
                LogRecord(
                    timestamp=1_772_366_400_000_000_001 + number,
                    observed_timestamp=1_772_366_400_000_000_500 + number,
                    severity_number=list(SeverityNumber)[number % 24 + 1],
                    severity_text=f"LEVEL{number}",
                    body=body,
                    attributes={"n": number, "nested": {"k": [1, "two", {"three": 3.0}]}},
                    event_name="shop.event" if number % 2 else None,
                )
            )
    provider.shutdown()


def note_metrics(resource, exporter, exported):
    def note(data):
        exported.points.extend(canonical.sent_points(encode_metrics(data)))

    reader = PeriodicExportingMetricReader(
        recording_metrics(exporter, note), export_interval_millis=float("inf")
    )
    provider = MeterProvider(
        resource=resource,
        metric_readers=[reader],
        exemplar_filter=AlwaysOnExemplarFilter(),
        views=[
            View(instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation()),
        ],
    )
    meter = provider.get_meter("shop.meter", "3.1", "https://example.com/m", {"scope.m": True})
    orders = meter.create_counter("orders", "1", "orders placed")
    stock = meter.create_up_down_counter("stock", "{item}", "items in stock")
    latency = meter.create_histogram("latency", "ms", "how long it took")
    sizes = meter.create_histogram("sizes", "By", "how big it was")
    level = meter.create_gauge("level", "Cel", "how warm it is")
    meter.create_observable_counter(
        "ticks", [lambda _: [Observation(7, {"core": 0}), Observation(9.5, {"core": 1})]]
    )
    tracer = TracerProvider(resource=resource).get_tracer("t")
    for _ in range(3):
        with tracer.start_as_current_span("measured", context=Context()):
            for number in range(10):
                attributes = {"route": f"/r{number % 3}", "ok": number % 2 == 0}
                orders.add(number, attributes)
                stock.add(-number if number % 2 else number, {"where": "\u00fcber"})
                latency.record(number * 3.7, attributes)
                sizes.record(2.0**number - 1, attributes)
                level.set(number / 3, {})
        provider.force_flush()
    provider.shutdown()
