/** Rules in use, how they do, and what they ask. */

import { useMemo, useState } from "react";
import { useActiveAlerts } from "@/api/alerts";
import { useRules } from "@/api/rules";
import { AlertTabs } from "@/components/alerts/AlertTabs";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { Table, type TableColumn } from "@/components/Table";
import { fingerprint } from "@/model/fingerprint";
import { alertTone, alertWord, QUIET } from "@/model/state";
import { exact, when } from "@/model/time";
import { durationSeconds } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { headline, type Row, rowsOf, stateOf } from "./rows";

const FILE = /[^/]*$/;

export default function RulesPage() {
  const query = useRules();
  const { now } = useTime();
  const zone = useZone();
  const [open, setOpen] = useState<string | null>(null);
  const active = useActiveAlerts();
  const held = useMemo(() => new Set(active.data?.rows.filter((one) => one.held_since !== null && one.held_since !== undefined).map((one) => fingerprint(one.labels))), [active.data]);
  const rows = rowsOf(query.data?.data.groups ?? [], held);
  const columns: TableColumn<Row>[] = [
    { id: "state", head: "State", width: 120, cell: (row) => <State row={row} />, sort: (row) => row.rule.state ?? "" },
    { id: "name", head: "Rule", cell: (row) => <strong title={row.rule.name}>{row.rule.name}</strong>, sort: (row) => row.rule.name },
    { id: "query", head: "Asks", cell: (row) => <code title={row.rule.query}>{row.rule.query}</code> },
    { id: "for", head: "For", numeric: true, width: 90, cell: (row) => (row.rule.duration ? durationSeconds(row.rule.duration) : "–"), sort: (row) => row.rule.duration },
    { id: "group", head: "Group", width: 170, cell: (row) => <span title={row.group.file}>{row.group.name} <span className="faint">{FILE.exec(row.group.file)?.[0]}</span></span>, sort: (row) => row.group.name },
    { id: "every", head: "Every", numeric: true, width: 80, cell: (row) => durationSeconds(row.group.interval), sort: (row) => row.group.interval },
    { id: "took", head: "Took", numeric: true, width: 90, cell: (row) => durationSeconds(row.rule.evaluationTime), sort: (row) => row.rule.evaluationTime },
    { id: "last", head: "Last", numeric: true, width: 80, cell: (row) => <span title={exact(row.rule.lastEvaluation, zone)}>{when(row.rule.lastEvaluation, now, zone)}</span>, sort: (row) => row.rule.lastEvaluation },
  ];
  return (
    <Page title={query.data && rows.length > 0 ? headline(rows) : "Rules"} name="Rules" actions={<AlertTabs />}>
      <Panel flush>
        <FiveFaces query={query} rows={6} isEmpty={() => rows.length === 0} empty={<Empty title="No rule is in use.">Prometheus rule files are read as they are: name them in alerting.rule_files. They may ask in PromQL, LogQL, TraceQL and SQL; binnacle rules backtest says what they would have done.</Empty>}>
          {() => <Table label="Rules" columns={columns} rows={rows} rowKey={(row) => row.key} selected={open} onOpen={(row) => setOpen(open === row.key ? null : row.key)} tone={(row) => (row.rule.health === "err" ? "hold" : row.firing > 0 ? "bad" : row.held > 0 ? "hold" : row.pending > 0 ? "warn" : undefined)} detail={(row) => <Detail row={row} held={held} />} />}
        </FiveFaces>
      </Panel>
    </Page>
  );
}

function State({ row }: { row: Row }) {
  if (row.rule.health === "err") return <StateChip tone="hold" title={row.rule.lastError ?? ""}>fails</StateChip>;
  const severity = row.rule.labels?.severity ?? "none";
  for (const state of ["firing", "held", "pending"] as const) {
    if (row[state] > 0) return <StateChip tone={alertTone(state, severity)}>{row[state]} {alertWord(state)}</StateChip>;
  }
  return <StateChip tone="none">{row.rule.type === "recording" ? "records" : QUIET}</StateChip>;
}

function Detail({ row, held }: { row: Row; held: ReadonlySet<string> }) {
  const { rule } = row;
  return (
    <div className="stack" style={{ padding: "var(--s3) var(--s5)" }}>
      {rule.lastError !== undefined && rule.lastError !== "" && <p className="bad">{rule.lastError}</p>}
      <div className="row"><code style={{ overflowWrap: "anywhere" }}>{rule.query}</code><CopyAs sources={{ value: rule.query }} /><Go to="/metrics-explorer" search={{ q: rule.query }}>Graph it</Go></div>
      {rule.annotations && Object.entries(rule.annotations).map(([name, value]) => <p key={name}><span className="faint">{name}</span> {value}</p>)}
      {rule.alerts?.map((alert) => (
        <div key={fingerprint(alert.labels)} className="row wrap">
          <StateChip tone={alertTone(stateOf(alert, held), alert.labels.severity ?? "none")}>{alertWord(stateOf(alert, held))}</StateChip>
          <Go to={path("alerts", fingerprint(alert.labels))}>{Object.entries(alert.labels).filter(([name]) => name !== "alertname").map(([name, value]) => `${name}=${value}`).join(" ") || rule.name}</Go>
        </div>
      ))}
    </div>
  );
}
