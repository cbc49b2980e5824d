/** Evidence as it was evaluated when the alert fired, beside what is so now: later data never makes the page look false. */

import type { ReactNode } from "react";
import type { Evidence } from "@/api/explain";
import type { Objective, Slo } from "@/api/slos";
import type { BoardAlert } from "@/components/alerts/board";
import { reasonOf, reasonWords } from "@/components/alerts/reason";
import { spanWords } from "@/components/slo/words";
import { Panel } from "@/components/Panel";
import { alertWord, DATA_STATES } from "@/model/state";
import { hms, when, type Nanos } from "@/model/time";
import { budget, burn, group, NO_DATA, NOT_APPLICABLE } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Alert.module.css";
import type { Change } from "./find";
import { countedSoFar } from "./words";

export interface ThenNowProps {
  alert: BoardAlert;
  slo: Slo | undefined;
  objective: Objective | null;
  fired: Change | undefined;
  evidence: Evidence | undefined;
  now: Nanos;
}

export function ThenNow({ alert, slo, objective, fired, evidence, now }: ThenNowProps) {
  const zone = useZone();
  const then = fired ? reasonOf(fired.reason) : null;
  const tier = objective?.status?.burn_rates.find((one) => one.severity === alert.severity && one.long_window === alert.labels.long_window && one.short_window === alert.labels.short_window);
  const left = objective?.status?.budget.remaining;
  const soFar = countedSoFar(objective);
  const rows: [string, ReactNode, ReactNode][] = tier || then
    ? [
      [`Long window, ${spanWords(alert.labels.long_window ?? "")}`, then ? burn(then.longBurn) : NOT_APPLICABLE, value(tier?.long, tier?.threshold)],
      [`Short window, ${spanWords(alert.labels.short_window ?? "")}`, then ? burn(then.shortBurn) : NOT_APPLICABLE, value(tier?.short, tier?.threshold)],
      ["Fires from", then ? burn(then.threshold) : NOT_APPLICABLE, tier ? burn(tier.threshold) : NO_DATA],
      [`Bad events, ${spanWords(alert.labels.long_window ?? "")}`, then ? `${group(then.bad)} of ${group(then.total)}` : NOT_APPLICABLE, tier ? `${group(tier.long_counted.bad)} of ${group(tier.long_counted.total)}` : NO_DATA],
      ["Budget left", then ? <>{budget(then.left)}{then.events !== null && overEvents(then.events)}</> : NOT_APPLICABLE, left === null || left === undefined ? NO_DATA : <>{budget(left)}{overEvents(objective?.status?.events.total ?? 0)}{soFar !== null && <span className="small hold"> {soFar}</span>}</>],
      ["Data", then?.data ?? NOT_APPLICABLE, objective?.status ? (DATA_STATES[tier?.state ?? objective.status.state]?.word ?? objective.status.state) : NO_DATA],
    ]
    : [
      ["State", fired ? alertWord(fired.state) : NOT_APPLICABLE, alertWord(alert.state)],
      ["Why", fired ? reasonWords(fired.reason) : NOT_APPLICABLE, reasonWords(alert.description) || NOT_APPLICABLE],
    ];
  return (
    <Panel title="Evidence" note={evidence ? `pinned as evidence ${evidence.id}` : "as it was evaluated, and now"} flush>
      <table className={styles.evidence} aria-label="Evidence then and now">
        <thead>
          <tr>
            <th scope="col"><span className="visually-hidden">What</span></th>
            <th scope="col" className="num">Then{fired && <span className="faint"> {when(fired.at, now, zone)}</span>}</th>
            <th scope="col" className="num">Now{slo?.evaluated_at !== null && slo?.evaluated_at !== undefined && <span className="faint"> {hms(slo.evaluated_at, zone)}</span>}</th>
          </tr>
        </thead>
        <tbody>{rows.map(([what, before, after]) => <tr key={what}><th scope="row">{what}</th><td className="num">{before}</td><td className="num">{after}</td></tr>)}</tbody>
      </table>
    </Panel>
  );
}

/** A budget of an hour's events reads otherwise than one of a month's, which come later where history is filled in. */
const overEvents = (events: number | bigint): ReactNode => <span className="small faint"> counted over {group(events)} events</span>;

function value(is: number | null | undefined, threshold: number | undefined): ReactNode {
  if (is === null || is === undefined) return NO_DATA;
  return <span className={threshold !== undefined && is >= threshold ? "bad" : undefined}>{burn(is)}</span>;
}
