/** What the process is and how it does. */

import * as v from "valibot";
import { type Result, useApi } from "./query";

const status = v.object({
  version: v.string(),
  uptime_seconds: v.number(),
  ready: v.boolean(),
  ingest: v.object({ state: v.string(), reason: v.nullish(v.string()) }),
  data_path: v.string(),
  listeners: v.array(v.object({ name: v.string(), address: v.string() })),
  anonymous: v.boolean(),
  /** The tenant of what the server says of itself, where that is kept. */
  telemetry_tenant: v.nullish(v.string()),
  recovery: v.nullish(v.object({ problems: v.array(v.string()) })),
});
export type Status = v.InferOutput<typeof status>;

export const useStatus = (): Result<Status> => useApi({ doing: "read the server's state", path: "/api/v1/status", schema: status }, { poll: true });
