/** What needs attention: alerts folded into few cards, worst first. */

import type { Heard } from "@/model/senders";
import type { Nanos } from "@/model/time";
import type { Severity, Standing } from "@/model/standing";

/** As receivers are told of it; `api/alertmanager.ts` has it. */
export interface Told {
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: Nanos;
  status: { silencedBy: readonly string[] };
}

export interface Attention {
  key: string;
  kind: Severity | "held";
  /** The alert to open; null for what is held without one. */
  fingerprint: string | null;
  /** The SLO it is about; null for alerts of rules. */
  standing: Standing | null;
  title: string;
  service: string;
  since: Nanos | null;
  annotations: Record<string, string>;
  silenced: boolean;
  /** Alerts of other SLOs with the same traces, or the same culprits. */
  also: { title: string; kind: Severity }[];
}

const severityOf = (told: Told): Severity => (["page", "critical"].includes(told.labels.severity ?? "") ? "page" : "ticket");
const RANK = { page: 0, ticket: 1, held: 2 };

/** Most cards that are drawn; the rest is a number. */
export const CARDS_MAX = 3;

export function attentionOf(alerts: readonly Told[], standings: readonly Standing[]): Attention[] {
  const cards = new Map<string, Attention>();
  for (const told of [...alerts].sort(bySeverityThenAge)) {
    const slo = told.labels.slo;
    const standing = standings.find((one) => one.slo === slo && (told.labels.objective === undefined || one.target === told.labels.objective)) ?? null;
    if (standing?.held && standing.firing === null) continue;
    const key = slo ?? `${told.labels.alertname ?? ""}\u0000${told.labels.service ?? ""}`;
    if (cards.has(key)) continue;
    cards.set(key, {
      key, kind: severityOf(told), fingerprint: told.fingerprint, standing, title: standing?.title ?? told.annotations.summary ?? told.labels.alertname ?? "alert",
      service: standing?.service ?? told.labels.service ?? "", since: told.startsAt, annotations: told.annotations, silenced: told.status.silencedBy.length > 0, also: [],
    });
  }
  for (const standing of standings.filter((one) => one.held && one.firing === null)) {
    const told = alerts.find((one) => one.labels.slo === standing.slo);
    cards.set(standing.slo, {
      key: standing.slo, kind: "held", fingerprint: told?.fingerprint ?? null, standing, title: standing.title, service: standing.service, since: standing.heldSince,
      annotations: told?.annotations ?? {}, silenced: false, also: [],
    });
  }
  return folded([...cards.values()].sort((a, b) => RANK[a.kind] - RANK[b.kind] || Number((a.since ?? 0n) - (b.since ?? 0n))));
}

const bySeverityThenAge = (a: Told, b: Told) => RANK[severityOf(a)] - RANK[severityOf(b)] || burnsFirst(a) - burnsFirst(b) || Number(a.startsAt - b.startsAt);
/** Of alerts of one SLO that fire at once, the shortest window says most of now. */
const burnsFirst = (told: Told): number => (told.labels.alertname === "SLOBurnRate" ? minutes(told.labels.long_window) : 1e9);
function minutes(window: string | undefined): number {
  const match = /^(\d+)([mhd])$/.exec(window ?? "");
  return match ? Number(match[1]) * ({ m: 1, h: 60, d: 1440 }[match[2] ?? "m"] ?? 1) : 1e8;
}

/** Explain found the same services at the bottom of both. */
const sameCulprits = (a: Attention, b: Attention) => a.annotations.culprits !== undefined && a.annotations.culprits !== "" && a.annotations.culprits === b.annotations.culprits;

/** A card whose traces or whose cause are those of a worse one joins it. */
function folded(cards: Attention[]): Attention[] {
  const kept: Attention[] = [];
  for (const card of cards) {
    const own = tracesOf(card);
    const host = card.kind === "held" ? undefined : kept.find((one) => tracesOf(one).some((id) => own.includes(id)) || sameCulprits(one, card));
    if (host && card.kind !== "held") host.also.push({ title: card.title, kind: card.kind });
    else kept.push(card);
  }
  return kept;
}

export const tracesOf = (card: Pick<Attention, "annotations">): string[] => (card.annotations.trace_ids ?? "").split(",").filter((id) => id !== "");

/** Services with an SLO that have fallen silent, before the evaluator holds anything because of it. */
export function withSilent(cards: readonly Attention[], heard: readonly Heard[], standings: readonly Standing[]): Attention[] {
  const silent = heard.flatMap((one): Attention[] => {
    const standing = standings.find((own) => own.service === one.name);
    if (one.silentSince === null || !standing || cards.some((card) => card.service === one.name)) return [];
    return [{
      key: `silent ${one.name}`, kind: "held", fingerprint: null, standing, title: standing.title, service: one.name, since: one.silentSince,
      annotations: {}, silenced: false, also: [],
    }];
  });
  return [...cards, ...silent];
}
