/** Explain: what spent a budget, now or as it was found when an alert fired. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type QueryOptions, type Result, useApi } from "./query";
import { nanos } from "./scalar";

const stretch = v.object({ start: nanos, end: nanos, good: v.number(), bad: v.number(), looked_at: v.number() });
const tested = { p_value: v.number(), q_value: v.number(), is_significant: v.boolean() };
const culprit = v.object({ service: v.string(), spent: v.number(), expected: v.number(), share: v.number(), failing: v.number(), ...tested });
export type Culprit = v.InferOutput<typeof culprit>;
const operation = v.object({
  service: v.string(), operation: v.string(), how: v.string(), caller: v.nullish(v.string()), callee: v.nullish(v.string()),
  spent: v.number(), expected: v.number(), usual: v.nullish(nanos), now: v.nullish(nanos), ...tested,
});
export type Operation = v.InferOutput<typeof operation>;
const attribute = v.object({ service: v.string(), name: v.string(), value: v.string(), bad: v.number(), other: v.number(), difference: v.number(), ...tested });
export type AttributeShare = v.InferOutput<typeof attribute>;
const log = v.object({ time: nanos, span_id: v.nullish(v.string()), service: v.string(), severity: v.string(), body: v.string() });
const example = v.object({
  trace_id: v.string(), span_id: v.nullish(v.string()), service: v.string(), name: v.string(), start: nanos, duration: nanos,
  culprit: v.nullish(v.object({ span_id: v.string(), service: v.string(), operation: v.string(), how: v.string(), took: nanos, status_message: v.string() })),
  logs: v.array(log),
});
export type Example = v.InferOutput<typeof example>;

const explanation = {
  version: v.number(),
  window: stretch,
  before: stretch,
  services: v.array(culprit),
  operations: v.array(operation),
  attributes: v.array(attribute),
  versions: v.array(attribute),
  examples: v.array(example),
  summary: v.string(),
  tests: v.number(),
  is_estimate: v.boolean(),
  warnings: v.array(v.string()),
  slo: v.optional(v.string()),
  objective: v.optional(v.number()),
};
const computed = v.object(explanation);
const evidence = v.object({
  ...explanation,
  id: v.string(), fingerprint: v.string(), starts_at: nanos, made_at: nanos, labels: v.record(v.string(), v.string()),
  firings: v.array(v.object({ id: v.string(), starts_at: nanos })),
});
export type Explanation = v.InferOutput<typeof computed>;
export type Evidence = v.InferOutput<typeof evidence>;

/** What spent the budget of an objective in a window. */
export const useExplain = (slo: string, ask: { objective: number; group?: string; window: Range | null }, options: QueryOptions = {}): Result<Explanation> =>
  useApi(
    {
      doing: "explain what spent the budget",
      path: `/api/v1/slos/${encodeURIComponent(slo)}/explain`,
      params: { objective: ask.objective, group: ask.group, start: ask.window?.from, end: ask.window?.to },
      schema: computed,
    },
    options,
  );

/** What was found when an alert began to fire; never changes. */
export const useEvidence = (alert: string, options: QueryOptions = {}): Result<Evidence> =>
  useApi({ doing: "read the evidence", path: `/api/v1/alerts/${encodeURIComponent(alert)}/explain`, schema: evidence }, options);
