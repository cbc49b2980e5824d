/** SLOs as the evaluator sees them: one standing for tile, chart, table and alert. */

import type { QueryClient } from "@tanstack/react-query";
import * as v from "valibot";
import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";
import { ask } from "./client";
import { type QueryOptions, type Result, useApi } from "./query";
import { integer, nanos } from "./scalar";

const counts = v.object({ good: integer, total: integer, bad: integer });
export type Counts = v.InferOutput<typeof counts>;

const tier = v.object({
  severity: v.string(),
  long_window: v.string(),
  short_window: v.string(),
  threshold: v.number(),
  /** Data state of its windows. */
  state: v.string(),
  long: v.nullish(v.number()),
  short: v.nullish(v.number()),
  long_counted: counts,
  short_counted: counts,
});
export type BurnTier = v.InferOutput<typeof tier>;

const status = {
  state: v.string(),
  until: nanos,
  period: v.object({ start: nanos, end: nanos }),
  /** Events of the period, whatever the method counts. */
  events: counts,
  /** What the method counts: events or slices of time. */
  counted: counts,
  excluded: v.object({ events: counts, seconds: v.number() }),
  sli: v.nullish(v.number()),
  budget: v.object({ consumed: v.nullish(v.number()), remaining: v.nullish(v.number()), remaining_count: v.nullish(v.number()), projected: v.nullish(v.number()) }),
  coverage: v.number(),
  exhausted_in_seconds: v.nullish(v.number()),
  exhausted_in_seconds_static: v.nullish(v.number()),
  burn_rates: v.array(tier),
};
const standing = v.object(status);
export type Standing = v.InferOutput<typeof standing>;

const sloAlert = v.object({
  kind: v.string(),
  severity: v.string(),
  long_window: v.nullish(v.string()),
  short_window: v.nullish(v.string()),
  level: v.string(),
  since: v.nullish(nanos),
  held_since: v.nullish(nanos),
  is_flapping: v.boolean(),
  resolved_at: v.nullish(nanos),
});
export type SloAlert = v.InferOutput<typeof sloAlert>;

const counting = v.object({
  is_counted: v.boolean(),
  segments_done: v.number(),
  segments_all: v.number(),
  is_estimate: v.boolean(),
  lost_segments: v.number(),
  failure: v.nullish(v.string()),
  watermark: nanos,
  settle_seconds: v.number(),
  last_heard: v.nullish(nanos),
});

const objective = v.object({
  name: v.nullish(v.string()),
  target: v.string(),
  target_parts_per_billion: v.number(),
  method: v.string(),
  window: v.object({ rolling: v.optional(v.string()), calendar: v.optional(v.string()), start: v.optional(v.string()), zone: v.optional(v.string()) }),
  sli: v.object({ key: v.string(), source: v.string(), total: v.string(), good: v.optional(v.string()), bad: v.optional(v.string()) }),
  group_by: v.optional(v.array(v.string()), []),
  status: v.optional(standing),
  alerts: v.optional(v.array(sloAlert), []),
  groups_alive: v.optional(v.number()),
  groups_firing: v.optional(v.number()),
  has_overflow: v.optional(v.boolean()),
  counting: v.optional(counting),
});
export type Objective = v.InferOutput<typeof objective>;

const texts = v.record(v.string(), v.string());
const slo = v.object({
  name: v.string(),
  display_name: v.nullish(v.string()),
  description: v.nullish(v.string()),
  service: v.string(),
  labels: texts,
  annotations: texts,
  version: v.number(),
  file: v.nullish(v.string()),
  created_at: nanos,
  evaluated_at: v.nullish(nanos),
  objectives: v.array(objective),
  text: v.optional(v.string()),
});
export type Slo = v.InferOutput<typeof slo>;

const name = (of: string) => `/api/v1/slos/${encodeURIComponent(of)}`;

export const useSlos = (): Result<{ slos: Slo[] }> =>
  useApi({ doing: "list SLOs", path: "/api/v1/slos", schema: v.object({ slos: v.array(slo) }) }, { poll: true });

export const useSlo = (of: string): Result<Slo> => useApi({ doing: `read the SLO ${of}`, path: name(of), schema: slo }, { poll: true });

const point = v.object({ ...status, time: nanos });
export type Point = v.InferOutput<typeof point>;
const graph = v.object({ points: v.array(point) });

/** How an objective stood at each step of its period. */
export const useSloGraph = (of: string, ask: { objective: number; group?: string; start?: Nanos; end?: Nanos; step?: string }, options: QueryOptions = {}): Result<{ points: Point[] }> =>
  useApi({ doing: "read the burn-down", path: `${name(of)}/graph`, params: ask, schema: graph }, options);

const slice = v.pipe(v.tuple([nanos, v.number(), v.number()]), v.transform(([at, good, total]) => ({ at, good, total })));
const slices = v.object({ slices: v.array(slice), slice_seconds: v.number(), truncated: v.boolean() });
export type Slices = v.InferOutput<typeof slices>;

export const useSloSlices = (of: string, objective: number, range: Range, options: QueryOptions = {}): Result<Slices> =>
  useApi({ doing: "read the counted slices", path: `${name(of)}/slices`, params: { objective, start: range.from, end: range.to }, schema: slices }, options);

const group = v.object({ group: v.union([v.string(), v.record(v.string(), v.nullable(v.string()))]), is_gone: v.boolean(), status: standing, alerts: v.array(sloAlert) });
export type Group = v.InferOutput<typeof group>;
const groups = v.object({ group_by: v.array(v.string()), groups: v.array(group), truncated: v.boolean() });

export const useSloGroups = (of: string, objective: number, options: QueryOptions = {}): Result<v.InferOutput<typeof groups>> =>
  useApi({ doing: "read the groups", path: `${name(of)}/groups`, params: { objective }, schema: groups }, { poll: true, ...options });

const version = v.object({ version: v.number(), file: v.nullish(v.string()), created_at: nanos, deleted_at: v.nullish(nanos), text: v.string() });
export type Version = v.InferOutput<typeof version>;

export const useSloVersions = (of: string): Result<{ versions: Version[] }> =>
  useApi({ doing: "read the versions", path: `${name(of)}/versions`, schema: v.object({ versions: v.array(version) }) });

const transition = v.object({
  slo: v.string(),
  version: v.number(),
  objective: v.number(),
  group: v.nullish(v.array(v.nullable(v.string()))),
  kind: v.string(),
  severity: v.string(),
  long_window: v.nullish(v.string()),
  short_window: v.nullish(v.string()),
  at: nanos,
  until: nanos,
  level: v.string(),
  reason: v.string(),
});
export type Transition = v.InferOutput<typeof transition>;

export const useSloTransitions = (of: string | undefined, limit = 200): Result<{ transitions: Transition[] }> =>
  useApi({ doing: "read what alerts did", path: "/api/v1/slos/transitions", params: { slo: of, limit }, schema: v.object({ transitions: v.array(transition) }) }, { poll: true });

const replayed = v.object({
  kind: v.string(), severity: v.string(), long_window: v.nullish(v.string()), short_window: v.nullish(v.string()), until: nanos, level: v.string(),
});
const outcome = {
  transitions: v.array(replayed),
  firing_seconds: v.array(v.object({ kind: v.string(), long_window: v.nullish(v.string()), short_window: v.nullish(v.string()), seconds: v.number() })),
  status: v.nullish(standing),
};
const backtest = v.object({ slos: v.array(v.object({ name: v.string(), objectives: v.array(v.object({ ...outcome, target: v.string() })) })) });
export type Backtest = v.InferOutput<typeof backtest>;
export type Replayed = v.InferOutput<typeof replayed>;

const YAML = "application/yaml";

const BACKTEST_PATH = "/api/v1/slos/backtest";
/** Stops what is going through the history; its request is aborted. */
export const cancelBacktests = (client: QueryClient): Promise<void> => client.cancelQueries({ predicate: (query) => query.queryKey.includes(BACKTEST_PATH) });

/** What a policy would have done over stored history, by the evaluator that alerts come from. */
export const useBacktest = (text: string, range: { start: string; end: string }, options: QueryOptions = {}): Result<Backtest> =>
  useApi({ doing: "go through the history", path: BACKTEST_PATH, params: range, body: text, contentType: YAML, schema: backtest }, options);

const names = v.object({ names: v.array(v.string()) });
export const saveSlo = (text: string): Promise<{ names: string[] }> => ask({ doing: "save the SLO", path: "/api/v1/slos", body: text, contentType: YAML, schema: names });
export const deleteSlo = (of: string): Promise<unknown> => ask({ doing: `delete the SLO ${of}`, method: "DELETE", path: name(of), schema: v.unknown() });
