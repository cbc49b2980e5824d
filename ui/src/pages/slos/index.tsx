/** Which promises are in danger, soonest first. */

import { ChevronRight, Plus } from "lucide-react";
import { useMemo } from "react";
import * as v from "valibot";
import { integer, nanos as nanosSchema, number } from "@/api/scalar";
import { useSloGroups, useSlos } from "@/api/slos";
import { sqlTime, useSql } from "@/api/sql";
import { BudgetBar } from "@/components/BudgetBar";
import { Empty, FiveFaces, Loading } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { Sparkline } from "@/components/Sparkline";
import { Table, type TableColumn } from "@/components/Table";
import { Choice } from "@/components/Tabs";
import { Burn, goneAt, Sli, State } from "@/components/slo/cells";
import { matches, rowsOf, type SloRow as Row } from "@/components/slo/rows";
import { groupName } from "@/components/slo/groups";
import { isFiring } from "@/components/slo/standing";
import { hourBurn, targetOf, targetWords, titleOf } from "@/components/slo/words";
import { type Nanos, nanos, NS_PER_S } from "@/model/time";
import { group, NO_DATA, NOT_APPLICABLE, sli, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Day, headline, historyOf, sectionsOf } from "./rows";
import { codec } from "./url";

const DAY = 86_400n * NS_PER_S;
const day = v.object({ slo: v.string(), objective: v.pipe(integer, v.transform(Number)), at: nanosSchema, good: number, total: number });
const NO_DAYS: Day[] = [];

/** Thirty days of every SLO in one question. */
function useDays(now: Nanos): Day[] {
  const today = nanos(now - (now % DAY) + DAY);
  const sql = `SELECT slo, objective, date_bin(interval '1 day', slice) AS at, sum(good) AS good, sum(total) AS total FROM slo_slices
WHERE "group" IS NULL AND slice >= ${sqlTime(nanos(today - 30n * DAY))} GROUP BY 1, 2, 3 ORDER BY 3`;
  return useSql(sql, day, { doing: "read the budgets’ history", rowLimit: 20_000 }).data?.rows ?? NO_DAYS;
}

export default function SlosPage() {
  const { view, setView, ignored } = useView(codec);
  const { now } = useTime();
  const zone = useZone();
  const go = useGo();
  const query = useSlos();
  const days = useDays(now);
  const all = useMemo(() => rowsOf(query.data?.slos ?? []), [query.data]);
  const rows = all.filter((row) => matches(row, view.q));
  useKeys([{ keys: "n", does: "New SLO", run: () => go("/slos/new") }]);
  const columns: TableColumn<Row>[] = [
    { id: "state", head: "State", width: 190, cell: (row) => <State row={row} now={now} />, sort: (row) => row.verdict.words },
    { id: "name", head: "SLO", cell: (row) => <Name row={row} open={view.open === row.key} onOpen={() => setView({ open: view.open === row.key ? "" : row.key })} />, sort: (row) => titleOf(row.slo) },
    { id: "objective", head: "Objective", numeric: true, width: 90, cell: (row) => targetWords(row.objective), sort: (row) => targetOf(row.objective) },
    { id: "sli", head: "SLI", numeric: true, width: 90, cell: (row) => <Sli row={row} />, sort: (row) => row.objective.status?.sli },
    { id: "budget", head: "Budget left", width: 190, cell: (row) => <BudgetBar left={row.left} firing={row.verdict.firing} held={row.verdict.held} />, sort: (row) => row.left },
    { id: "burn", head: "Burn 1 h", numeric: true, width: 92, cell: (row) => <Burn row={row} />, sort: (row) => hourBurn(row.objective)?.tier.long },
    { id: "gone", head: "Gone at", numeric: true, width: 120, cell: (row) => (row.goneIn === null ? NOT_APPLICABLE : row.goneIn === 0 ? <span className="bad">spent</span> : goneAt(row.goneIn, now, zone)), sort: (row) => row.goneIn },
    { id: "coverage", head: "Coverage", numeric: true, width: 84, cell: (row) => (row.objective.status ? `${(Math.floor(row.objective.status.coverage * 1000) / 10).toFixed(1)}${THIN}%` : NO_DATA), sort: (row) => row.objective.status?.coverage },
    { id: "spark", head: "30 days", width: 100, cell: (row) => <Sparkline values={historyOf(days, row)} min={0} max={1} tone={row.left !== null && row.left <= 0 ? "bad" : "none"} label={`Budget left over 30 days of ${titleOf(row.slo)}`} /> },
  ];
  return (
    <Page
      title={query.data ? headline(all) : "SLOs"} name="SLOs" ignored={ignored} note={<span className="small">soonest without a budget first</span>}
      actions={
        <>
          <input className="input" type="search" aria-label="Only SLOs that hold these words" placeholder="Find" value={view.q} onChange={(event) => setView({ q: event.target.value }, "replace")} />
          <Choice label="In sections by" value={view.by} onChange={(by) => setView({ by })} options={[{ id: "none", label: "All" }, { id: "service", label: "By service" }, { id: "owner", label: "By owner" }]} />
          <Go className="btn primary" to="/slos/new"><Plus className="ico" aria-hidden /> New SLO</Go>
        </>
      }
    >
      <FiveFaces query={query} rows={8} isEmpty={(data) => data.slos.length === 0} empty={<NoSlo />}>
        {() => (rows.length === 0 ? (
          <Panel flush><Empty title={`No SLO holds “${view.q}”.`} actions={<button type="button" className="btn" onClick={() => setView({ q: "" })}>Show all {all.length}</button>} /></Panel>
        ) : sectionsOf(rows, view.by).map((section) => (
          <Panel key={section.name} flush {...(section.name ? { title: section.name, note: `${section.rows.length} ${section.rows.length === 1 ? "SLO" : "SLOs"}` } : {})}>
            <Table
              label={section.name ? `SLOs of ${section.name}` : "SLOs"} columns={columns} rows={section.rows} rowKey={(row) => row.key} rowHeight={38} selected={view.open}
              onOpen={(row) => go(path("slos", row.slo.name), row.index > 0 ? { objective: String(row.index) } : {})} detail={(row) => <Groups row={row} />}
              tone={(row) => (row.verdict.held ? "hold" : row.verdict.firing === "page" ? "bad" : row.verdict.firing === "ticket" ? "warn" : undefined)}
            />
          </Panel>
        )))}
      </FiveFaces>
    </Page>
  );
}

function Name({ row, open, onOpen }: { row: Row; open: boolean; onOpen: () => void }) {
  const grouped = row.objective.group_by.length > 0;
  return (
    <span className="row">
      <Go to={path("slos", row.slo.name)} search={row.index > 0 ? { objective: String(row.index) } : {}} style={{ color: "var(--text)", fontWeight: 500 }}>{titleOf(row.slo)}</Go>
      <span className="small"><ServiceName name={row.slo.service} plain /></span>
      {grouped && <button type="button" className="btn quiet" aria-expanded={open} onClick={onOpen}><ChevronRight className="ico" aria-hidden style={open ? { transform: "rotate(90deg)" } : undefined} />{row.objective.groups_alive ?? ""} groups{row.objective.groups_firing ? `, ${row.objective.groups_firing} fire` : ""}</button>}
    </span>
  );
}

function Groups({ row }: { row: Row }) {
  const query = useSloGroups(row.slo.name, row.index);
  if (!query.data && !query.error) return <Loading rows={3} />;
  return (
    <FiveFaces query={query} rows={3} isEmpty={(data) => data.groups.length === 0} empty={<Empty title="No group yet." />}>
      {(data) => (
        <ul className="stack" style={{ padding: "var(--s2) var(--s5)" }}>
          <li className="row small dim">As a whole {row.objective.status ? sli(row.objective.status.counted.good, row.objective.status.counted.total, targetOf(row.objective)) : NO_DATA}, counted apart and exact</li>
          {data.groups.slice(0, 20).map((one) => (
            <li key={groupName(one.group)} className="row">
              <BudgetBar left={one.status.budget.remaining ?? null} firing={one.alerts.some(isFiring) ? "page" : null} />
              <span className={one.is_gone ? "faint" : undefined}>{groupName(one.group)}{one.is_gone && " · gone"}</span>
              <span className="small dim">{group(one.status.events.bad)} bad of {group(one.status.events.total)}</span>
            </li>
          ))}
          {data.groups.length > 20 && <li><Go to={path("slos", row.slo.name)} search={{ tab: "groups" }}>all {data.groups.length} groups</Go></li>}
        </ul>
      )}
    </FiveFaces>
  );
}

function NoSlo() {
  return (
    <Panel flush>
      <Empty title="No SLOs." actions={<Go className="btn primary" to="/slos/new">New SLO</Go>}>
        An SLO says which share of events must be good over a time. Choose a service and a kind of good; what it would have been over the stored history is shown before it is saved. Files of OpenSLO and Sloth can be sent to POST /api/v1/slos.
      </Empty>
    </Panel>
  );
}
