/** Traces of one call from a service to another, failed and slow ones first. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import type { QueryOptions, Result } from "./query";
import { nanos } from "./scalar";
import { type SqlAnswer, sqlRange, sqlText, useSql } from "./sql";

const example = v.object({ trace_id: v.string(), span_id: v.string(), start_time: nanos, duration: nanos, status_code: v.number(), name: v.string() });
export type CallExample = v.InferOutput<typeof example>;

export interface Call {
  /** Empty for calls without a caller. */
  caller: string;
  callee: string;
  /** Whether the callee sends spans; if not, the caller's are looked at. */
  isInstrumented: boolean;
}

const PEERS = ["peer.service", "server.address", "db.namespace", "messaging.destination.name"];

export function callExamplesSql({ caller, callee, isInstrumented }: Call, range: Range): string {
  const peers = PEERS.map((key) => `attributes['${key}'] = ${sqlText(callee)}`).join(" OR ");
  const which = isInstrumented ? `service = ${sqlText(callee)} AND kind IN (2, 5)` : `service = ${sqlText(caller)} AND kind IN (3, 4) AND (${peers})`;
  return `SELECT hex(trace_id) AS trace_id, hex(span_id) AS span_id, start_time, duration, status_code, name FROM spans WHERE ${sqlRange(range, "start_time")} AND ${which} ORDER BY status_code = 2 DESC, duration DESC LIMIT 8`;
}

export const useCallExamples = (call: Call, range: Range, options: QueryOptions = {}): Result<SqlAnswer<CallExample>> =>
  useSql(callExamplesSql(call, range), example, { doing: "find example traces", ...options });
