/** An answer as grid, chart or JSON. */

import { useMemo } from "react";
import { timeSeries } from "@/charts/later";
import type { SqlTable } from "@/api/sql";
import { Empty } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Table, type TableColumn } from "@/components/Table";
import { nanos } from "@/model/time";
import { duration, format, shortId, type Unit } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Cells, cellText, chartOf, isDuration, isNumber, isTime, sortKey, traceIdOf, widthOf } from "./answer";
import styles from "./AnswerView.module.css";

const JSON_ROWS = 1000;

interface Numbered {
  index: number;
  cells: Cells;
}

/** `units` by the name of a column: its numbers in words. `brief` shows times to the second, all their digits on hover. */
export function Grid({ table, units, label = "Answer", brief = false }: { table: SqlTable; units?: Readonly<Record<string, Unit>> | undefined; label?: string; brief?: boolean }) {
  const zone = useZone();
  const rows = useMemo(() => table.rows.map((cells, index): Numbered => ({ index, cells })), [table]);
  const columns = useMemo(
    () => table.columns.map((column, at): TableColumn<Numbered> => ({
      id: `${at}/${column.name}`, head: <span title={column.type}>{column.name}</span>, numeric: isNumber(column) || isDuration(column), width: brief && isTime(column) ? 150 : brief && units?.[column.name] ? 96 : widthOf(table, at, zone),
      sort: ({ cells }) => sortKey(cells[at], column),
      cell: ({ cells }) => {
        const value = cells[at];
        if (value === null || value === undefined) return <span className="faint">null</span>;
        const traceId = traceIdOf(value, column);
        if (traceId) return <Go className="mono" to={path("traces", traceId)} title={traceId}>{shortId(traceId)}</Go>;
        const unit = units?.[column.name];
        if (unit && (typeof value === "number" || typeof value === "string") && Number.isFinite(Number(value))) return <span title={String(value)}>{format(Number(value), unit)}</span>;
        const whole = cellText(value, column, zone);
        const text = brief && isTime(column) ? whole.slice(0, 19) : whole;
        if (isDuration(column) && typeof value === "string" && /^-?\d+$/.test(value)) return <span className={styles.cell} title={`${text} ns`}>{duration(nanos(value))}</span>;
        if (column.name === "service") return <Go className={styles.cell} to={path("services", text)} style={{ color: "var(--text)" }}>{text}</Go>;
        return <span className={styles.cell} title={text.length > 40 ? text : isTime(column) && typeof value === "string" ? value : undefined}>{text.length > 300 ? `${text.slice(0, 300)}…` : text}</span>;
      },
    })),
    [table, zone, units, brief],
  );
  if (rows.length === 0) return <Empty title="No row.">The question was answered: nothing fits its conditions. Widen the time, or take a condition out.</Empty>;
  return <Table label={label} columns={columns} rows={rows} rowKey={(row) => String(row.index)} height="100%" rowHeight={26} />;
}

export function Chart({ table }: { table: SqlTable }) {
  const chart = useMemo(() => chartOf(table), [table]);
  const [first, last] = [chart?.times[0], chart?.times.at(-1)];
  if (!chart || first === undefined || last === undefined || first === last) {
    return <Empty title="Nothing to draw.">A chart needs a column of times, more than one of them, and a column of numbers; texts beside them make a line each. Such as: SELECT date_trunc('minute', time) AS minute, service, count(*) FROM logs GROUP BY 1, 2</Empty>;
  }
  return (
    <div style={{ padding: 16, height: "auto" }}>
      <timeSeries.Chart fallback={<></>} label="Answer over time" times={chart.times} lines={chart.lines} unit="none" height={300} range={{ from: first, to: last }} onZoom={() => undefined} sync="sql" />
    </div>
  );
}

export function Json({ table }: { table: SqlTable }) {
  const text = useMemo(() => JSON.stringify(table.rows.slice(0, JSON_ROWS).map((cells) => Object.fromEntries(table.columns.map((column, at) => [column.name, cells[at]]))), null, 2), [table]);
  return <pre className={styles.json}>{text}{table.rows.length > JSON_ROWS && `\n… the first ${JSON_ROWS} rows; export has them all`}</pre>;
}
