/** The shop's metrics: counted from its spans, as an SDK would, cumulative, with exemplars. */

import { attributes, type MetricRecord, ns, type Resource, type SpanRecord } from "./otlp";
import { random } from "./random";
import { instancesOf, resourceOf, SERVICES, type Story } from "./shop";

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

interface Histogram {
  resource: Resource;
  attributes: Record<string, string | number>;
  counts: number[];
  sum: number;
  count: number;
  exemplar: { span: SpanRecord; seconds: number } | null;
}

export class ShopMetrics {
  private readonly histograms = new Map<string, Histogram>();

  constructor(private readonly story: Story, private readonly start: number) {}

  /** Counts requests that were served. */
  count(spans: SpanRecord[]): void {
    for (const span of spans) {
      if (span.kind !== 2 && span.kind !== 5) continue;
      const labels = { "http.route": span.name, "http.response.status_code": Number(span.attributes["http.response.status_code"] ?? 200) };
      const key = [span.resource.version, span.resource.instance, span.name, labels["http.response.status_code"]].join("\0");
      const known = this.histograms.get(key) ?? { resource: span.resource, attributes: labels, counts: [...BOUNDS, 0].map(() => 0), sum: 0, count: 0, exemplar: null };
      const seconds = (span.end - span.start) / 1000;
      const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
      const index = bucket < 0 ? BOUNDS.length : bucket;
      known.counts[index] = (known.counts[index] ?? 0) + 1;
      known.sum += seconds;
      known.count++;
      // The slowest since the last export.
      if (!known.exemplar || seconds > known.exemplar.seconds) known.exemplar = { span, seconds };
      this.histograms.set(key, known);
    }
  }

  /** What an export at `at` says. */
  export(at: number): MetricRecord[] {
    return [...this.histograms.values()].flatMap((histogram) => this.requests(histogram, at)).concat(this.gauges(at));
  }

  private requests(h: Histogram, at: number): MetricRecord[] {
    const times = { startTimeUnixNano: ns(this.start), timeUnixNano: ns(at), attributes: attributes(h.attributes) };
    const exemplars = h.exemplar ? [{ timeUnixNano: ns(h.exemplar.span.end), asDouble: h.exemplar.seconds, traceId: h.exemplar.span.traceId, spanId: h.exemplar.span.spanId }] : [];
    h.exemplar = null;
    const duration = { ...times, count: String(h.count), sum: h.sum, bucketCounts: h.counts.map(String), explicitBounds: BOUNDS, exemplars };
    return [
      { resource: h.resource, metric: { name: "http.server.request.duration", unit: "s", description: "How long requests took", histogram: { aggregationTemporality: 2, dataPoints: [duration] } } },
      { resource: h.resource, metric: { name: "shop.requests", unit: "{request}", description: "Requests served", sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...times, asInt: String(h.count), exemplars }] } } },
    ];
  }

  private gauges(at: number): MetricRecord[] {
    return SERVICES.filter((service) => service !== "email-worker" || at < this.story.emailSilent).flatMap((service) =>
      Array.from({ length: instancesOf(service) }, (_, instance) => {
        const rng = random(this.story.seed, Math.floor(at / 1000), instance, service.length);
        const resource = resourceOf(service, instance, at, this.story);
        const full = resource.version === "2.14.1" && at >= this.story.incident;
        const gauge = (name: string, unit: string, description: string, value: number) => ({
          resource, metric: { name, unit, description, gauge: { dataPoints: [{ timeUnixNano: ns(at), asDouble: value }] } },
        });
        const memory = (180 + 40 * Math.sin(at / 3_000_000 + instance) + rng.between(0, 8)) * 1_048_576;
        return [
          gauge("process.memory.usage", "By", "Resident memory", memory),
          gauge("process.cpu.utilization", "1", "Share of one core", Math.min(1, rng.between(0.08, 0.16) + (full ? 0.05 : 0))),
          ...(service === "payments" ? [gauge("db.client.connection.utilization", "1", "Connections in use of the pool", full ? rng.between(0.9, 1) : rng.between(0.15, 0.3))] : []),
        ];
      }).flat(),
    );
  }
}
