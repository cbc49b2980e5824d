/** What the process is and how it does. */

import * as v from "valibot";
import { type Result, useApi } from "./query";
import { number } from "./scalar";

const status = v.object({
  version: v.string(),
  uptime_seconds: v.number(),
  ready: v.boolean(),
  ingest: v.object({ state: v.string(), reason: v.nullish(v.string()) }),
  data_path: v.string(),
  /** Of the disk with the data; left out where the system does not say. */
  disk: v.nullish(v.object({ total_bytes: number, free_bytes: number })),
  listeners: v.array(v.object({ name: v.string(), address: v.string() })),
  anonymous: v.boolean(),
  /** The tenant of what the server says of itself, where that is kept. */
  telemetry_tenant: v.nullish(v.string()),
  recovery: v.nullish(v.object({ problems: v.array(v.string()) })),
});
export type Status = v.InferOutput<typeof status>;

export const useStatus = (): Result<Status> => useApi({ doing: "read the server's state", path: "/api/v1/status", schema: status }, { poll: true });
