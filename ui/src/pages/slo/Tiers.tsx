/** Both windows of each tier on one scale: the tick is the threshold, in the middle. */

import type { Objective } from "@/api/slos";
import { Panel } from "@/components/Panel";
import { DATA_STATES, type Tone } from "@/model/state";
import { hms, type Nanos } from "@/model/time";
import { burn, group, NO_DATA, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type TierRow, tierRows } from "./rows";
import styles from "./Slo.module.css";
import { spanWords, windowWords } from "@/components/slo/words";

/** A value against its threshold: twice the threshold fills it. */
function Gauge({ value, threshold, tone }: { value: number | null; threshold: number; tone: Tone }) {
  const share = value === null ? 0 : Math.min(100, (value / threshold) * 50);
  return <span className={styles.gauge} data-tone={value === null ? "hold" : value >= threshold ? tone : "none"} style={{ "--v": `${share}%` } as React.CSSProperties} aria-hidden />;
}

const toneOf = (row: TierRow): Tone => (row.severity === "page" ? "bad" : "warn");

function Row({ row, number }: { row: TierRow; number: number }) {
  const tone = toneOf(row);
  const state = row.word ?? DATA_STATES[row.state]?.word ?? row.state;
  const chip = row.held ? "hold" : row.firing || row.word === "critical" ? tone : row.word === null ? "hold" : "";
  return (
    <tr data-fire={row.held ? "hold" : row.firing ? tone : undefined} id={`tier-${number}`} tabIndex={-1}>
      <td>{row.severity === "page" ? "Page" : "Ticket"} <span className="faint small">{Number((row.share * 100).toPrecision(2))}{THIN}% in {spanWords(row.long)}</span></td>
      <td className="num">{burn(row.threshold)}</td>
      <td className="num"><span className="faint small">{spanWords(row.long)}</span></td>
      <td className="num" title={`${group(row.longCounted.bad)} bad of ${group(row.longCounted.total)}`}>{row.longBurn === null ? NO_DATA : burn(row.longBurn)}<Gauge value={row.longBurn} threshold={row.threshold} tone={tone} /></td>
      <td className="num"><span className="faint small">{spanWords(row.short)}</span></td>
      <td className="num" title={`${group(row.shortCounted.bad)} bad of ${group(row.shortCounted.total)}`}>{row.shortBurn === null ? NO_DATA : burn(row.shortBurn)}<Gauge value={row.shortBurn} threshold={row.threshold} tone={tone} /></td>
      <td><span className={`chip ${chip}`}>{row.held ? "held" : state}</span></td>
    </tr>
  );
}

export function Tiers({ objective, evaluatedAt, onBacktest, guards }: { objective: Objective; evaluatedAt: Nanos | null; onBacktest: () => void; guards: string | undefined }) {
  const zone = useZone();
  const rows = tierRows(objective);
  return (
    <Panel title="Burn rate against thresholds" tools={<span className="small faint">a tier fires when both windows exceed</span>} flush className={styles.tiers}>
      <div className={styles.sideways}>
        <table aria-label="Burn rate of each tier against its threshold">
          <thead><tr><th scope="col">Tier</th><th scope="col" className="num">At</th><th scope="col" className="num" colSpan={2}>Long window</th><th scope="col" className="num" colSpan={2}>Short window</th><th scope="col">State</th></tr></thead>
          <tbody>{rows.map((row, index) => <Row key={row.key} row={row} number={index + 1} />)}</tbody>
        </table>
      </div>
      <p className={styles.foot}>
        Tick: threshold, derived from share × {objective.window.rolling ? spanWords(objective.window.rolling) : windowWords(objective)} ÷ window. {guards === "off" ? "No guards." : "Guard: ≥ 3 bad events for a page."}
        {evaluatedAt !== null && <> Last evaluated {hms(evaluatedAt, zone)}</>} · <button type="button" className={styles.link} onClick={onBacktest}>what would it have paged in 30 days?</button>
      </p>
    </Panel>
  );
}
