/** The page's words: what is wrong, since when, of whose making. Facts in, text out. */

import type { Step } from "@/model/change";
import type { Range } from "@/model/range";
import { type Heard, reportingWords } from "@/model/senders";
import type { Standing } from "@/model/standing";
import { holdsSpan } from "@/model/trace/holds";
import { duration, group } from "@/model/units";
import { hms, type Nanos, subtract, when, type Zone } from "@/model/time";
import type { Deploy } from "@/model/versions";
import type { Attention } from "./attention";

export interface Onset {
  at: Nanos;
  /** When it was over again; null while it goes on. */
  until: Nanos | null;
  step: Step;
}

/** `3 in 100`, `4 in 1 000`: a share in words. */
export function oneIn(share: number): string {
  if (share >= 0.995) return "all";
  const of = share >= 0.01 ? 100 : share >= 0.001 ? 1_000 : 10_000;
  return `${Math.max(1, Math.round(share * of))} in ${group(of)}`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What fails: since when, if that lies in the range; else how much of the whole range. */
export interface Failing {
  onset: Onset | null;
  share: number;
  from: Nanos;
  /** Of what began before the range and was over within it: when, and how bad it was until then. */
  over?: { at: Nanos; share: number } | null;
}

/** Shares are of the events of the first card's SLO, so it is the SLO that is named: its service may do other things well. */
export function headlineOf(cards: readonly Attention[], standings: readonly Standing[], { onset, share, from, over = null }: Failing, services: number, now: Nanos, zone: Zone): string {
  const first = cards[0];
  if (!first) return calm(standings, services);
  const at = (time: Nanos) => when(time, now, zone);
  const since = onset ? ` since ${at(onset.at)}` : first.since ? ` since ${at(first.since)}` : "";
  if (first.kind === "held") return `${first.service} sends no telemetry${since}`;
  if (!first.standing) return capital(first.title.replace(/\.$/, ""));
  const subject = capital(first.standing.title);
  if (onset?.until) return `${subject} failed ${oneIn(onset.step.after)} events from ${at(onset.at)} to ${at(onset.until)}`;
  if (!onset && over) return `${subject} failed ${oneIn(over.share)} events until ${at(over.at)}, from before ${at(from)}`;
  if (onset) return `${subject} fails ${oneIn(onset.step.after)} events${since}`;
  if (share > 0) return `${subject} fails ${oneIn(share)} events since before ${at(from)}`;
  return `${subject} burns its budget${since}`;
}

function calm(standings: readonly Standing[], services: number): string {
  const spent = standings.filter((one) => one.left !== null && one.left <= 0);
  if (spent[0]) return spent.length === 1 ? `${capital(spent[0].title)} has spent its budget; nothing fires` : `${spent.length} SLOs have spent their budgets; nothing fires`;
  if (standings.length === 0) return services === 0 ? "Overview" : `${services} ${services === 1 ? "service reports" : "services report"}; no SLO is defined yet`;
  return standings.length === 1 ? "The one SLO is measured and within budget" : `All ${standings.length} SLOs are measured and within budget`;
}

/** `1 page, 1 ticket, 1 held · 5 of 7 SLOs healthy · 11 of 12 senders reporting`. */
export function noteOf(cards: readonly Attention[], healthy: number, standings: number, heard: readonly Heard[]): string {
  const of = (kind: Attention["kind"], many: string) => {
    const n = cards.filter((card) => card.kind === kind).length + (kind === "held" ? 0 : cards.reduce((sum, card) => sum + card.also.filter((one) => one.kind === kind).length, 0));
    return n === 0 ? [] : [`${n} ${n === 1 ? kind : many}`];
  };
  const firing = [...of("page", "pages"), ...of("ticket", "tickets"), ...of("held", "held")].join(", ");
  return [
    ...(firing ? [firing] : []),
    ...(standings > 0 ? [`${healthy} of ${standings} SLOs healthy`] : []),
    ...(heard.length > 0 ? [reportingWords(heard)] : []),
  ].join(" · ");
}

export interface Found {
  window: { bad: number };
  operations: readonly { service: string; operation: string; caller?: string | null | undefined; callee?: string | null | undefined; how: string; spent: number; is_significant: boolean; usual?: Nanos | null | undefined; now?: Nanos | null | undefined }[];
  versions: readonly { service: string; value: string; difference: number; is_significant: boolean }[];
  examples: readonly { trace_id: string; start: Nanos; duration: Nanos; culprit?: { service: string; operation: string; status_message: string } | null | undefined }[];
}

export interface Cause {
  /** Of the bad events. */
  share: number;
  where: string;
  how: string;
  /** What the failing span said. */
  said: string;
  /** `690 ms, usually 11.2 ms`, of what is slow. */
  usual: string;
  /** A deploy shortly before it began, of a version that the bad events tell apart. */
  deploy: { service: string; version: string; before: Nanos } | null;
  /** The slowest example, and a time that holds its log records. */
  worst: { trace: string; logs: Range } | null;
}

/** The cause as Explain found it; null until it is significant. */
export function causeOf(found: Found, onset: Onset | null, deploys: readonly Deploy[]): Cause | null {
  const operation = [...found.operations].filter((one) => one.is_significant).sort((a, b) => b.spent - a.spent)[0];
  if (!operation || found.window.bad === 0) return null;
  const example = found.examples.find((one) => one.culprit?.service === operation.service && one.culprit.operation === operation.operation) ?? found.examples[0];
  const worst = [...found.examples].sort((a, b) => (a.duration > b.duration ? -1 : 1))[0];
  return {
    share: Math.min(1, operation.spent / found.window.bad),
    where: operation.callee ? `${operation.caller ?? operation.service} → ${operation.callee}` : `${operation.service} · ${operation.operation}`,
    how: operation.how, usual: operation.how !== "failing" && operation.now && operation.usual ? `${duration(operation.now)}, usually ${duration(operation.usual)}` : "",
    said: example?.culprit?.status_message ?? "", worst: worst ? { trace: worst.trace_id, logs: holdsSpan(worst.start, worst.duration) } : null, deploy: deployBefore(found, onset, deploys),
  };
}

function deployBefore(found: Found, onset: Onset | null, deploys: readonly Deploy[]): Cause["deploy"] {
  if (!onset) return null;
  for (const version of found.versions) {
    if (!version.is_significant || version.difference <= 0) continue;
    const deploy = deploys.find((one) => one.service === version.service && one.to === version.value);
    if (deploy && deploy.at <= onset.at) return { service: deploy.service, version: deploy.to, before: subtract(onset.at, deploy.at) };
  }
  return null;
}

/** `firing 13 min`. */
export const age = (since: Nanos, now: Nanos): string => duration(roundTo(subtract(now, since)));
/** Ages in whole minutes above one: `13 min`, not `13 min 4 s`. */
const roundTo = (span: Nanos): Nanos => {
  const unit = span >= 7_200_000_000_000n ? 3_600_000_000_000n : span >= 60_000_000_000n ? 60_000_000_000n : 1_000_000_000n;
  return ((span / unit) * unit) as Nanos;
};

export const lastHeardAt = (at: Nanos, zone: Zone): string => hms(at, zone);
