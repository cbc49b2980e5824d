/** Sends the shop's telemetry: the last hours at once, then what happens as it happens. Same seed, same shop. */

import { parseArgs } from "node:util";
import { logs, metrics, traces, type LogRecord, type SpanRecord } from "./otlp";
import { second, type Story, storyAt } from "./shop";
import { ShopMetrics } from "./shop-metrics";

export interface SeedOptions {
  /** The OTLP/HTTP listener. */
  otlp: string;
  seed?: number;
  hours?: number;
  /** Before those, thinly: so that windows of days have something in them. */
  days?: number;
  now?: number;
}

const MINUTE = 60_000;
const EXPORT_MS = 30_000;

async function send(otlp: string, signal: "traces" | "logs" | "metrics", body: object): Promise<void> {
  const answer = await fetch(`${otlp}/v1/${signal}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${signal}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
}

export interface Seeded {
  story: Story;
  spans: number;
  logs: number;
  /** Sends what happened since the last call. */
  more: (now?: number) => Promise<void>;
}

/** Of checkouts what their SLOs count: a month of it is a few hundred thousand spans. */
function thin(spans: SpanRecord[]): SpanRecord[] {
  const kept = new Map<string, string>();
  return spans.filter((span) => span.kind === 2 && /^POST \/(checkout|authorize)$/.test(span.name)).map((span) => {
    const parent = kept.get(span.traceId) ?? "";
    kept.set(span.traceId, span.spanId);
    return { ...span, parentSpanId: parent };
  });
}

/** Sends the past, oldest first; returns how to go on. */
export async function seed({ otlp, seed: number = 7, hours = 2, days = 0, now = Date.now() }: SeedOptions): Promise<Seeded> {
  const end = Math.floor(now / 1000) * 1000;
  const story = storyAt(end, number);
  const start = end - hours * 60 * MINUTE;
  const totals = { spans: 0, logs: 0 };
  const shop = new ShopMetrics(story, start);
  let nextExport = start + EXPORT_MS;
  let sentUntil = start;

  const deliver = async (spans: SpanRecord[], records: LogRecord[]) => {
    totals.spans += spans.length;
    totals.logs += records.length;
    if (spans.length > 0) await send(otlp, "traces", traces(spans));
    if (records.length > 0) await send(otlp, "logs", logs(records));
  };
  const until = async (to: number, stride: number) => {
    while (sentUntil + 1000 <= to) {
      const batchEnd = Math.min(sentUntil + stride, to);
      const [spans, records]: [SpanRecord[], LogRecord[]] = [[], []];
      const exports = [];
      for (; sentUntil + 1000 <= batchEnd; sentUntil += 1000) {
        const traffic = second(sentUntil, story);
        spans.push(...traffic.spans);
        records.push(...traffic.logs);
        shop.count(traffic.spans);
        if (sentUntil + 1000 >= nextExport) {
          exports.push(...shop.export(nextExport));
          nextExport += EXPORT_MS;
        }
      }
      await deliver(spans, records);
      if (exports.length > 0) await send(otlp, "metrics", metrics(exports));
    }
  };

  for (let at = start - days * 1440 * MINUTE; at < start; at += 240 * MINUTE) {
    const minutes = Math.min(240, Math.round((start - at) / MINUTE));
    await deliver(Array.from({ length: minutes }, (_, minute) => thin(second(at + minute * MINUTE, story, 4).spans)).flat(), []);
  }
  await until(end, 5 * MINUTE);
  return { story, ...totals, more: (at = Date.now()) => until(at, MINUTE) };
}

export default async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      otlp: { type: "string", default: "http://127.0.0.1:4318" }, seed: { type: "string", default: "7" }, hours: { type: "string", default: "2" },
      days: { type: "string", default: "0" }, once: { type: "boolean" },
    },
  });
  const seeded = await seed({ otlp: values.otlp, seed: Number(values.seed), hours: Number(values.hours), days: Number(values.days) });
  console.log(`sent ${seeded.spans} spans and ${seeded.logs} log records`);
  while (!values.once) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await seeded.more();
  }
}
