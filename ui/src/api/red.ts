/** Rate, errors and latency from rollups. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type QueryOptions, type Result, useApi } from "./query";
import { nanos } from "./scalar";
import { stats } from "./sql";

const latency = v.object({ count: v.number(), mean: v.nullish(nanos), p50: v.nullish(nanos), p90: v.nullish(nanos), p95: v.nullish(nanos), p99: v.nullish(nanos), p999: v.nullish(nanos) });
const signals = v.object({
  service: v.string(),
  counted: v.nullish(v.string()),
  name: v.nullish(v.string()),
  count: v.number(),
  errors: v.number(),
  rate_per_second: v.number(),
  error_ratio: v.number(),
  success: latency,
  error: latency,
  slowest_trace_id: v.nullish(v.string()),
  slowest_failed_trace_id: v.nullish(v.string()),
});
const goldenSignals = v.object({ start: nanos, end: nanos, signals: v.array(signals), stats });
export type Signals = v.InferOutput<typeof signals>;
export type GoldenSignals = v.InferOutput<typeof goldenSignals>;

export const useGoldenSignals = (range: Range, options: QueryOptions & { by?: "service" | "operation"; service?: string } = {}): Result<GoldenSignals> =>
  useApi(
    {
      doing: "read services",
      path: "/api/v1/red",
      params: { start: range.from, end: range.to, by: options.by, service: options.service },
      schema: goldenSignals,
    },
    options,
  );
