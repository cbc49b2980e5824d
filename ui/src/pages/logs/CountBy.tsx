/** Counts of all records that match by any keys, also over time: what `| count by …` answers, as a table. */

import { useState } from "react";
import { type LogTable, useLogTable } from "@/api/logs";
import { FiveFaces, Partial } from "@/components/FiveFaces";
import { Table, type TableColumn } from "@/components/Table";
import type { Range } from "@/model/range";
import { exact, nanos } from "@/model/time";
import { count, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./logs.module.css";
import { term } from "@/components/logs/query";

export interface CountByProps {
  search: string;
  /** Pipes of the query's own; they win over the builder. */
  pipes: string;
  range: Range;
  by: string[];
  per: string;
  onChange: (change: { by?: string[]; per?: string }) => void;
  onPick: (condition: string, exclude: boolean) => void;
}

const PER = ["", "10s", "1m", "5m", "1h"];

export function CountBy({ search, pipes, range, by, per, onChange, onPick }: CountByProps) {
  const [draft, setDraft] = useState(by.join(", "));
  const keys = by.length === 0 ? ["service", "severity"] : by;
  const stage = pipes !== "" ? pipes : `count by ${keys.join(", ")}${per === "" ? "" : ` per ${per}`}`;
  const table = useLogTable(`${search} | ${stage}`, range, "count logs");
  return (
    <div className={styles.pane}>
      {pipes === "" && (
        <form
          className={styles.builder}
          onSubmit={(event) => {
            event.preventDefault();
            onChange({ by: draft.split(",").map((key) => key.trim()).filter((key) => key !== "") });
          }}
        >
          <label className="row"><span className="small dim">Count by</span>
            <input className="input mono" style={{ width: 320 }} value={draft} onChange={(event) => setDraft(event.target.value)} placeholder="service, severity" aria-label="Keys to count by, with commas between" />
          </label>
          <label className="row"><span className="small dim">each</span>
            <select className="input" value={per} onChange={(event) => onChange({ per: event.target.value })} aria-label="Length of time to count by">
              {PER.map((one) => <option key={one} value={one}>{one === "" ? "whole range" : one}</option>)}
            </select>
          </label>
          <button type="submit" className="btn">Count</button>
          <code className="faint">| {stage}</code>
        </form>
      )}
      <FiveFaces
        query={table} rows={10} isEmpty={(data) => data.rows.length === 0}
        partial={(data) => data.truncated && <Partial>The first {group(data.rows.length)} rows. Count by fewer keys, or narrow the search.</Partial>}
      >
        {(data) => <AnyTable table={data} onPick={onPick} />}
      </FiveFaces>
    </div>
  );
}

interface Indexed {
  index: number;
  cells: unknown[];
}

/** A table of pipes, whatever its columns. */
function AnyTable({ table, onPick }: { table: LogTable; onPick: CountByProps["onPick"] }) {
  const zone = useZone();
  const rows: Indexed[] = table.rows.map((cells, index) => ({ index, cells }));
  const most = Math.max(1, ...table.rows.map((cells) => Number(cells[table.columns.findIndex((column) => column.name === "count")] ?? 0)));
  const columns = table.columns.map((column, at): TableColumn<Indexed> => {
    const numeric = column.type === "int64";
    return {
      id: `${column.name}/${at}`, head: column.name, numeric,
      sort: ({ cells }) => sortable(cells[at]),
      cell: ({ cells }) => {
        const value = cells[at];
        if (column.type === "timestamp" && typeof value === "string") return <span className="mono">{exact(nanos(value), zone).slice(0, 23)}</span>;
        if (numeric) return <span title={group(Number(value))}>{count(Number(value))}</span>;
        if (value === null) return <span className="faint">–</span>;
        const text = typeof value === "string" ? value : JSON.stringify(value);
        if (["pattern", "sample"].includes(column.name)) return <code>{text}</code>;
        return <button type="button" className="btn quiet" style={{ height: 24, padding: "0 4px" }} title="Filter by it; Alt-click excludes it" onClick={(event) => onPick(term(column.name, value), event.altKey)}>{text === "" ? "(empty)" : text}</button>;
      },
    };
  });
  const bars: TableColumn<Indexed> = {
    id: "bar", head: "", label: "Share", width: "30%",
    cell: ({ cells }) => <span aria-hidden style={{ display: "block", height: 12, borderRadius: 3, background: "var(--accent-bg)", width: `${(Number(cells.at(-1)) / most) * 100}%` }} />,
  };
  const counted = table.columns.at(-1)?.name === "count";
  return <Table label="Counts" columns={counted ? [...columns, bars] : columns} rows={rows} rowKey={(row) => String(row.index)} height="100%" />;
}

const sortable = (value: unknown): string | number | null => (typeof value === "number" || typeof value === "string" ? value : value === null ? null : JSON.stringify(value));
