/** Two traces side by side, and traces that one may be compared with. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Result, useApi } from "../query";
import { nanos } from "../scalar";

const word = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const side = v.nullable(v.object({ span_id: v.string(), offset: nanos, duration: nanos, status: word }));
const compared = v.object({
  a: v.string(),
  b: v.string(),
  same: v.number(),
  changed: v.number(),
  added: v.number(),
  removed: v.number(),
  truncated: v.boolean(),
  spans: v.array(v.object({
    parent: v.nullable(v.number()), service: v.string(), name: v.string(), change: v.picklist(["same", "changed", "added", "removed"]), a: side, b: side,
    duration_difference: v.nullable(nanos), attributes: v.array(v.object({ key: v.string(), a: v.optional(v.unknown()), b: v.optional(v.unknown()) })),
  })),
});
export type Compared = v.InferOutput<typeof compared>;
export type ComparedSpan = Compared["spans"][number];

export const comparePath = (a: string, b: string): string => `/api/v1/traces/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`;

export const useCompared = (a: string, b: string): Result<Compared> =>
  useApi({ doing: "compare the two traces", path: "/api/v1/traces/compare", params: { a, b }, schema: compared }, { enabled: b !== "" });

const found = v.object({
  traces: v.array(v.object({ trace_id: v.string(), start_time: nanos, duration: nanos, services: v.record(v.string(), v.object({ spans: v.number(), errors: v.number() })) })),
});
export type Candidate = v.InferOutput<typeof found>["traces"][number];

/** The newest traces whose root is the same operation. */
export const useCandidates = (query: string, range: Range, enabled: boolean): Result<{ traces: Candidate[] }> =>
  useApi({ doing: "find traces alike", path: "/api/v1/traces", params: { query, start: range.from, end: range.to, limit: 100, spans: 1 }, schema: found }, { enabled });
