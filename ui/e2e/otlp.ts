/** OTLP/HTTP in JSON: what is needed to say spans, logs and metrics. Times are milliseconds with fractions. */

export type Value = string | number | boolean | string[];
export type Attributes = Record<string, Value>;

export interface Resource {
  service: string;
  version: string;
  instance: string;
}

export interface SpanRecord {
  resource: Resource;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: 1 | 2 | 3 | 4 | 5;
  start: number;
  end: number;
  attributes: Attributes;
  /** What failed; absent is unset. */
  error?: string;
  events: { name: string; at: number; attributes: Attributes }[];
  links: { traceId: string; spanId: string }[];
}

export interface LogRecord {
  resource: Resource;
  at: number;
  severity: number;
  body: string;
  attributes: Attributes;
  traceId: string;
  spanId: string;
}

export const ns = (ms: number): string => String(BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms % 1) * 1e6)));

function value(v: Value): object {
  if (typeof v === "string") return { stringValue: v };
  if (typeof v === "boolean") return { boolValue: v };
  if (typeof v === "number") return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v };
  return { arrayValue: { values: v.map(value) } };
}

export const attributes = (all: Attributes): object[] => Object.entries(all).map(([key, v]) => ({ key, value: value(v) }));

const resource = ({ service, version, instance }: Resource): object => ({
  attributes: attributes({
    "service.name": service, "service.version": version, "service.instance.id": instance, "deployment.environment.name": "demo",
    "host.name": `node-${instance.length % 3}`, "telemetry.sdk.language": service === "payments" ? "java" : "go",
  }),
});

const SEVERITIES: Record<number, string> = { 1: "TRACE", 5: "DEBUG", 9: "INFO", 13: "WARN", 17: "ERROR", 21: "FATAL" };

/** Items of one resource stand together. */
function byResource<T extends { resource: Resource }>(items: T[]): [Resource, T[]][] {
  const groups = new Map<string, [Resource, T[]]>();
  for (const item of items) {
    const key = Object.values(item.resource).join("\0");
    const group = groups.get(key) ?? [item.resource, []];
    group[1].push(item);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export const traces = (spans: SpanRecord[]): object => ({
  resourceSpans: byResource(spans).map(([of, group]) => ({
    resource: resource(of),
    scopeSpans: [{ scope: { name: "shop", version: "1.0" }, spans: group.map(span) }],
  })),
});

const span = (s: SpanRecord): object => ({
  traceId: s.traceId, spanId: s.spanId, parentSpanId: s.parentSpanId, name: s.name, kind: s.kind,
  startTimeUnixNano: ns(s.start), endTimeUnixNano: ns(s.end), attributes: attributes(s.attributes),
  status: s.error === undefined ? {} : { code: 2, message: s.error },
  events: s.events.map((e) => ({ name: e.name, timeUnixNano: ns(e.at), attributes: attributes(e.attributes) })),
  links: s.links,
});

export const logs = (records: LogRecord[]): object => ({
  resourceLogs: byResource(records).map(([of, group]) => ({
    resource: resource(of),
    scopeLogs: [{
      scope: { name: `shop.${of.service}` },
      logRecords: group.map((r) => ({
        timeUnixNano: ns(r.at), observedTimeUnixNano: ns(r.at + 1), severityNumber: r.severity, severityText: SEVERITIES[r.severity] ?? "",
        body: { stringValue: r.body }, attributes: attributes(r.attributes), traceId: r.traceId, spanId: r.spanId,
      })),
    }],
  })),
});

export interface MetricRecord {
  resource: Resource;
  /** The metric with its points, as OTLP says it. */
  metric: object;
}

export const metrics = (records: MetricRecord[]): object => ({
  resourceMetrics: byResource(records).map(([of, group]) => ({
    resource: resource(of),
    scopeMetrics: [{ scope: { name: "shop" }, metrics: group.map((r) => r.metric) }],
  })),
});
