/** Senders, rejections and segments as the page shows them. */

import type { Arrival, Rejection, SegmentGroup, SignalName } from "@/api/ingest";
import { type Heard, rhythmOf } from "@/model/senders";
import { type Nanos, toSeconds } from "@/model/time";
import type { Grid } from "@/model/traffic";
import { bytes } from "@/model/units";

export interface RejectedReason {
  key: string;
  reason: string;
  signal: string;
  sender: string;
  client: string;
  /** Records; those of requests that were refused whole were never counted. */
  records: number;
  requests: number;
  last: Nanos;
}

/** Rejections of a range, by reason and sender, the most first. */
export function reasonsOf(rejections: readonly Rejection[], grid: Grid): RejectedReason[] {
  const reasons = new Map<string, RejectedReason>();
  for (const one of rejections) {
    if (one.time < grid.range.from) continue;
    const [sender, client] = [one.service ?? "", one.client ?? ""];
    const key = [one.signal, sender, one.service === null ? client : "", one.reason].join(" · ");
    const row = reasons.get(key) ?? { key, reason: one.reason, signal: one.signal, sender, client, records: 0, requests: 0, last: one.time };
    row.records += one.records ?? 0;
    row.requests += one.records === null ? 1 : 0;
    if (one.time > row.last) row.last = one.time;
    reasons.set(key, row);
  }
  return [...reasons.values()].sort((a, b) => b.records + b.requests - a.records - a.requests || (a.last < b.last ? 1 : -1));
}

export interface Sender {
  name: string;
  signals: SignalName[];
  records: number;
  /** Of the last whole intervals. */
  perSecond: number;
  /** Records per second of each interval; null while it was silent. */
  rates: (number | null)[];
  last: Nanos | null;
  /** When it fell silent, by its own rhythm. */
  silentSince: Nanos | null;
  rejected: RejectedReason[];
  rejectedRecords: number;
}

/** How many of the last whole intervals the rate is of. */
const RECENT = 5;
export const ORDER: SignalName[] = ["traces", "logs", "metrics"];

/** Who sends: the silent first, then who is rejected, then the busiest. */
export function sendersOf(arrivals: readonly Arrival[], reasons: readonly RejectedReason[], grid: Grid): Sender[] {
  const byName = new Map<string, Arrival[]>();
  for (const row of arrivals) {
    const own = byName.get(row.service);
    if (own) own.push(row);
    else byName.set(row.service, [row]);
  }
  for (const { sender } of reasons) if (sender !== "" && !byName.has(sender)) byName.set(sender, []);
  const senders = [...byName].map(([name, own]) => senderOf(name, own, reasons.filter((one) => one.sender === name && name !== ""), grid));
  const rank = (one: Sender) => (one.silentSince !== null ? 0 : one.rejected.length > 0 ? 1 : 2);
  return senders.sort((a, b) => rank(a) - rank(b) || b.records - a.records || (a.name < b.name ? -1 : 1));
}

function senderOf(name: string, rows: readonly Arrival[], rejected: RejectedReason[], grid: Grid): Sender {
  const counts = new Map<Nanos, number>();
  for (const row of rows) counts.set(row.at, (counts.get(row.at) ?? 0) + row.records);
  const step = toSeconds(grid.step);
  const { last, silentSince, silentFrom, firstHeard } = rhythmOf(rows, grid);
  const rates = grid.times.map((at, index) => (index < firstHeard || index >= silentFrom ? null : (counts.get(at) ?? 0) / step));
  const recent = grid.times.slice(-RECENT);
  return {
    name, rejected, rates, silentSince, last: rows.length === 0 ? null : last,
    signals: ORDER.filter((signal) => rows.some((row) => row.signal === signal)),
    records: rows.reduce((sum, row) => sum + row.records, 0),
    perSecond: recent.reduce((sum, at) => sum + (counts.get(at) ?? 0), 0) / Math.max(step * recent.length, 1),
    rejectedRecords: rejected.reduce((sum, one) => sum + one.records, 0),
  };
}

/** Records per second of each whole interval, by signal. */
export function ratesBySignal(arrivals: readonly Arrival[], grid: Grid): Map<SignalName, number[]> {
  const index = new Map(grid.times.map((at, i) => [at, i]));
  const rates = new Map<SignalName, number[]>();
  for (const row of arrivals) {
    const at = index.get(row.at);
    const own = rates.get(row.signal) ?? grid.times.map(() => 0);
    rates.set(row.signal, own);
    if (at !== undefined) own[at] = (own[at] ?? 0) + row.records / toSeconds(grid.step);
  }
  return new Map(ORDER.flatMap((signal) => (rates.has(signal) ? [[signal, rates.get(signal) ?? []] as const] : [])));
}

export interface Facts {
  state: string;
  reason: string | null;
  heard: readonly Heard[];
  reasons: readonly RejectedReason[];
}

const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

/** The page's sentence of fact: the worst first. */
export function sentence({ state, reason, heard, reasons }: Facts): string {
  if (state === "read_only") return `Ingest is read-only${reason ? `: ${reason}` : ""}`;
  if (state === "starting") return "The server reads its write-ahead log; ingest waits";
  const silent = heard.filter((one) => one.silentSince !== null);
  const records = reasons.reduce((sum, one) => sum + one.records, 0);
  const requests = reasons.reduce((sum, one) => sum + one.requests, 0);
  const parts = [
    ...(silent.length === 0 ? [] : [silent.length === 1 ? `${nameOf(silent[0]?.name ?? "")} is silent` : `${silent.length} of ${heard.length} senders are silent`]),
    ...(records + requests === 0 ? [] : [[...(records > 0 ? [plural(records, "record", "records")] : []), ...(requests > 0 ? [plural(requests, "request", "requests")] : [])].join(" and ") + (records + requests === 1 ? " was rejected" : " were rejected")]),
  ];
  if (parts.length > 0) return parts.join(", ");
  return heard.length === 0 ? "Nothing arrived in this range" : "All that arrives is stored";
}

/** Senders that say no `service.name`: rules of ours, remote write, bare exporters. */
export const nameOf = (sender: string): string => (sender === "" ? "no service.name" : sender);

export interface TableSegments {
  table: string;
  segments: number;
  rows: number;
  bytes: number;
  levels: { level: number; segments: number }[];
  /** Segments that compaction will join next. */
  due: number;
  days: number;
  newest: Nanos;
}

/** So many of one day and level are joined whatever their size; fewer when they have rows enough together. */
const JOINED = 8;
const rowsEnough = (table: string) => (table === "metric_points" ? 786_432 : 262_144);
const isDue = (group: SegmentGroup) => group.small >= JOINED || (group.small > 1 && group.small_rows >= rowsEnough(group.table));

/** Segments by table, the largest first. */
export function tablesOf(groups: readonly SegmentGroup[]): TableSegments[] {
  const byTable = new Map<string, SegmentGroup[]>();
  for (const group of groups) byTable.set(group.table, [...(byTable.get(group.table) ?? []), group]);
  const tables = [...byTable].map(([table, own]): TableSegments => {
    const add = (of: (group: SegmentGroup) => number) => own.reduce((sum, group) => sum + of(group), 0);
    const levels = [...new Set(own.map((group) => group.level))].sort((a, b) => a - b);
    return {
      table, segments: add((g) => g.segments), rows: add((g) => g.rows), bytes: add((g) => g.bytes), due: add((g) => (isDue(g) ? g.small : 0)),
      levels: levels.map((level) => ({ level, segments: own.filter((g) => g.level === level).reduce((sum, g) => sum + g.segments, 0) })),
      days: new Set(own.map((g) => g.day)).size,
      newest: own.reduce((latest, g) => (g.newest > latest ? g.newest : latest), own[0]?.newest ?? (0n as Nanos)),
    };
  });
  return tables.sort((a, b) => b.bytes - a.bytes);
}

export interface Growth {
  /** Bytes that one day of telemetry takes. */
  perDay: number;
  /** How many whole days it is the mean of; none when today is the only day there is. */
  days: number;
}

/** The mean of the last whole days; of today, as far as it has come, where there is no other. */
export function growthOf(groups: readonly SegmentGroup[], today: string): Growth | null {
  const days = new Map<string, number>();
  for (const { day, bytes } of groups) days.set(day, (days.get(day) ?? 0) + bytes);
  const whole = [...days].filter(([day]) => day < today).sort(([a], [b]) => (a < b ? 1 : -1)).slice(0, 7);
  const sofar = days.get(today);
  if (whole.length === 0) return sofar === undefined ? null : { perDay: sofar, days: 0 };
  return { perDay: whole.reduce((sum, [, bytes]) => sum + bytes, 0) / whole.length, days: whole.length };
}

export interface DiskLeft {
  /** `57 days left at 2.10 GB a day`. */
  words: string;
  working: string;
}

/** How long the disk lasts; null while its free room, or what a whole day takes, is not known. */
export function diskLeft(disk: { total_bytes: number; free_bytes: number } | null | undefined, growth: Growth | null): DiskLeft | null {
  if (!disk || !growth || growth.days === 0 || growth.perDay <= 0) return null;
  const left = Math.floor(disk.free_bytes / growth.perDay);
  const perDay = bytes(Math.round(growth.perDay));
  return {
    words: `${left >= 3650 ? "over 10 years" : left === 0 ? "less than a day" : plural(left, "day", "days")} left at ${perDay} a day`,
    working: `${bytes(disk.free_bytes)} free of ${bytes(disk.total_bytes)} ÷ ${perDay} a day, the mean of the last ${plural(growth.days, "whole day", "whole days")}. Retention, which removes what is old, makes it last longer.`,
  };
}
