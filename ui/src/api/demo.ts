/** The demo's faults: what can be broken in the shop that `binnacle demo` runs beside the server. */

import * as v from "valibot";
import { ask } from "./client";
import { type Result, useApi } from "./query";
import { useSlos } from "./slos";

const fault = v.object({ name: v.string(), about: v.string(), is_on: v.boolean(), starts_in_ms: v.nullish(v.number()), ends_in_ms: v.nullish(v.number()) });
export type Fault = v.InferOutput<typeof fault>;
const faults = v.object({ faults: v.array(fault) });

const PATH = "/api/v1/demo/faults";

/** The demo watches its shop with this file; no other server has it, and none is asked for faults that it does not know. */
export const isOfDemo = (slos: readonly { file?: string | null | undefined }[]): boolean => slos.some(({ file }) => /(^|[\\/])demo[\\/]slos[\\/]shop\.yaml$/.test(file ?? ""));

/** Null outside of the demo. */
export function useFaults(): { faults: Fault[] | null; query: Result<v.InferOutput<typeof faults>> } {
  const slos = useSlos();
  const isDemo = isOfDemo(slos.data?.slos ?? []);
  const query = useApi({ doing: "list the demo's faults", path: PATH, schema: faults }, { enabled: isDemo, poll: true });
  return { faults: isDemo ? (query.data?.faults ?? null) : null, query };
}

/** Begins a fault now; `lasts` as `5m`. */
export const beginFault = (name: string, lasts: string): Promise<unknown> => ask({ doing: `begin ${name}`, path: PATH, body: { fault: name, for: lasts }, schema: faults });
export const endFault = (name: string): Promise<unknown> => ask({ doing: `end ${name}`, method: "DELETE", path: `${PATH}/${encodeURIComponent(name)}`, schema: faults });
