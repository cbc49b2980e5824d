// The program of `../ledger_client.py`, with the OpenTelemetry SDK for JavaScript.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ValueType, context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPMetricExporter as GrpcExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter as JsonExporter,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  createAllowListAttributesProcessor,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const EXPORTERS = {
  grpc: GrpcExporter,
  'http/protobuf': ProtobufExporter,
  'http/json': JsonExporter,
};
const TEMPORALITIES = {
  cumulative: AggregationTemporalityPreference.CUMULATIVE,
  delta: AggregationTemporalityPreference.DELTA,
};
const CREATE = {
  counter: 'createCounter',
  up_down_counter: 'createUpDownCounter',
  gauge: 'createGauge',
  histogram: 'createHistogram',
  observable_counter: 'createObservableCounter',
  observable_up_down_counter: 'createObservableUpDownCounter',
  observable_gauge: 'createObservableGauge',
};
const METHOD = { counter: 'add', up_down_counter: 'add', gauge: 'record', histogram: 'record' };
// Longer than it takes to start a server again.
const EXPORT_MILLIS_MAX = 60_000;

const settings = JSON.parse(process.argv[2]);
const plan = JSON.parse(readFileSync(settings.plan, 'utf8'));
const ledger = openSync(settings.ledger, 'w');
const note = (entry) => writeSync(ledger, JSON.stringify(entry) + '\n');
const now = () => String(BigInt(Date.now()) * 1_000_000n);

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
// Of all exporters, gRPC's too.
process.env.OTEL_EXPORTER_OTLP_HEADERS = `x-scope-orgid=${settings.tenant}`;

function metricExporter() {
  const exporter = new EXPORTERS[settings.protocol]({
    url: settings.protocol === 'grpc' ? `http://${settings.grpc}` : `${settings.http}/v1/metrics`,
    temporalityPreference: TEMPORALITIES[settings.temporality],
    timeoutMillis: EXPORT_MILLIS_MAX,
  });
  const send = exporter.export.bind(exporter);
  exporter.export = (metrics, done) => {
    const points = metrics.scopeMetrics.flatMap((scope) =>
      scope.metrics.flatMap((metric) => metric.dataPoints)
    );
    // Data points have none; should they ever have some, the test wants to know.
    const exemplars = points.flatMap((point) => point.exemplars ?? []);
    send(metrics, (result) => {
      if (result.error) console.error(result.error);
      note({ kind: 'export', ok: result.code === 0, exemplars });
      done(result);
    });
  };
  return exporter;
}

function view([instrumentName, about]) {
  const options = { instrumentName };
  if (about.size) {
    const histogram = { recordMinMax: true, maxSize: about.size };
    options.aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: histogram };
  }
  if (about.keys) options.attributesProcessors = [createAllowListAttributesProcessor(about.keys)];
  return options;
}

const resource = resourceFromAttributes(settings.resource);
const traces = new BasicTracerProvider({
  resource,
  spanProcessors: [
    new BatchSpanProcessor(
      new OTLPTraceExporter({ url: `${settings.http}/v1/traces`, timeoutMillis: EXPORT_MILLIS_MAX })
    ),
  ],
});
const tracer = traces.getTracer('ledger');
const reader = new PeriodicExportingMetricReader({
  exporter: metricExporter(),
  // Never of itself.
  exportIntervalMillis: 2 ** 31 - 1,
  exportTimeoutMillis: EXPORT_MILLIS_MAX,
});
const meters = new MeterProvider({
  resource,
  readers: [reader],
  views: Object.entries(plan.instruments).map(view),
});
const meter = meters.getMeter('ledger', '1.0');
const instruments = Object.fromEntries(
  Object.entries(plan.instruments).map(([name, about]) => {
    const advice = about.bounds && { explicitBucketBoundaries: about.bounds };
    const valueType = about.float ? ValueType.DOUBLE : ValueType.INT;
    const instrument = meter[CREATE[about.kind]](name, { unit: about.unit, valueType, advice });
    if (about.kind.startsWith('observable')) {
      instrument.addCallback((result) => {
        for (const [attributes, value] of observed[name] ?? []) {
          note({ kind: 'observe', instrument: name, value, attributes });
          result.observe(value, attributes);
        }
      });
    }
    return [name, instrument];
  })
);
let observed = {};

function record(round) {
  observed = round.observed;
  for (const [name, value, attributes, inSpan] of round.recorded) {
    const measure = (ids) => {
      const before = now();
      instruments[name][METHOD[plan.instruments[name].kind]](value, attributes);
      note({ kind: 'record', instrument: name, value, attributes, before, after: now(), ...ids });
    };
    if (!inSpan) {
      measure({ trace_id: '', span_id: '' });
      continue;
    }
    tracer.startActiveSpan(name, (span) => {
      const { traceId, spanId } = span.spanContext();
      measure({ trace_id: traceId, span_id: spanId });
      span.end();
    });
  }
}

async function obey(line) {
  const [command, argument] = line.split(' ');
  if (command === 'record') record(plan.rounds[Number(argument)]);
  if (command === 'export') {
    await meters.forceFlush();
    await traces.forceFlush();
  }
  if (command === 'stop') {
    await meters.shutdown();
    await traces.shutdown();
  }
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  await obey(line);
  console.log('done');
}
closeSync(ledger);
