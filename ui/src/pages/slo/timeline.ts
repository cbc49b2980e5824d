/** What happened, in order: deploy, change, page, delivery. */

import type { Delivery } from "@/api/deliveries";
import type { Transition } from "@/api/slos";
import { duration, durationMs, ratio } from "@/model/units";
import type { Onset } from "./rows";
import { type Nanos, nanos } from "@/model/time";
import type { Deploy } from "@/model/versions";

export interface Step {
  at: Nanos;
  kind: "deploy" | "change" | "page" | "ticket" | "resolved" | "delivered" | "failed";
  title: string;
  words: string;
  to?: string;
}

/** Steps within the period, the latest `most`, oldest first; and how many there are besides. */
export function timelineOf(
  found: { deploys: readonly Deploy[]; onset: Onset | null; transitions: readonly Transition[]; deliveries: readonly Delivery[]; names: readonly string[] },
  since: Nanos,
  most = 5,
): { steps: Step[]; more: number } {
  const { deploys, onset, transitions, deliveries, names } = found;
  const fired = transitions.filter((one) => one.level === "firing" || one.level === "resolved" || one.level === "inactive");
  const steps: Step[] = [
    ...deploys.map((one): Step => ({ at: one.at, kind: "deploy", title: "deploy", words: `${one.service} ${one.from} → ${one.to}` })),
    ...(onset ? [{ at: onset.at, kind: "change" as const, title: "change point", words: `bad ratio ${ratio(onset.before.bad / Math.max(1, onset.before.total))} → ${ratio(onset.after.bad / Math.max(1, onset.after.total))}` }] : []),
    ...merged(fired).map((one): Step => {
      const tier = one.long_window ? `${one.long_window} / ${one.short_window ?? ""}` : one.kind.replaceAll("_", " ");
      const after = onset && one.level === "firing" && one.at > onset.at ? `, ${duration(nanos(one.at - onset.at))} after the change` : "";
      return one.level === "firing"
        ? { at: one.at, kind: one.severity === "page" ? "page" : "ticket", title: `${one.severity} fired`, words: `${tier}${one.also > 0 ? ` and ${one.also} more` : ""}${after}` }
        : { at: one.at, kind: "resolved", title: `${one.severity} resolved`, words: `${tier}${one.also > 0 ? ` and ${one.also} more` : ""}` };
    }),
    ...deliveries.filter((one) => names.some((name) => one.body.includes(name))).map((one): Step => {
      const last = one.attempts.at(-1);
      const tries = `${one.attempt_count} ${one.attempt_count === 1 ? "attempt" : "attempts"}`;
      return one.state === "delivered"
        ? { at: one.finished_at ?? one.created_at, kind: "delivered", title: "delivered", words: `${one.receiver}, ${last?.status ?? ""} in ${durationMs(Number(last?.duration ?? 0) / 1e6)}, ${tries}` }
        : { at: last?.at ?? one.created_at, kind: "failed", title: one.state === "waiting" ? "not delivered yet" : "not delivered", words: `${one.receiver}, ${tries}${last?.status ? `, ${last.status}` : ""}` };
    }),
  ].filter((step) => step.at >= since).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { steps: steps.slice(-most), more: Math.max(0, steps.length - most) };
}

/** Several tiers that did the same at the same moment are one step, told by the first of the worst severity. */
function merged(transitions: readonly Transition[]): (Transition & { also: number })[] {
  const together = new Map<string, Transition & { also: number }>();
  const worstFirst = [...transitions].sort((a, b) => (a.severity === b.severity ? 0 : a.severity === "page" ? -1 : 1));
  for (const one of worstFirst) {
    const key = `${one.level} ${one.at / 60_000_000_000n}`;
    const known = together.get(key);
    if (known) known.also += 1;
    else together.set(key, { ...one, also: 0 });
  }
  return [...together.values()];
}

