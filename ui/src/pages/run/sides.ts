/** Operations as the generator saw them and as the services did, side by side. */

import type { Run, Seen } from "@/api/runs";
import { percentile } from "@/model/run/latency";

export interface Side {
  requests: number;
  errors: number;
  p50: number | null;
  p99: number | null;
}

export interface Pair {
  key: string;
  operation: string;
  service: string;
  span: string;
  client: Side | null;
  server: Side | null;
  /** p99 at the client less p99 at the server, ns: network, queues, and waiting for a connection. */
  between: number | null;
}

const sideOf = (seen: Seen): Side => ({ requests: seen.spans, errors: seen.errors, p50: seen.p50, p99: seen.p99 });

/** The run's operations with the spans that are the same requests, then what else its services answered meanwhile. */
export function pairsOf(run: Pick<Run, "operations">, seen: readonly Seen[]): Pair[] {
  const rest = new Map(seen.map((one) => [JSON.stringify([one.service, one.name]), one]));
  const named = run.operations.map((one): Pair => {
    const [service, span] = [one.service ?? "", one.span_name ?? one.name];
    const key = JSON.stringify([service, span]);
    const found = rest.get(key);
    rest.delete(key);
    const latency = one.latency ?? null;
    const client: Side = { requests: one.requests, errors: one.errors, p50: latency ? percentile(latency, 50) : null, p99: latency ? percentile(latency, 99) : null };
    const server = found ? sideOf(found) : null;
    return { key: `${one.name} ${key}`, operation: one.name, service, span, client, server, between: client.p99 === null || !server || server.p99 === null ? null : client.p99 - server.p99 };
  });
  const others = [...rest].map(([key, one]): Pair => ({ key, operation: one.name, service: one.service, span: one.name, client: null, server: sideOf(one), between: null }));
  return [...named, ...others];
}
