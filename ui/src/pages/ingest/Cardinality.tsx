/** What series are made of: labels by values, metrics and senders by series; how many are new by the hour. */

import type { Cardinality } from "@/api/ingest";
import { Go } from "@/components/location/Go";
import { ServiceName } from "@/components/ServiceName";
import { Sparkline } from "@/components/Sparkline";
import { Table, type TableColumn } from "@/components/Table";
import { when, type Nanos } from "@/model/time";
import { count, group, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./ingest.module.css";
import type { View } from "./url";

type Label = Cardinality["labels"][number];
type Counted = { name: string; series: number };

export function CardinalityTable({ report, counted }: { report: Cardinality; counted: View["counted"] }) {
  if (counted === "labels") {
    const columns: TableColumn<Label>[] = [
      { id: "name", head: "Key", cell: (row) => <span className="mono clip" title={row.name}>{row.name}</span>, sort: (row) => row.name },
      { id: "values", head: "Values", numeric: true, width: 72, cell: (row) => <span title={group(row.values)}>{count(row.values)}</span>, sort: (row) => row.values },
      { id: "series", head: "Series", numeric: true, width: 72, cell: (row) => <span title={group(row.series)}>{count(row.series)}</span>, sort: (row) => row.series },
    ];
    return <Table label="Keys of series by values" columns={columns} rows={report.labels} rowKey={(row) => row.name} height={330} />;
  }
  const rows: Counted[] = counted === "metrics" ? report.metrics : report.sources.map((one) => ({ name: one.source, series: one.series }));
  const columns: TableColumn<Counted>[] = [
    { id: "name", head: counted === "metrics" ? "Metric" : "Sender", cell: (row) => (counted === "metrics" ? <Metric name={row.name} /> : row.name === "" ? <span className="dim">no service.name</span> : <ServiceName name={row.name} />), sort: (row) => row.name },
    { id: "series", head: "Series", numeric: true, width: 72, cell: (row) => <span title={group(row.series)}>{count(row.series)}</span>, sort: (row) => row.series },
    { id: "share", head: "Share", numeric: true, width: 80, cell: (row) => ratio(row.series / Math.max(1, report.series)), sort: (row) => row.series },
  ];
  return <Table label={counted === "metrics" ? "Metrics by series" : "Senders by series"} columns={columns} rows={rows} rowKey={(row) => row.name} height={330} />;
}

const Metric = ({ name }: { name: string }) => <Go className="mono clip" to="/metrics-explorer" search={{ q: `{__name__=${JSON.stringify(name)}}` }} title={name}>{name}</Go>;

/** `147 of 1 000 000 series`, as a bar, and what is new. */
export function SeriesLimit({ report, now }: { report: Cardinality; now: Nanos }) {
  const zone = useZone();
  const share = report.series / Math.max(1, report.limits.series);
  const growth = [...report.growth].sort((a, b) => (a.time < b.time ? -1 : 1));
  const newest = growth.at(-1);
  return (
    <div className={styles.limit}>
      <div className={styles.limitWords}>
        <span><b>{count(report.series)}</b> of {count(report.limits.series)} series</span>
        {newest && <span className="dim">{count(newest.new_series)} new since {when(newest.time, now, zone)}</span>}
        {growth.length > 1 && <Sparkline values={growth.map((one) => one.new_series)} label={`New series by the hour: ${growth.map((one) => one.new_series).join(", ")}`} />}
      </div>
      <div className={styles.bar} data-tone={share >= 1 || report.overflowed > 0 ? "bad" : share >= 0.8 ? "warn" : "none"}><span style={{ width: `${Math.min(100, share * 100)}%` }} /></div>
      {report.overflowed > 0 && <p className="bad">{count(report.overflowed)} series were put into overflow series: a limit is reached. Drop the key with the most values below, or raise the limit.</p>}
    </div>
  );
}
