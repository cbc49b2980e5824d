/** State now: integers beside every ratio, and the working below. */

import type { ReactNode } from "react";
import { Go } from "@/components/location/Go";
import { CopyAs } from "@/components/CopyAs";
import { Figure } from "@/components/Figure";
import { curl, sqlText, sqlTime } from "@/api/sql";
import type { Objective, Slo } from "@/api/slos";
import { DATA_STATES } from "@/model/state";
import { add, exact, type Nanos, nanos, NS_PER_S, toIso, when } from "@/model/time";
import { budget, burn, count, durationSeconds, group, NO_DATA, sli, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { budgetShare, exhaustionOf, type Verdict } from "@/components/slo/standing";
import { type Onset } from "./rows";
import styles from "./Slo.module.css";
import { nowTier, spanLong, spanWords, targetOf, targetWords, unitWords } from "@/components/slo/words";

export interface TilesProps {
  slo: Slo;
  index: number;
  objective: Objective;
  verdict: Verdict;
  onset: Onset | null;
  now: Nanos;
}

function Tile({ label, value, note, below, tone }: { label: string; value: ReactNode; note?: ReactNode; below?: ReactNode; tone?: string | undefined }) {
  return (
    <div className={styles.tile}>
      <dt>{label}</dt>
      <dd className={tone}>{value}{note !== undefined && <small>{note}</small>}</dd>
      <dd className={`clip ${styles.below ?? ""}`}>{below}</dd>
    </div>
  );
}

export function Tiles({ slo, index, objective, verdict, onset, now }: TilesProps) {
  const zone = useZone();
  const status = objective.status;
  if (!status) return <p className={styles.pending}>Nothing is counted yet. Figures stand here after the first look, within some ten seconds.</p>;
  const { counted } = status;
  const share = budgetShare(objective);
  const whole = Number(counted.total) * share;
  const left = status.budget.remaining ?? null;
  const recent = nowTier(objective);
  const gone = exhaustionOf(status);
  const goneAt = gone && status.until + BigInt(Math.round(gone.seconds)) * NS_PER_S;
  const unit = unitWords(objective);
  const window = objective.window.rolling ? spanLong(objective.window.rolling) : (objective.window.calendar ?? "");
  const held = verdict.held || status.state !== "measured";
  const stateWord = DATA_STATES[status.state];
  const sql = `SELECT sum(good) AS good, sum(total) AS total FROM slo_slices WHERE slo = ${sqlText(slo.name)} AND objective = ${index} AND "group" IS NULL AND slice >= ${sqlTime(status.period.start)} AND slice < ${sqlTime(status.until)}`;
  const sources = { sql, curl: curl(`/api/v1/slos/${encodeURIComponent(slo.name)}`) };
  const lag = Number(now - status.until) / 1e9;
  const tone = verdict.firing === "page" || (left !== null && left <= 0) ? "bad" : verdict.firing === "ticket" || (left !== null && left < 0.5) ? "warn" : undefined;
  return (
    <>
      <dl className={styles.tiles} data-held={held || undefined}>
        <Tile
          label={`SLI, ${window}`} value={<Figure exact={status.sli === null || status.sli === undefined ? NO_DATA : String(status.sli)} sources={sources} label="the SLI">{sli(counted.good, counted.total, targetOf(objective))}</Figure>}
          note={`goal ${targetWords(objective)}`} below={`${group(counted.good)} good of ${group(counted.total)} ${unit === "events" ? "" : unit}`}
        />
        <Tile
          label="Budget remaining" tone={tone} value={left === null ? NO_DATA : <Figure exact={String(left)} sources={sources} label="the budget left">{budget(left)}</Figure>}
          note={left === null ? undefined : `${count(Math.trunc(whole - Number(counted.bad)))} of ${count(Math.floor(whole))} ${unit}`}
          below={`${group(counted.bad)} spent${onset ? `, ${group(onset.after.bad)} of them since ${when(onset.at, now, zone)}` : ""}`}
        />
        <Tile
          label={`Burn, last ${recent ? spanLong(recent.long_window).replace(/^1 /, "") : "hour"}`}
          tone={recent?.long !== null && recent?.long !== undefined && recent.long >= recent.threshold ? "bad" : undefined}
          value={recent?.long === null || recent?.long === undefined ? NO_DATA : burn(recent.long)}
          note={recent ? `${recent.severity} at ${burn(recent.threshold)}` : undefined}
          below={recent ? `${group(recent.long_counted.bad)} bad of ${group(recent.long_counted.total)}` : ""}
        />
        <Tile
          label="Budget gone, if it stays so" value={left !== null && left <= 0 ? "spent" : gone === null || goneAt === null ? "not in sight" : when(nanos(goneAt), now, zone)}
          note={gone && left !== null && left > 0 ? `in ${durationSeconds(gone.seconds)}` : undefined}
          below={left !== null && left <= 0 ? "nothing is left until the period moves on" : gone === null ? `at the rate of the last ${recent ? spanWords(recent.long_window) : "hour"}` : gone.moving ? "if it goes on like the last hour" : "static estimate from the last hour"}
        />
        <Tile
          label="Data" value={`${(Math.floor(status.coverage * 10_000) / 100).toFixed(2)}${THIN}%`} note="coverage" tone={status.state === "measured" ? undefined : "hold"}
          below={<span title={exact(status.until, zone)}>{status.state === "measured" ? "" : `${stateWord?.word ?? status.state}: ${stateWord?.meaning ?? ""} `}counted to {when(status.until, now, zone)}, {Math.max(0, Math.round(lag))}{THIN}s behind</span>}
        />
      </dl>
      <div className={styles.working}>
        <b className="small">Show working</b>
        <code className="clip">1 − {group(counted.bad)} ÷ ({group(counted.total)} × {Number(share.toPrecision(6))}) = {left === null ? NO_DATA : left.toFixed(3).replace("-", "−")}</code>
        <span className={styles.doors}>
          {objective.sli.source === "spans" && <Go to="/traces" search={{ q: badQuery(objective), from: toIso(status.period.start), to: toIso(add(status.until, nanos(0))) }}>the {group(counted.bad)} {unit}</Go>}
          <CopyAs sources={sources} trigger={<button type="button" className={styles.link}>SQL · curl</button>} />
        </span>
      </div>
    </>
  );
}

/** TraceQL of an objective's bad events, for the traces page. */
export function badQuery(objective: Objective): string {
  const inner = (query: string) => query.trim().replace(/^\{/, "").replace(/\}$/, "").trim();
  const total = inner(objective.sli.total);
  if (objective.sli.bad !== undefined) return `{ ${[total, inner(objective.sli.bad)].filter(Boolean).join(" && ")} }`;
  const good = inner(objective.sli.good ?? "");
  return `{ ${[total, good ? `!(${good})` : ""].filter(Boolean).join(" && ")} }`;
}
