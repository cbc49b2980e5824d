import { expect, it } from "vitest";
import type { Arrival, Rejection, SegmentGroup, SignalName } from "@/api/ingest";
import { heardOf } from "@/model/senders";
import { type Nanos, nanos, NS_PER_S } from "@/model/time";
import { gridOf } from "@/model/traffic";
import { fixOf } from "./fixes";
import { diskLeft, growthOf, ratesBySignal, reasonsOf, sendersOf, sentence, tablesOf } from "./rows";

const minute = (n: number): Nanos => nanos(BigInt(n) * 60n * NS_PER_S);
const grid = gridOf({ from: minute(0), to: minute(10) }, 10);
const arrival = (service: string, at: number, records = 60, signal: SignalName = "traces"): Arrival => ({ signal, service, at: minute(at), records, last: nanos(minute(at) + 30n * NS_PER_S) });
const every = (service: string, minutes: number[], records?: number, signal?: SignalName) => minutes.map((at) => arrival(service, at, records, signal));
const rejection = (over: Partial<Rejection>): Rejection => ({ time: minute(3), signal: "traces", reason: "trace id is empty or all zero", records: 1, service: "batch", client: "10.0.0.7", ...over });
const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

it("puts the silent first, then who is rejected, then the busiest", () => {
  const arrivals = [...every("web", all, 600), ...every("worker", [0, 1, 2, 3]), ...every("batch", all, 6), ...every("once", [2])];
  const senders = sendersOf(arrivals, reasonsOf([rejection({})], grid), grid);
  expect(senders.map((one) => one.name)).toEqual(["worker", "batch", "web", "once"]);
  expect(senders[0]?.silentSince).toBe(nanos(minute(3) + 30n * NS_PER_S));
  expect(senders[0]?.rates.slice(-2)).toEqual([null, null]);
  expect(senders[2]).toMatchObject({ perSecond: 10, silentSince: null, rejected: [] });
  // Who spoke once has no rhythm to break.
  expect(senders[3]?.silentSince).toBeNull();
});

it("lists who is only ever rejected", () => {
  const [only] = sendersOf([], reasonsOf([rejection({ records: 7 })], grid), grid);
  expect(only).toMatchObject({ name: "batch", signals: [], last: null, rejectedRecords: 7 });
});

it("adds rejections up by reason and sender, and leaves out what is older", () => {
  const whole = { records: null, service: null, reason: "malformed protobuf: field" };
  const reasons = reasonsOf([rejection({ records: 5 }), rejection({ records: 6, time: minute(4) }), rejection(whole), rejection(whole), rejection({ time: nanos(-1) })], grid);
  expect(reasons.map(({ sender, records, requests, last }) => [sender, records, requests, last])).toEqual([["batch", 11, 0, minute(4)], ["", 0, 2, minute(3)]]);
});

it("says the worst first", () => {
  const heard = heardOf([...every("web", all), ...every("worker", [0, 1, 2, 3])], grid).reverse();
  const facts = { state: "accepting", reason: null, heard, reasons: reasonsOf([rejection({ records: 1 }), rejection({ records: null, service: null })], grid) };
  expect(sentence(facts)).toBe("worker is silent, 1 record and 1 request were rejected");
  expect(sentence({ ...facts, state: "read_only", reason: "disk is full" })).toBe("Ingest is read-only: disk is full");
  expect(sentence({ ...facts, heard: heard.slice(1), reasons: [] })).toBe("All that arrives is stored");
  expect(sentence({ ...facts, heard: [], reasons: [] })).toBe("Nothing arrived in this range");
});

it("counts by signal, without the minute that still runs", () => {
  const rates = ratesBySignal([...every("web", all), ...every("api", [9], 120), ...every("web", [1], 30, "logs")], grid);
  expect([...rates.keys()]).toEqual(["traces", "logs"]);
  expect(rates.get("traces")).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 3]);
  expect(rates.get("logs")?.slice(0, 3)).toEqual([0, 0.5, 0]);
});

const segment = (over: Partial<SegmentGroup>): SegmentGroup => ({ table: "spans", day: "2026-11-22", level: 0, segments: 1, rows: 1000, bytes: 100, newest: minute(1), small: 1, small_rows: 1000, ...over });

it("knows which segments compaction will join", () => {
  const groups = [segment({ segments: 8, small: 8 }), segment({ level: 1, segments: 3, small: 2, small_rows: 300_000 }), segment({ day: "2026-11-23", segments: 7, small: 7 })];
  expect(tablesOf([...groups, segment({ table: "metric_points", segments: 2, small: 2, small_rows: 300_000, bytes: 1 })])).toMatchObject([
    { table: "spans", segments: 18, due: 10, days: 2, levels: [{ level: 0, segments: 15 }, { level: 1, segments: 3 }] },
    { table: "metric_points", due: 0 },
  ]);
});

it("says what a day takes from whole days, where there is one", () => {
  expect(growthOf([segment({ bytes: 10 }), segment({ day: "2026-11-21", bytes: 30 }), segment({ day: "2026-11-23", bytes: 1 })], "2026-11-23")).toEqual({ perDay: 20, days: 2 });
  expect(growthOf([segment({ day: "2026-11-23", bytes: 1 })], "2026-11-23")).toEqual({ perDay: 1, days: 0 });
  expect(growthOf([], "2026-11-23")).toBeNull();
});

it("says how long the disk lasts, with its working, and nothing when that is not known", () => {
  const disk = { total_bytes: 500e9, free_bytes: 120e9 };
  expect(diskLeft(disk, { perDay: 2.1e9, days: 7 })).toEqual({
    words: "57 days left at 2.10\u202fGB a day",
    working: "120\u202fGB free of 500\u202fGB ÷ 2.10\u202fGB a day, the mean of the last 7 whole days. Retention, which removes what is old, makes it last longer.",
  });
  expect(diskLeft(disk, { perDay: 200e9, days: 1 })?.words).toMatch(/^less than a day left/);
  expect(diskLeft(undefined, { perDay: 1, days: 7 })).toBeNull();
  expect(diskLeft(disk, { perDay: 1, days: 0 })).toBeNull();
  expect(diskLeft(disk, null)).toBeNull();
});

it.each([
  ["span id is not 8 bytes long", /16 and|32 and/], ["time is later than the year 2262", /nanoseconds/], ["content type 'text/plain' is not supported: send application/x-protobuf", /protobuf|OTLP/],
  ["request is larger than 16777216 bytes, as received or after decompression", /batches/], ["malformed protobuf: field has an unknown wire type or number", /4317/], ["something nobody thought of", /Mend it/],
])("has a way out of “%s”", (reason, words) => {
  const fix = fixOf(reason, "http://here:4318");
  expect(fix.why).toMatch(words);
  expect(fix.paste ?? "").not.toContain("undefined");
});
