/** What lies on disk: segments by table, by level of compaction, and what is due to be joined. */

import { Table, type TableColumn } from "@/components/Table";
import { when, type Nanos } from "@/model/time";
import { bytes, count, group, significant, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import type { TableSegments } from "./rows";

export function Segments({ tables, now }: { tables: TableSegments[]; now: Nanos }) {
  const zone = useZone();
  const columns: TableColumn<TableSegments>[] = [
    { id: "table", head: "Table", cell: (row) => <span className="mono">{row.table}</span>, sort: (row) => row.table },
    { id: "segments", head: "Segments", numeric: true, width: 84, cell: (row) => count(row.segments), sort: (row) => row.segments },
    { id: "levels", head: "By level", width: 170, cell: (row) => <span className="dim" title="Level 0 is as it was flushed; each joining is a level more.">{row.levels.map(({ level, segments }) => `L${level} ${count(segments)}`).join(" · ")}</span> },
    { id: "rows", head: "Rows", numeric: true, width: 90, cell: (row) => <span title={group(row.rows)}>{count(row.rows)}</span>, sort: (row) => row.rows },
    { id: "bytes", head: "Bytes", numeric: true, width: 90, cell: (row) => <span title={`${group(row.bytes)}${THIN}B`}>{bytes(row.bytes)}</span>, sort: (row) => row.bytes },
    { id: "per", head: "Bytes/row", numeric: true, width: 84, cell: (row) => significant(row.bytes / Math.max(1, row.rows)), sort: (row) => row.bytes / Math.max(1, row.rows) },
    { id: "days", head: "Days", numeric: true, width: 64, cell: (row) => count(row.days), sort: (row) => row.days },
    { id: "newest", head: "Last flush", numeric: true, width: 110, cell: (row) => when(row.newest, now, zone), sort: (row) => row.newest },
    { id: "due", head: "To be joined", numeric: true, width: 100, cell: (row) => (row.due === 0 ? "0" : <span className="warn">{count(row.due)}</span>), sort: (row) => row.due },
  ];
  return <Table label="Segments by table" columns={columns} rows={tables} rowKey={(row) => row.table} />;
}
