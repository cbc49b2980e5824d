/** Pure shaping of an explanation: shares that sum to the whole, what differs, the way to the cause. */

import type { AttributeShare, Example, Explanation, Operation } from "@/api/explain";
import { wilson } from "@/model/statistics";
import type { Nanos } from "@/model/time";

export interface Cause {
  key: string;
  operation: Operation;
  share: number;
  /** 95 %. */
  interval: [number, number];
  /** Services from the event to what is to blame, from an example. */
  path: string[];
  /** What an example's span said. */
  message: string | null;
}

export interface Causes {
  rows: Cause[];
  /** What the rows leave: it sums to the whole. */
  other: { spent: number; share: number; count: number } | null;
}

const SHOWN_MAX = 5;
const SHARE_MIN = 0.01;

export interface SpanOfExample {
  trace_id: string;
  span_id: string;
  parent_span_id: string | null;
  service: string;
  start: Nanos;
  duration: Nanos;
  failed: boolean;
}

export function causesOf(explanation: Explanation, spans: readonly SpanOfExample[], root: string): Causes {
  const bad = explanation.window.bad;
  const all = [...explanation.operations].sort((a, b) => b.spent - a.spent);
  const shown = all.filter((one) => bad > 0 && one.spent / bad >= SHARE_MIN).slice(0, SHOWN_MAX);
  const rows = shown.map((operation): Cause => {
    const example = explanation.examples.find((one) => one.culprit?.service === operation.service && one.culprit.operation === operation.operation);
    return {
      key: `${operation.service}\n${operation.operation}\n${operation.how}\n${operation.callee ?? ""}`,
      operation,
      share: operation.spent / bad,
      interval: wilson(operation.spent, bad),
      path: (example && pathTo(example, spans)) ?? (operation.service === root ? [root] : [root, "…", operation.service]),
      message: example?.culprit?.status_message ? example.culprit.status_message : null,
    };
  });
  const left = bad - rows.reduce((sum, row) => sum + row.operation.spent, 0);
  return { rows, other: left >= 0.5 ? { spent: left, share: left / bad, count: all.length - shown.length } : null };
}

/** Services on the way from an example's event down to the span to blame. */
export function pathTo(example: Example, spans: readonly SpanOfExample[]): string[] | null {
  const own = new Map(spans.filter((span) => span.trace_id === example.trace_id).map((span) => [span.span_id, span]));
  const path: string[] = [];
  let at = example.culprit ? own.get(example.culprit.span_id) : undefined;
  for (let steps = 0; at && steps < 200; steps++) {
    if (path[0] !== at.service) path.unshift(at.service);
    if (at.span_id === example.span_id) return path;
    at = at.parent_span_id ? own.get(at.parent_span_id) : undefined;
  }
  return path.length > 0 ? path : null;
}

export interface Difference {
  attribute: AttributeShare;
  /** Shares, 0 to 1. */
  bad: number;
  other: number;
}

export interface Differences {
  /** What bad events have much more often: versions first, then by how much. */
  rows: Difference[];
  /** As large, but it only says again that they failed, and how. */
  outcomes: Difference[];
  /** More than chance, and yet little. */
  small: Difference[];
  /** Events looked at one by one, of either kind. */
  badCount: number;
  otherCount: number;
  /** Attributes that do not differ by more than chance. */
  same: number;
}

/** What only says again that an event is bad. */
const OUTCOMES = /(^|\.)(status_code|error\.type|status\.code|exception\.[a-z]+|status_message)$/;
/** What an event did: where no other does it, it follows from the failure. */
const DEEDS = /(^|\.)(rpc\.method|db\.[a-z.]+|messaging\.[a-z.]+)$/;
const EXAMINED_MAX = 400;
/** Of shares: less tells only a part of the bad events from the others, as a customer of many does. */
const LARGE = 0.3;

/** Values that bad events have more often, versions first, then by effect; what only names the failure, and what differs little, apart. */
export function differencesOf(explanation: Explanation, most = 6): Differences {
  const looked = explanation.window.looked_at + explanation.before.looked_at;
  const badCount = badLookedAt(explanation.attributes, looked, Math.min(EXAMINED_MAX, explanation.window.bad));
  const otherCount = looked - badCount;
  // A version may be among both.
  const versions = new Set(explanation.versions.map(attributeKey));
  const all = [...explanation.versions, ...explanation.attributes.filter((one) => !versions.has(attributeKey(one)))];
  const ranked = all
    .filter((one) => one.is_significant && one.difference > 0)
    .sort((a, b) => Number(versions.has(attributeKey(b))) - Number(versions.has(attributeKey(a))) || b.difference - a.difference)
    .map((attribute): Difference => ({ attribute, bad: badCount > 0 ? attribute.bad / badCount : 0, other: otherCount > 0 ? attribute.other / otherCount : 0 }));
  const large = ranked.filter(({ attribute }) => attribute.difference >= LARGE);
  return {
    rows: large.filter((one) => !isOutcome(one.attribute)).slice(0, most),
    outcomes: large.filter((one) => isOutcome(one.attribute)),
    small: ranked.filter(({ attribute }) => attribute.difference < LARGE),
    badCount, otherCount,
    same: explanation.attributes.filter((one) => !one.is_significant).length,
  };
}

export const attributeKey = ({ service, name, value }: Pick<AttributeShare, "service" | "name" | "value">): string => `${service}\n${name}\n${value}`;
const isOutcome = ({ name, other }: AttributeShare): boolean => OUTCOMES.test(name) || (other === 0 && DEEDS.test(name));

/** How many bad events were looked at: the one number by which all differences come out. */
export function badLookedAt(attributes: readonly AttributeShare[], looked: number, most: number): number {
  if (attributes.length === 0) return most;
  const some = attributes.slice(0, 12);
  let [best, least] = [most, Infinity];
  for (let bad = Math.max(1, ...some.map((one) => one.bad)); bad <= Math.min(most, looked - 1); bad++) {
    const off = some.reduce((sum, one) => sum + Math.abs(one.bad / bad - one.other / (looked - bad) - one.difference), 0);
    if (off < least - 1e-12) [best, least] = [bad, off];
  }
  return best;
}

export interface Lane {
  service: string;
  /** Of the example's width, 0 to 1. */
  from: number;
  to: number;
  culprit: boolean;
}

/** An example as a few bars: the widest span of each service on the way down, the one to blame last and red. */
export function lanesOf(example: Pick<Example, "trace_id" | "start" | "duration" | "culprit">, spans: readonly SpanOfExample[], longest: Nanos, most = 3): Lane[] {
  const own = spans.filter((span) => span.trace_id === example.trace_id);
  const first = own.reduce<Nanos | null>((at, span) => (at === null || span.start < at ? span.start : at), null) ?? example.start;
  const culprit = own.find((span) => span.span_id === example.culprit?.span_id);
  const widest = new Map<string, SpanOfExample>();
  for (const span of own) {
    const known = widest.get(span.service);
    if (!known || span.duration > known.duration) widest.set(span.service, span);
  }
  const ordered = [...widest.values()].sort((a, b) => (a.duration > b.duration ? -1 : 1)).filter((span) => span.service !== culprit?.service).slice(0, culprit ? most - 1 : most);
  const lane = (span: SpanOfExample, isCulprit: boolean): Lane => {
    const width = Number(longest) || 1;
    const from = Number(span.start - first) / width;
    return { service: span.service, from, to: from + Number(span.duration) / width, culprit: isCulprit };
  };
  return [...ordered.map((span) => lane(span, false)), ...(culprit ? [lane(culprit, true)] : [])];
}

/** TraceQL of the events that a cause spent. */
export function causeQuery(operation: Operation): string {
  const text = (value: string) => JSON.stringify(value);
  const parts = [`resource.service.name = ${text(operation.service)}`, `name = ${text(operation.operation)}`];
  if (operation.how === "failing") parts.push("status = error");
  else if (operation.usual !== null && operation.usual !== undefined) parts.push(`duration > ${String(operation.usual)}ns`);
  return `{ ${parts.join(" && ")} }`;
}
