/** What changed in a range: deploys, alerts and their deliveries, steps of errors and latency, services fallen silent. Newest first. */

import type { Heard } from "@/model/senders";
import type { Grid } from "@/model/traffic";
import type { Worsened } from "@/model/worsened";
import type { Nanos } from "@/model/time";
import type { Deploy } from "@/model/versions";

export interface Transition {
  time: Nanos;
  slo: string;
  kind: string;
  severity: string;
  windows: string;
  level: string;
}

export interface Delivery {
  created_at: Nanos;
  finished_at: Nanos | null;
  receiver: string;
  group_key: string;
  status: string;
  state: string;
  error: string | null;
}

export type Change =
  | { kind: "alert"; at: Nanos; slo: string; severity: "page" | "ticket"; level: string; deliveries: Delivery[] }
  | { kind: "deploy"; at: Nanos; deploy: Deploy }
  | { kind: "step"; at: Nanos; what: "errors" | "p99"; services: string[]; p: number }
  | { kind: "silent"; at: Nanos; service: string };

/** Steps of several services this close together are told in one sentence. */
const TOGETHER = 5;

export function changesOf(input: {
  grid: Grid;
  heard: readonly Heard[];
  worsened: ReadonlyMap<string, Worsened>;
  deploys: readonly Deploy[];
  transitions: readonly Transition[];
  deliveries: readonly Delivery[];
  services: ReadonlyMap<string, string>;
}): Change[] {
  const { grid, heard, worsened, deploys, transitions, deliveries, services } = input;
  return [
    ...deploys.map((deploy): Change => ({ kind: "deploy", at: deploy.at, deploy })),
    ...heard.flatMap((one): Change[] => (one.silentSince === null ? [] : [{ kind: "silent", at: one.silentSince, service: one.name }])),
    ...steps(worsened, grid, "errors"), ...steps(worsened, grid, "p99"),
    ...alerts(transitions, deliveries, services),
  ].sort((a, b) => (a.at > b.at ? -1 : 1));
}

function steps(worsened: ReadonlyMap<string, Worsened>, grid: Grid, what: "errors" | "p99"): Change[] {
  const found = [...worsened].flatMap(([service, one]) => {
    const at = one[what];
    // Who fails is slow as well: that is one change, not two.
    return at && !(what === "p99" && one.errors) ? [{ service, ...at }] : [];
  }).sort((a, b) => (a.at < b.at ? -1 : 1));
  const told: Extract<Change, { kind: "step" }>[] = [];
  for (const one of found) {
    const near = told.find((before) => one.at - before.at <= BigInt(TOGETHER) * grid.step);
    if (!near) told.push({ kind: "step", at: one.at, what, services: [one.service], p: one.step.p });
    else {
      near.services.push(one.service);
      near.p = Math.max(near.p, one.step.p);
    }
  }
  return told;
}

/** One line per SLO, level and minute: its tiers fire together. */
function alerts(transitions: readonly Transition[], deliveries: readonly Delivery[], services: ReadonlyMap<string, string>): Change[] {
  const told = new Map<string, Extract<Change, { kind: "alert" }>>();
  for (const one of transitions) {
    if (one.level === "pending") continue;
    const severity = one.severity === "page" || one.severity === "critical" ? "page" : "ticket";
    const key = `${one.slo} ${one.level} ${one.time / 60_000_000_000n}`;
    const before = told.get(key);
    if (before) {
      if (severity === "page") before.severity = "page";
      continue;
    }
    const service = services.get(one.slo);
    const own = deliveries.filter((d) => service !== undefined && d.group_key.includes(`service="${service}"`) && d.status === (one.level === "firing" ? "firing" : "resolved") && d.created_at >= one.time && d.created_at - one.time < 120_000_000_000n);
    told.set(key, { kind: "alert", at: one.time, slo: one.slo, severity, level: one.level, deliveries: own });
  }
  return [...told.values()];
}
