/** Services as rows, worst first: state, traffic, errors and p99 each with its last hour, budget, version. */

import { type ReactNode, useMemo } from "react";
import { trafficSql, useTraffic } from "@/api/traffic";
import { TimeSeries } from "@/charts/TimeSeries";
import { BudgetBar } from "@/components/BudgetBar";
import { Figure } from "@/components/Figure";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { useTime } from "@/components/location/time";
import { ServiceName } from "@/components/ServiceName";
import { Sparkline } from "@/components/Sparkline";
import { StateIcon } from "@/components/StateIcon";
import { Table, type TableColumn } from "@/components/Table";
import type { Standing } from "@/model/standing";
import type { Tone } from "@/model/state";
import { subtract, toSeconds } from "@/model/time";
import { backBy, withEarlier } from "@/model/against";
import { carried, earlierGrid, errorRatios, type Grid, rates, slowest, spansPerSecond, type Traffic, trafficOf } from "@/model/traffic";
import { quoted } from "@/model/quoted";
import { durationMs, NO_DATA, NOT_APPLICABLE, rate, ratio, type Unit } from "@/model/units";
import { roundAge } from "./age";
import { budgetShort } from "./budgetShort";
import styles from "./ServicesTable.module.css";
import type { ServiceRow } from "./useServices";

export type Metric = "rate" | "errors" | "p99";
/** Which chart stands open under which row: `checkout:errors`. */
export const openKey = (service: string, metric: Metric) => `${service}:${metric}`;

const METRICS: Record<Metric, { name: string; unit: Unit }> = { rate: { name: "Requests per second", unit: "rate" }, errors: { name: "Share of errors", unit: "ratio" }, p99: { name: "p99", unit: "nanos" } };

export interface ServicesTableProps {
  rows: ServiceRow[];
  grid: Grid;
  /** From the URL: see {@link openKey}; empty when none is. */
  open: string;
  onOpen: (open: string) => void;
  tools?: ReactNode;
}

const words: Record<Tone, string> = { bad: "page firing or budget spent", warn: "ticket firing", hold: "silent or held", good: "all well", none: "no SLO" };

export function ServicesTable({ rows, grid, open, onOpen }: ServicesTableProps) {
  const go = useGo();
  const { now } = useTime();
  const spark = (row: ServiceRow, metric: Metric) => {
    const key = openKey(row.service, metric);
    return (
      <button type="button" className={styles.spark} aria-expanded={open === key} aria-label={`Chart of ${METRICS[metric].name.toLowerCase()} of ${row.service}`} onClick={() => onOpen(open === key ? "" : key)}>
        <Sparkline values={valuesOf(row, grid, metric)} tone={sparkTone(row, metric)} marks={marksOf(row, grid)} {...(metric === "errors" ? { max: Math.max(0.002, ...known(valuesOf(row, grid, metric))) } : {})} />
      </button>
    );
  };
  const columns: TableColumn<ServiceRow>[] = [
    {
      id: "service", head: "Service", sort: (r) => r.service,
      cell: (r) => <span className={styles.name}><StateIcon tone={r.tone} label={words[r.tone]} /><ServiceName name={r.service} /></span>,
    },
    { id: "rate", head: "Requests/s", numeric: true, width: 72, sort: (r) => r.traffic.perSecond, cell: (r) => <Rate row={r} grid={grid} /> },
    { id: "rate-spark", head: "", label: "Requests per second over time", width: 98, cell: (r) => spark(r, "rate") },
    { id: "errors", head: "Errors", numeric: true, width: 72, sort: (r) => r.traffic.errorRatio, cell: (r) => <Errors row={r} grid={grid} /> },
    { id: "errors-spark", head: "", label: "Errors over time", width: 98, cell: (r) => spark(r, "errors") },
    { id: "p99", head: "p99", numeric: true, width: 72, sort: (r) => r.traffic.p99, cell: (r) => <P99 row={r} grid={grid} /> },
    { id: "p99-spark", head: "", label: "p99 over time", width: 98, cell: (r) => spark(r, "p99") },
    {
      id: "budget", head: "Budget left", width: 136, sort: (r) => r.lowest?.left,
      cell: (r) => r.lowest === null ? <span className="faint" title="no SLO">{NOT_APPLICABLE}</span>
        : <Go to={path("slos", r.lowest.slo)} title={r.lowest.title} style={{ color: "inherit" }}><Budget of={r.lowest} /></Go>,
    },
    {
      id: "version", head: "Version", width: 80, sort: (r) => r.versions?.current?.version,
      cell: (r) => <span className={styles.version} title={spreadOf(r)}>{r.versions?.current?.version ?? <span className="faint">{NOT_APPLICABLE}</span>}</span>,
    },
    {
      id: "age", head: "Age", numeric: true, width: 64, sort: (r) => r.versions?.current?.first,
      cell: (r) => {
        const first = r.versions?.current?.first;
        if (first === undefined) return <span className="faint">{NOT_APPLICABLE}</span>;
        const isNew = r.deploys.some((deploy) => deploy.to === r.versions?.current?.version);
        return <span className={isNew ? "warn" : "dim"} title={`first seen ${new Date(toSeconds(first) * 1000).toISOString()}`}>{roundAge(subtract(now, first))}</span>;
      },
    },
  ];
  const selected = open.slice(0, open.lastIndexOf(":"));
  return (
    <div className={styles.dense}>
      <Table
        label="Services" columns={columns} rows={rows} rowKey={(r) => r.service} rowHeight={38} selected={selected === "" ? null : selected}
        onOpen={(r) => go(path("services", r.service))} tone={(r) => (r.tone === "bad" || r.tone === "warn" || r.tone === "hold" ? r.tone : undefined)}
        detail={(r) => <Chart row={r} grid={grid} metric={open.slice(open.lastIndexOf(":") + 1) as Metric} />}
      />
    </div>
  );
}

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
/** "2.14.0 on 2 of 6 instances". */
const spreadOf = ({ versions }: ServiceRow): string => (versions?.current ? `${versions.current.version} on ${versions.current.instances} of ${versions.instances} instances` : "no version is sent");

export function valuesOf(row: Pick<ServiceRow, "traffic">, grid: Grid, metric: Metric): (number | null)[] {
  if (metric === "rate") return rates(row.traffic, grid);
  return metric === "errors" ? errorRatios(row.traffic) : carried(slowest(row.traffic), row.traffic.buckets);
}

/** Colour is for what became worse: red where a page fires, else amber. */
function sparkTone(row: ServiceRow, metric: Metric): Tone {
  const isWorse = metric === "rate" ? null : row.worsened[metric];
  return isWorse ? (row.tone === "bad" ? "bad" : "warn") : "none";
}

const marksOf = (row: ServiceRow, grid: Grid): number[] => row.deploys.map((deploy) => Number(deploy.at - grid.range.from) / Number(grid.range.to - grid.range.from)).filter((share) => share > 0 && share < 1);

const figureTone = (row: ServiceRow, metric: "errors" | "p99") => (row.worsened[metric] ? (row.tone === "bad" ? "bad" : "warn") : undefined);
/** The spans that are counted of a service: its requests where it has any; those that failed when `failed`. */
export const tracesQuery = ({ service, counted }: Pick<Traffic, "service" | "counted">, failed = false): string =>
  `{ resource.service.name = ${quoted(service)}${counted === "requests" ? " && (kind = server || kind = consumer)" : ""}${failed ? " && status = error" : ""} }`;

const Budget = ({ of }: { of: Standing }) => (
  <span className="row">
    <BudgetBar left={of.left} firing={of.firing} held={of.held} figure={false} />
    {of.held ? <span className="hold">held</span> : <span>{of.left === null ? NO_DATA : budgetShort(of.left)}</span>}
  </span>
);

function Rate({ row, grid }: { row: ServiceRow; grid: Grid }) {
  if (row.traffic.silentSince !== null) return <span className="hold">{NO_DATA}</span>;
  return (
    <Figure to="/traces" search={{ q: tracesQuery(row.traffic) }} exact={`${row.traffic.count} ${row.traffic.counted}`} sources={{ sql: trafficSql(grid, row.service) }} label={`requests per second of ${row.service}`}>
      {row.traffic.counted === "spans" ? spansPerSecond(row.traffic.perSecond) : rate(row.traffic.perSecond)}
    </Figure>
  );
}

function Errors({ row, grid }: { row: ServiceRow; grid: Grid }) {
  if (row.traffic.silentSince !== null) return <span className="faint">{NOT_APPLICABLE}</span>;
  return (
    <Figure to="/traces" search={{ q: tracesQuery(row.traffic, true) }} exact={`${row.traffic.errors} of ${row.traffic.count}`} tone={figureTone(row, "errors")} sources={{ sql: trafficSql(grid, row.service) }} label={`errors of ${row.service}`}>
      {ratio(row.traffic.errorRatio)}
    </Figure>
  );
}

function P99({ row, grid }: { row: ServiceRow; grid: Grid }) {
  const { p99, silentSince } = row.traffic;
  if (silentSince !== null || p99 === null) return <span className="faint">{NOT_APPLICABLE}</span>;
  return (
    <Figure to="/traces" search={{ q: tracesQuery(row.traffic) }} exact={`${p99} ns`} tone={figureTone(row, "p99")} sources={{ sql: trafficSql(grid, row.service) }} label={`p99 of ${row.service}`}>
      {durationMs(p99 / 1e6)}
    </Figure>
  );
}

function Chart({ row, grid, metric }: { row: ServiceRow; grid: Grid; metric: Metric }) {
  const { name, unit } = METRICS[metric];
  const { against } = useTime();
  const by = backBy(grid.range, against);
  const gridBefore = useMemo(() => (by === null ? grid : earlierGrid(grid, by)), [grid, by]);
  const asked = useTraffic(gridBefore, { service: row.service, enabled: by !== null });
  const before = by === null || !asked.data ? undefined : trafficOf(asked.data.rows, gridBefore)[0];
  const lines = [{ name, values: valuesOf(row, grid, metric), token: sparkTone(row, metric) === "none" ? "--accent" : `--${sparkTone(row, metric)}` }];
  return (
    <div className={styles.detail}>
      <p className="small dim">{name} of {row.service}; drag to zoom</p>
      <TimeSeries
        label={`${name} of ${row.service}`} times={grid.times} unit={unit} height={180}
        lines={withEarlier(lines, before ? [{ name, values: valuesOf({ traffic: before }, gridBefore, metric) }] : null, against)}
        marks={row.deploys.map((deploy) => ({ at: deploy.at, kind: "deploy", label: deploy.to }))}
      />
    </div>
  );
}
