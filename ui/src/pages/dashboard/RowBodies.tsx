/** Panels of rows with pages of their own: records, traces, SLOs. */

import { useMemo } from "react";
import { useSlos } from "@/api/slos";
import { useTracePage } from "@/api/traces";
import { BudgetBar } from "@/components/BudgetBar";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { LogList } from "@/components/logs/LogList";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { Burn, Sli, State } from "@/components/slo/cells";
import { rowsOf, type SloRow } from "@/components/slo/rows";
import { hourBurn, targetOf, targetWords, titleOf } from "@/components/slo/words";
import { Table, type TableColumn } from "@/components/Table";
import { TracesTable } from "@/components/traces/TracesTable";
import { choosesSlo } from "@/model/dashboard/slo";
import { group } from "@/model/units";
import type { BodyProps } from "./Body";
import { recordsOf } from "./frames";
import styles from "./panel.module.css";

const NONE: never[] = [];

export function LogsBody({ state }: BodyProps) {
  const go = useGo();
  const rows = useMemo(() => recordsOf(state.answered), [state.answered]);
  if (rows.length === 0) return <Empty title="No record in this range.">The search was answered: no record fits. Widen the time, or take a condition out.</Empty>;
  // A record opens where all its fields are.
  const search = state.asked[0]?.query.language === "logs" ? (state.asked[0].question?.text.replace(/\s*\| fields .*$/s, "") ?? "") : "";
  return (
    <div className={styles.logs}>
      <LogList rows={rows} words={NONE} wrap={false} columns={NONE} openKey="" onOpen={(row) => row && go("/logs", { q: search === "*" ? "" : search, open: String(row.time) })} detail={() => null} />
    </div>
  );
}

export function TracesBody({ panel, state, inSight }: BodyProps) {
  const go = useGo();
  const question = state.asked[0]?.question;
  const query = useTracePage(question?.text ?? "", question?.range ?? { from: 0n as never, to: 0n as never }, panel.limit ?? 50, { enabled: inSight && question !== null && question !== undefined });
  return (
    <FiveFaces
      query={query} rows={6} isEmpty={(page) => page.traces.length === 0} empty={<Empty title="No trace matches.">No trace of this range has what the query asks for.</Empty>}
    >
      {(page) => <div className={styles.table}><TracesTable compact={panel.w < 8} traces={page.traces} onOpen={(trace) => go(path("traces", trace.trace_id), { span: trace.sets[0]?.spans[0]?.span_id })} /></div>}
    </FiveFaces>
  );
}

export function SloBody({ panel, choices }: BodyProps) {
  const query = useSlos();
  const { now } = useTime();
  const go = useGo();
  const chosen = useMemo(() => choosesSlo(panel.slo ?? "", choices), [panel.slo, choices]);
  const rows = useMemo(() => rowsOf(query.data?.slos ?? []).filter((row) => chosen({ name: row.slo.name, service: row.slo.service })), [query.data, chosen]);
  const columns: TableColumn<SloRow>[] = [
    { id: "state", head: "State", width: 178, cell: (row) => <State row={row} now={now} />, sort: (row) => row.verdict.words },
    { id: "name", head: "SLO", cell: (row) => <Go className="clip" to={path("slos", row.slo.name)} search={row.index > 0 ? { objective: String(row.index) } : {}} style={{ color: "var(--text)" }}>{titleOf(row.slo)}</Go>, sort: (row) => titleOf(row.slo) },
    ...(panel.w >= 6 ? [
      { id: "objective", head: "Objective", numeric: true, width: 84, cell: (row: SloRow) => targetWords(row.objective), sort: (row: SloRow) => targetOf(row.objective) },
      { id: "sli", head: "SLI", numeric: true, width: 88, cell: (row: SloRow) => <Sli row={row} />, sort: (row: SloRow) => row.objective.status?.sli },
    ] : []),
    { id: "budget", head: "Budget left", width: 164, cell: (row) => <BudgetBar left={row.left} firing={row.verdict.firing} held={row.verdict.held} />, sort: (row) => row.left },
    ...(panel.w >= 6 ? [{ id: "burn", head: "Burn 1 h", numeric: true, width: 84, cell: (row: SloRow) => <Burn row={row} />, sort: (row: SloRow) => hourBurn(row.objective)?.tier.long }] : []),
  ];
  return (
    <FiveFaces query={query} rows={5} isEmpty={() => rows.length === 0} empty={<Empty title={query.data?.slos.length ? "No SLO of what is chosen." : "No SLOs."}>{query.data?.slos.length ? `There are ${group(query.data.slos.length)} SLOs of other services.` : "An SLO says which share of events must be good: make one on the page of SLOs."}</Empty>}>
      {() => (
        <Table
          label={panel.title || "SLOs"} columns={columns} rows={rows} rowKey={(row) => row.key} onOpen={(row) => go(path("slos", row.slo.name), row.index > 0 ? { objective: String(row.index) } : {})}
          tone={(row) => (row.verdict.held ? "hold" : row.verdict.firing === "page" ? "bad" : row.verdict.firing === "ticket" ? "warn" : undefined)}
        />
      )}
    </FiveFaces>
  );
}
