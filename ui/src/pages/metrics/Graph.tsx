/** The answer: a graph with exemplars, or its last values as a table. */

import { useMemo } from "react";
import { type Family, useExemplars } from "@/api/promql";
import { type Line, TimeSeries } from "@/charts/TimeSeries";
import { lineToken } from "@/charts/tokens";
import { Empty, Loading, Partial } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { Table, type TableColumn } from "@/components/Table";
import { type Against, withEarlier } from "@/model/against";
import type { Range } from "@/model/range";
import { hmsMs } from "@/model/time";
import { format, group, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { metricsOf, unitOf } from "@/components/series/expression";
import styles from "./metrics.module.css";
import { Nearest } from "./Nearest";
import { useDeployMarks } from "@/components/services/useDeployMarks";
import { type Drawn, type Exemplar, exemplarsOf, heightOf, SERIES_SHOWN, shownOf } from "@/components/series/series";
import type { Series } from "./useSeries";

export interface GraphProps {
  series: Series;
  /** The same of an earlier time. */
  before: Drawn[] | null;
  against: Against;
  range: Range;
  families: ReadonlyMap<string, Family>;
  all: boolean;
  onAll: () => void;
  exemplars: boolean;
  shows: "graph" | "table";
}

export function Graph({ series, before, against, range, families, all, onAll, exemplars, shows }: GraphProps) {
  const zone = useZone();
  const go = useGo();
  const first = series.asked[0] ?? "";
  const unit = unitOf(first, families);
  const found = useExemplars(first, range, { enabled: exemplars && series.lines.length > 0 });
  const lines = useMemo(() => shownOf(series.lines, all), [series.lines, all]);
  const marks = useDeployMarks(range);
  const both = useMemo(() => withEarlier<Line>(lines.map((line, index) => ({ ...line, token: lineToken(index) })), before, against), [lines, before, against]);
  // Observations stand at their value where the chart shows such values, else on its highest line.
  const inValue = unit === "seconds" || unit === "bytes" || unit === "memory";
  const points = useMemo(
    () => (exemplars ? exemplarsOf(found.data ?? [], range, inValue ? null : heightOf(lines, series.grid)) : []),
    [exemplars, found.data, range, inValue, lines, series.grid],
  );
  const family = metricsOf(first).map((metric) => families.get(metric.replace(/_(bucket|count|sum)$/, "")))[0];
  const observed = family?.unit === "s" ? "seconds" : unit === "rate" ? "none" : unit;
  const drawn = useMemo(
    () => points.map((point) => ({ at: point.at, value: point.y, label: `${format(point.value, observed)} · trace ${shortId(point.traceId)}`, open: () => go(path("traces", point.traceId), { span: point.spanId }) })),
    [points, observed, go],
  );
  if (series.loading && series.lines.length === 0) return <Loading rows={9} height={300} />;
  if (series.lines.length === 0) return series.errors.some((error) => error) ? null : <Nearest expression={first} range={range} />;
  return (
    <>
      {!all && series.lines.length > SERIES_SHOWN && (
        <Partial actions={<button type="button" className="btn" onClick={onAll}>Show all {group(series.lines.length)}</button>}>The {SERIES_SHOWN} largest of {group(series.lines.length)} series, by their maximum.</Partial>
      )}
      {shows === "graph" ? (
        <div className={styles.graph}>
          <TimeSeries label={first} times={series.grid} lines={both} unit={unit} height={300} range={range} legend={false} exemplars={drawn} marks={marks} />
        </div>
      ) : null}
      <LineTable lines={lines} unit={unit} />
      {shows === "graph" && exemplars && points.length > 0 && <ExemplarList points={points} unit={observed} zone={zone} />}
    </>
  );
}

const known = (line: Drawn): number[] => line.values.filter((value): value is number => value !== null);
const last = (line: Drawn): number | null => known(line).at(-1) ?? null;
const most = (line: Drawn): number | null => (known(line).length === 0 ? null : known(line).reduce((a, b) => Math.max(a, b)));
const mean = (line: Drawn): number | null => (known(line).length === 0 ? null : known(line).reduce((a, b) => a + b, 0) / known(line).length);

/** The legend: one series a row. */
function LineTable({ lines, unit }: { lines: Drawn[]; unit: Parameters<typeof format>[1] }) {
  const tokens = useMemo(() => new Map(lines.map((line, index) => [line, index])), [lines]);
  const columns: TableColumn<Drawn>[] = [
    {
      id: "name", head: "Series", sort: (line) => line.name,
      cell: (line) => <span className="row" title={JSON.stringify(line.labels)}><span className={styles.key} style={{ "--c": `var(${lineToken(tokens.get(line) ?? 0)})` } as React.CSSProperties} aria-hidden /><code className="clip">{line.name}</code></span>,
    },
    { id: "last", head: "Last", numeric: true, width: 110, cell: (line) => format(last(line), unit), sort: last },
    { id: "mean", head: "Mean", numeric: true, width: 110, cell: (line) => <span className="dim">{format(mean(line), unit)}</span>, sort: mean },
    { id: "max", head: "Max", numeric: true, width: 110, cell: (line) => <span className="dim">{format(most(line), unit)}</span>, sort: most },
  ];
  return <div className={styles.legend}><Table label="Series" columns={columns} rows={lines} rowKey={(line) => line.name} height={300} rowHeight={24} /></div>;
}

function ExemplarList({ points, unit, zone }: { points: Exemplar[]; unit: Parameters<typeof format>[1]; zone: "UTC" | "local" }) {
  const slowest = [...points].sort((a, b) => b.value - a.value).slice(0, 5);
  return (
    <div className="row wrap" style={{ padding: "8px 12px" }}>
      <span className="small dim">◆ {group(points.length)} exemplars, the largest:</span>
      {slowest.map((point) => (
        <Go key={`${point.traceId}/${String(point.at)}`} className="btn" to={path("traces", point.traceId)} search={{ span: point.spanId }} title={`${hmsMs(point.at, zone)} · trace ${point.traceId}`}>{format(point.value, unit)} <code className="faint">{shortId(point.traceId)}</code></Go>
      ))}
    </div>
  );
}

export const NothingAsked = () => (
  <Empty title="Ask for a series.">Write PromQL above, or choose a metric below: it offers what one most often wants of it.</Empty>
);
