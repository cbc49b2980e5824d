/** What a service says: each tab asks its own question, and says what to send when nothing is there. */

import { useMemo } from "react";
import { useFailures, useInstances, useLogPatterns, useResources, useServiceMetrics, useSlow, type FailureRow, type InstanceRow, type MetricRow, type PatternRow, type SlowRow, type Subject } from "@/api/service";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { useTime } from "@/components/location/time";
import { roundAge } from "@/components/services/age";
import { Sparkline } from "@/components/Sparkline";
import { Table, type TableColumn } from "@/components/Table";
import { severityName } from "@/model/state";
import { exact, hms, subtract, when, type Nanos } from "@/model/time";
import type { Grid } from "@/model/traffic";
import { count, duration, durationMs, group, NOT_APPLICABLE, ratio, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { groupedOf, resourceFacts } from "./rows";
import styles from "./service.module.css";

export interface TabProps {
  subject: Subject;
  grid: Grid;
}

const At = ({ at }: { at: Nanos }) => {
  const zone = useZone();
  const { now } = useTime();
  return <time title={`${exact(at, zone)} ${zone}`}>{when(at, now, zone)}</time>;
};
type Group<Row> = ReturnType<typeof groupedOf<Row & { at: Nanos; count: number; last: Nanos }>>[number];

export function Failures({ subject, grid }: TabProps) {
  const go = useGo();
  const query = useFailures(subject, grid);
  const groups = useMemo(() => groupedOf(query.data?.rows ?? [], (row) => JSON.stringify([row.name, row.type, row.message]), grid), [query.data, grid]);
  const columns: TableColumn<Group<FailureRow>>[] = [
    { id: "type", head: "Type", sort: (g) => g.sample.type, cell: (g) => <span className="bad">{g.sample.type}</span> },
    { id: "name", head: "Span", sort: (g) => g.sample.name, cell: (g) => g.sample.name },
    { id: "message", head: "Message, # for numbers", cell: (g) => <span className={styles.message} title={g.sample.message ?? ""}>{g.sample.message === null || g.sample.message === "" ? <span className="faint">no message</span> : g.sample.message}</span> },
    { id: "count", head: "Count", numeric: true, sort: (g) => g.count, cell: (g) => <span title={group(g.count)}>{count(g.count)}</span> },
    { id: "trend", head: "Trend", cell: (g) => <Sparkline values={g.trend} tone="bad" /> },
    { id: "first", head: "First in range", numeric: true, sort: (g) => g.first, cell: (g) => <At at={g.first} /> },
    { id: "last", head: "Last", numeric: true, sort: (g) => g.last, cell: (g) => <At at={g.last} /> },
    { id: "trace", head: "Trace", cell: (g) => <Go className="mono" to={path("traces", g.sample.trace_id)} search={{ paused: "1" }} title={g.sample.trace_id}>{shortId(g.sample.trace_id)}</Go> },
  ];
  return (
    <FiveFaces query={query} rows={4} height={160} isEmpty={() => groups.length === 0} empty={<Empty title="No span failed in this range.">A span counts as failed when its status is error. Exceptions that were caught, and HTTP 4xx of a server, are no failures.</Empty>}>
      {() => <Table label="Errors, grouped" columns={columns} rows={groups} rowKey={(g) => g.key} onOpen={(g) => go(path("traces", g.sample.trace_id), { paused: "1" })} />}
    </FiveFaces>
  );
}

export function Slow({ subject, grid }: TabProps) {
  const go = useGo();
  const zone = useZone();
  const query = useSlow(subject, grid.range);
  const open = (row: SlowRow) => go(path("traces", row.trace_id), { span: row.span_id, paused: "1" });
  const columns: TableColumn<SlowRow>[] = [
    { id: "time", head: "Time", sort: (r) => r.start_time, cell: (r) => <time title={exact(r.start_time, zone)}>{hms(r.start_time, zone)}</time> },
    { id: "name", head: "Operation", sort: (r) => r.name, cell: (r) => r.name },
    { id: "status", head: "Status", sort: (r) => r.status_code, cell: (r) => (r.status_code === 2 ? <span className="bad">error</span> : <span className="dim">ok</span>) },
    { id: "version", head: "Version", sort: (r) => r.version, cell: (r) => <span className="mono">{r.version ?? NOT_APPLICABLE}</span> },
    { id: "duration", head: "Took", numeric: true, sort: (r) => r.duration, cell: (r) => duration(r.duration) },
    { id: "trace", head: "Trace", cell: (r) => <Go className="mono" to={path("traces", r.trace_id)} search={{ span: r.span_id, paused: "1" }} title={r.trace_id}>{shortId(r.trace_id)}</Go> },
  ];
  return (
    <FiveFaces query={query} rows={6} height={240} isEmpty={(data) => data.rows.length === 0} empty={<Empty title="No request in this range.">Requests are spans of kind server and consumer.</Empty>}>
      {(data) => <Table label="Slowest requests" columns={columns} rows={data.rows} rowKey={(r) => r.span_id} onOpen={open} height={420} />}
    </FiveFaces>
  );
}

export function LogPatterns({ subject: { service }, grid }: TabProps) {
  const query = useLogPatterns(service, grid, {});
  const groups = useMemo(() => groupedOf(query.data?.rows ?? [], (row) => `${row.severity} ${row.pattern}`, grid), [query.data, grid]);
  const columns: TableColumn<Group<PatternRow>>[] = [
    { id: "severity", head: "Severity", sort: (g) => g.sample.severity, cell: (g) => <span className={g.sample.severity >= 17 ? "bad" : g.sample.severity >= 13 ? "warn" : "dim"}>{(severityName(g.sample.severity) ?? "unset").toUpperCase()}</span> },
    { id: "pattern", head: "Pattern, # for numbers", cell: (g) => <span className={styles.message} title={g.sample.pattern}>{g.sample.pattern}</span> },
    { id: "count", head: "Records", numeric: true, sort: (g) => g.count, cell: (g) => count(g.count) },
    { id: "trend", head: "Trend", cell: (g) => <Sparkline values={g.trend} tone={g.sample.severity >= 17 ? "bad" : "none"} /> },
    { id: "first", head: "First in range", numeric: true, sort: (g) => g.first, cell: (g) => <At at={g.first} /> },
    { id: "last", head: "Last", numeric: true, sort: (g) => g.last, cell: (g) => <At at={g.last} /> },
  ];
  return (
    <FiveFaces
      query={query} rows={5} height={200} isEmpty={() => groups.length === 0}
      empty={<Empty title="No log record of this service in this range." actions={<Go className="btn" to="/logs">All logs</Go>}>Add the log bridge of its SDK, and records carry its name and trace ids. Java: the agent does it by itself (OTEL_LOGS_EXPORTER=otlp). Python: OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true. Files: a Collector with the filelog receiver.</Empty>}
    >
      {() => (
        <>
          <Table label="Patterns of log records" columns={columns} rows={groups} rowKey={(g) => g.key} height={420} />
          <p className="small" style={{ padding: 12 }}><Go to="/logs" search={{ q: `service:${service}` }}>All log records of {service}</Go></p>
        </>
      )}
    </FiveFaces>
  );
}

export function Instances({ subject, grid }: TabProps) {
  const { now } = useTime();
  const query = useInstances(subject, grid.range, {});
  const columns: TableColumn<InstanceRow>[] = [
    { id: "instance", head: "Instance", sort: (r) => r.instance, cell: (r) => <span className="mono">{r.instance ?? <span className="faint">no service.instance.id</span>}</span> },
    { id: "version", head: "Version", sort: (r) => r.version, cell: (r) => <span className="mono">{r.version ?? NOT_APPLICABLE}</span> },
    { id: "host", head: "Host", sort: (r) => r.host, cell: (r) => <span className="dim">{r.host ?? NOT_APPLICABLE}</span> },
    { id: "count", head: "Requests", numeric: true, sort: (r) => r.count, cell: (r) => count(r.count) },
    { id: "errors", head: "Errors", numeric: true, sort: (r) => r.errors / Math.max(1, r.count), cell: (r) => <span className={r.errors > 0 ? "bad" : undefined} title={`${group(r.errors)} of ${group(r.count)}`}>{ratio(r.errors / Math.max(1, r.count))}</span> },
    { id: "p99", head: "p99, about", numeric: true, sort: (r) => r.p99, cell: (r) => (r.p99 === null ? NOT_APPLICABLE : durationMs(r.p99 / 1e6)) },
    { id: "last", head: "Last request", numeric: true, sort: (r) => r.last, cell: (r) => <span className="dim">{roundAge(subtract(now, r.last))} ago</span> },
  ];
  return (
    <FiveFaces query={query} rows={5} height={200} isEmpty={(data) => data.rows.length === 0} empty={<Empty title="No instance had a request in this range." />}>
      {(data) => <Table label="Instances" columns={columns} rows={data.rows} rowKey={(r) => `${r.instance ?? ""} ${r.version ?? ""}`} height={420} />}
    </FiveFaces>
  );
}

export function Metrics({ subject: { service } }: TabProps) {
  const go = useGo();
  const query = useServiceMetrics(service, {});
  const columns: TableColumn<MetricRow>[] = [
    { id: "name", head: "Metric", sort: (r) => r.name, cell: (r) => <span className="mono">{r.name}</span> },
    { id: "type", head: "Type", sort: (r) => r.type, cell: (r) => r.type },
    { id: "unit", head: "Unit", cell: (r) => <span className="dim">{r.unit === "" ? NOT_APPLICABLE : r.unit}</span> },
    { id: "series", head: "Series", numeric: true, sort: (r) => r.series, cell: (r) => count(r.series) },
  ];
  return (
    <FiveFaces query={query} rows={5} height={200} isEmpty={(data) => data.rows.length === 0} empty={<Empty title="This service sends no metrics.">Rate, errors and latency above come from its spans. For its own metrics set OTEL_METRICS_EXPORTER=otlp, or let Binnacle scrape its /metrics.</Empty>}>
      {(data) => <Table label="Metrics" columns={columns} rows={data.rows} rowKey={(r) => r.name} onOpen={(r) => go("/metrics-explorer", { q: `{__name__=~"${r.name.replaceAll(/[.]/g, "_")}.*", service_name="${service}"}` })} />}
    </FiveFaces>
  );
}

export function Resource({ subject: { service }, grid }: TabProps) {
  const query = useResources(service, grid.range, {});
  return (
    <FiveFaces query={query} rows={5} height={200} isEmpty={(data) => data.rows.length === 0} empty={<Empty title="No span of this service in this range." />}>
      {(data) => (
        <dl className={styles.facts}>
          {resourceFacts(data.rows).flatMap(({ key, values }) => [
            <dt key={key} className="dim">{key}</dt>,
            <dd key={`${key}/values`}>{values.slice(0, 8).map(({ value, count: spans }, index) => <span key={value} title={`${group(spans)} spans`}>{index > 0 && <span className="faint"> · </span>}{value}</span>)}{values.length > 8 && <span className="faint"> and {values.length - 8} more</span>}</dd>,
          ])}
        </dl>
      )}
    </FiveFaces>
  );
}
