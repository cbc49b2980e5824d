/** Cells of tables of SLOs. */

import { StateChip } from "@/components/StateChip";
import { DATA_STATES } from "@/model/state";
import { type Nanos, nanos, NS_PER_S, when } from "@/model/time";
import { burn, group, NO_DATA, sli } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import type { SloRow } from "./rows";
import { hourBurn, targetOf } from "./words";

export const goneAt = (seconds: number, now: Nanos, zone: ReturnType<typeof useZone>): string => when(nanos(now + BigInt(Math.round(seconds)) * NS_PER_S), now, zone);

export function State({ row, now }: { row: SloRow; now: Nanos }) {
  const zone = useZone();
  const { verdict, objective } = row;
  const state = objective.status?.state;
  const data = state && state !== "measured" && verdict.tone === "good" ? DATA_STATES[state] : undefined;
  if (data) return <StateChip tone={data.tone} title={data.meaning}>{data.word}</StateChip>;
  return <StateChip tone={verdict.tone}>{verdict.words}{verdict.since !== null && ` since ${when(verdict.since, now, zone)}`}</StateChip>;
}

export function Sli({ row }: { row: SloRow }) {
  const status = row.objective.status;
  if (!status) return NO_DATA;
  return <span className={row.verdict.held ? "faint" : undefined} title={`${group(status.counted.good)} good of ${group(status.counted.total)}`}>{sli(status.counted.good, status.counted.total, targetOf(row.objective))}</span>;
}

export function Burn({ row }: { row: SloRow }) {
  const shown = hourBurn(row.objective);
  const tier = shown?.tier;
  if (tier?.long === null || tier?.long === undefined) return NO_DATA;
  return <span className={tier.long >= tier.threshold ? "bad" : row.verdict.held ? "faint" : undefined} title={`${group(tier.long_counted.bad)} bad of ${group(tier.long_counted.total)}`}>{burn(tier.long)}{shown?.window && <span className="small faint"> {shown.window}</span>}</span>;
}
