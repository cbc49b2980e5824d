/** What fires, is held and waits; and what did. */

import { useState } from "react";
import { useRuleTransitions } from "@/api/alerts";
import { useSloTransitions } from "@/api/slos";
import { AlertChip } from "@/components/alerts/AlertChip";
import { AlertTabs } from "@/components/alerts/AlertTabs";
import { type BoardAlert, type Past, pastOf } from "@/components/alerts/board";
import { reasonWords } from "@/components/alerts/reason";
import { SilenceDialog } from "@/components/alerts/SilenceDialog";
import { useBoard } from "@/components/alerts/useBoard";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { Table, type TableColumn } from "@/components/Table";
import { exact, type Nanos, nanos, when } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Alerts.module.css";
import { headline, lastPage } from "./words";
import { codec } from "./url";

const NONE: never[] = [];

export default function AlertsPage() {
  const { view, setView, ignored } = useView(codec);
  const { now } = useTime();
  const zone = useZone();
  const board = useBoard();
  const rules = useRuleTransitions();
  const slos = useSloTransitions(undefined, 2000);
  const past = pastOf(rules.data?.rows ?? NONE, slos.data?.transitions ?? NONE);
  const words = view.q.toLowerCase().split(/\s+/);
  const shown = board.query.data?.filter((alert) => words.every((word) => JSON.stringify([alert.summary, alert.labels, alert.state]).toLowerCase().includes(word)));
  return (
    <Page
      title={board.query.data ? headline(board.query.data) : "Alerts"} name="Alerts" ignored={ignored}
      actions={<><input className="input" type="search" aria-label="Only alerts that hold these words" placeholder="Find" value={view.q} onChange={(event) => setView({ q: event.target.value }, "replace")} /><AlertTabs /></>}
    >
      {board.missing.length > 0 && <Partial>Not all is here: {board.missing.join(" and ")} could not be read.</Partial>}
      <Panel flush>
        <FiveFaces query={{ ...board.query, data: shown }} rows={5} isEmpty={(data) => data.length === 0} empty={view.q !== "" && board.query.data?.length ? <Empty title={`No alert holds “${view.q}”.`} /> : <Empty title="Nothing fires.">{lastPage(past, now, zone)} Rules and SLOs are looked at every few seconds.</Empty>}>
          {(data) => <ul className={styles.list}>{data.map((alert) => <Card key={alert.fingerprint} alert={alert} all={board.query.data ?? NONE} now={now} />)}</ul>}
        </FiveFaces>
      </Panel>
      {/* Below a list of any length: it comes once that one stands, and so does not move. */}
      {(board.query.data ?? board.query.error) && (
        <Panel title="Over" note="what fired and is resolved, the last first" flush>
          <FiveFaces query={slos} isEmpty={() => past.length === 0} empty={<Empty>No alert has resolved in what is kept.</Empty>}>
            {() => <PastTable past={past} now={now} />}
          </FiveFaces>
        </Panel>
      )}
    </Page>
  );
}

function Card({ alert, all, now }: { alert: BoardAlert; all: readonly BoardAlert[]; now: Nanos }) {
  const go = useGo();
  const [silencing, setSilencing] = useState(false);
  const windows = alert.labels.long_window ? `${alert.labels.long_window} / ${alert.labels.short_window ?? ""}` : alert.name;
  return (
    <li
      className={styles.card} data-state={alert.state} data-severity={alert.severity}
      onClick={(event) => (event.target as HTMLElement).closest("a,button,[role=dialog]") ?? go(path("alerts", alert.fingerprint))}
    >
      <span><AlertChip alert={alert} now={now} /></span>
      <span className={styles.words}>
        <Go className={`${styles.summary ?? ""} clip`} title={alert.summary} to={path("alerts", alert.fingerprint)}>{alert.summary}</Go>
        <span className="small dim clip">{alert.annotations.explanation !== undefined && !alert.annotations.explanation.startsWith("none of 0") ? alert.annotations.explanation : reasonWords(alert.description)}</span>
      </span>
      <span className="small dim clip" title={windows}>{windows}</span>
      <span className="small">{alert.service && <ServiceName name={alert.service} />}</span>
      <span className="small dim">{alert.silencedBy.length > 0 ? "silenced" : alert.inhibitedBy.length > 0 ? "inhibited" : alert.receivers.length > 0 ? `told ${alert.receivers.join(", ")}` : alert.state === "pending" ? "not told yet" : ""}</span>
      <button type="button" className="btn" onClick={() => setSilencing(true)}>Silence…</button>
      {silencing && <SilenceDialog labels={alert.labels} alerts={all} open onOpenChange={setSilencing} />}
    </li>
  );
}

function PastTable({ past, now }: { past: Past[]; now: Nanos }) {
  const zone = useZone();
  const go = useGo();
  const columns: TableColumn<Past>[] = [
    { id: "severity", head: "Severity", width: 90, cell: (row) => row.severity, sort: (row) => row.severity },
    { id: "name", head: "Alert", cell: (row) => <Go to={row.fingerprint ? path("alerts", row.fingerprint) : path("slos", row.slo ?? "")} search={row.fingerprint ? {} : { tab: "history" }} style={{ color: "var(--text)" }}>{row.name}</Go>, sort: (row) => row.name },
    { id: "from", head: "From", numeric: true, width: 130, cell: (row) => <span title={exact(row.from, zone)}>{when(row.from, now, zone)}</span>, sort: (row) => row.from },
    { id: "lasted", head: "Lasted", numeric: true, width: 120, cell: (row) => duration(nanos(row.to - row.from)), sort: (row) => row.to - row.from },
  ];
  return <Table label="Alerts that are over" columns={columns} rows={past} rowKey={(row) => row.key} onOpen={(row) => go(row.fingerprint ? path("alerts", row.fingerprint) : path("slos", row.slo ?? ""))} />;
}
