/** Who calls whom, from rollups by the minute. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type QueryOptions, type Result, useApi } from "./query";
import { nanos } from "./scalar";
import { type SqlAnswer, sqlRange, useSql } from "./sql";

const latency = v.object({ count: v.number(), mean: v.nullish(nanos), p50: v.nullish(nanos), p95: v.nullish(nanos), p99: v.nullish(nanos) });
const node = v.object({ name: v.string(), type: v.string(), count: v.number(), errors: v.number(), rate_per_second: v.number(), latency });
const edge = v.object({
  caller: v.string(), callee: v.string(), connection_type: v.string(), instrumented: v.string(),
  count: v.number(), errors: v.number(), rate_per_second: v.number(), error_ratio: v.number(), client: latency, server: latency,
});
export type MapNode = v.InferOutput<typeof node>;
export type MapEdge = v.InferOutput<typeof edge>;
const map = v.object({ start: nanos, end: nanos, nodes: v.array(node), edges: v.array(edge) });
export type ServiceMap = v.InferOutput<typeof map>;

/** `range` in whole minutes, so that a sliding one asks once a minute; asked again as the page refreshes. */
export const useServiceMap = (range: Range, service?: string): Result<ServiceMap> =>
  useApi({ doing: "draw the map", path: "/api/v1/service-map", params: { start: range.from, end: range.to, service }, schema: map }, { poll: true });

const namespace = v.object({ service: v.string(), namespace: v.string() });

/** Which service belongs to which namespace, of those that say so. */
export const useNamespaces = (range: Range, options: QueryOptions): Result<SqlAnswer<v.InferOutput<typeof namespace>>> =>
  useSql(
    `SELECT DISTINCT service, resource['service.namespace'] AS namespace FROM spans WHERE ${sqlRange(range, "start_time")} AND resource['service.namespace'] IS NOT NULL`,
    namespace, { doing: "read namespaces", ...options },
  );
