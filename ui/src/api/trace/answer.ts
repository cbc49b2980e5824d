/** A trace as the server answers it, and as the tree that is drawn. Runs on the page or in a worker. */

import * as v from "valibot";
import { buildTree, type TraceTree } from "@/model/trace/tree";
import { nanos } from "../scalar";
import { stats } from "../sql";

const attributes = v.record(v.string(), v.unknown());
const name = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const resource = v.object({ attributes: v.optional(attributes, {}) });
const event = v.object({ time: nanos, name: v.string(), attributes });
const link = v.object({ trace_id: v.nullable(v.string()), span_id: v.nullable(v.string()), attributes });
export const span = v.object({
  trace_id: v.string(),
  span_id: v.string(),
  parent_span_id: v.nullable(v.string()),
  name: v.string(),
  kind: name,
  start_time: nanos,
  duration: nanos,
  status: v.object({ code: name, message: v.string() }),
  service: v.string(),
  resource,
  scope: v.object({ name: v.optional(v.string(), ""), version: v.optional(v.string(), "") }),
  attributes,
  events: v.array(event),
  links: v.array(link),
  ingested_at: nanos,
});
/** Everything that is stored of a span. */
export type Span = v.InferOutput<typeof span>;

const log = v.object({
  id: v.string(),
  time: nanos,
  severity: v.string(),
  severity_number: v.number(),
  body: v.optional(v.unknown()),
  span_id: v.nullable(v.string()),
  service: v.string(),
});
const skew = v.object({ service: v.string(), caller: v.string(), offset: nanos, calls: v.number(), outside: v.number() });
export type ClockSkew = v.InferOutput<typeof skew>;

export const answer = v.object({
  trace_id: v.string(),
  spans: v.array(span),
  logs: v.array(log),
  critical_path: v.array(v.object({ span_id: v.string(), start_time: nanos, duration: nanos })),
  roots: v.number(),
  orphans: v.number(),
  missing_parents: v.array(v.string()),
  clock_skew: v.array(skew),
  truncated: v.boolean(),
  stats,
});
export type Answer = v.InferOutput<typeof answer>;

/** What the page keeps of a trace; spans in full stay where they were read. */
export interface TraceFacts extends Pick<Answer, "trace_id" | "roots" | "orphans" | "missing_parents" | "clock_skew" | "truncated" | "stats"> {
  tree: TraceTree;
}

/** A body as text: strings as they are, all else as JSON. */
const bodyText = (body: unknown): string => (body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body));

export function factsOf({ spans, logs, critical_path: path, ...facts }: Answer): TraceFacts {
  const tree = buildTree({
    spans: spans.map((s) => ({
      id: s.span_id, parent: s.parent_span_id, service: s.service, name: s.name, kind: s.kind, start: s.start_time, duration: s.duration,
      error: s.status.code === "error", events: s.events.map((e) => e.time), links: s.links.length,
    })),
    logs: logs.map((l) => ({ id: l.id, span: l.span_id, time: l.time, severity: l.severity, severityNumber: l.severity_number, body: bodyText(l.body), service: l.service })),
    path: path.map((segment) => ({ span: segment.span_id, start: segment.start_time, duration: segment.duration })),
  });
  return { ...facts, tree };
}
