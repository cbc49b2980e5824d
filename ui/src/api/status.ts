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

/** The ports where OTLP is taken; the usual ones until it is known. */
export function otlpPorts(known: Pick<Status, "listeners"> | undefined): { grpc: string; http: string } {
  const port = (name: string, usual: string) => known?.listeners.find((one) => one.name === name)?.address.split(":").at(-1) ?? usual;
  return { grpc: port("OTLP/gRPC", "4317"), http: port("OTLP/HTTP", "4318") };
}
