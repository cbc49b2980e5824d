/** Where the time of one trace or of many went, by path of services and operations. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Result, useApi } from "../query";
import { nanos } from "../scalar";
import { stats } from "../sql";

const flame = v.object({
  nodes: v.array(v.object({
    parent: v.nullable(v.number()), service: v.string(), name: v.string(), spans: v.number(), errors: v.number(), self_time: nanos, total_time: nanos,
  })),
  traces: v.number(),
  truncated: v.boolean(),
  stats,
});
export type Flame = v.InferOutput<typeof flame>;

export const useFlame = (id: string, path: boolean): Result<Flame> =>
  useApi(
    { doing: "read the flame graph", path: `/api/v1/traces/${encodeURIComponent(id)}/flame-graph`, params: { time: path ? "critical_path" : "all" }, schema: flame },
    { immutable: true },
  );

/** Of the newest traces that a query finds, the time on their critical paths. */
export const usePathOf = (query: string, range: Range, enabled: boolean): Result<Flame> =>
  useApi(
    { doing: "read where traces alike spend their time", path: "/api/v1/traces/critical-path", params: { query, start: range.from, end: range.to, limit: 1000 }, schema: flame },
    { enabled },
  );
