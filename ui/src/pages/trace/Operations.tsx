/** The trace as a table: what was done how often, and what of it the trace waited for. */

import { useMemo } from "react";
import { ServiceName } from "@/components/ServiceName";
import { Table, type TableColumn } from "@/components/Table";
import { type Operation, operationsOf } from "@/model/trace/facts";
import type { TraceTree } from "@/model/trace/tree";
import { count, ratio } from "@/model/units";
import { took } from "./Row";

export function Operations({ tree, find, onOpen }: { tree: TraceTree; find: string; onOpen: (span: number) => void }) {
  const all = useMemo(() => operationsOf(tree), [tree]);
  const word = find.trim().toLowerCase();
  const rows = word === "" ? all : all.filter((one) => `${one.service} ${one.name}`.toLowerCase().includes(word));
  const columns = useMemo<TableColumn<Operation>[]>(() => [
    { id: "service", head: "Service", cell: (o) => <ServiceName name={o.service} />, sort: (o) => o.service },
    { id: "name", head: "Operation", cell: (o) => o.name, sort: (o) => o.name },
    { id: "spans", head: "Spans", numeric: true, cell: (o) => count(o.spans), sort: (o) => o.spans },
    { id: "errors", head: "Errors", numeric: true, cell: (o) => <span className={o.errors > 0 ? "bad" : "faint"}>{count(o.errors)}</span>, sort: (o) => o.errors },
    { id: "path", head: "On critical path", numeric: true, cell: (o) => (o.path === 0 ? <span className="faint">0</span> : took(o.path)), sort: (o) => o.path },
    { id: "share", head: "Share", numeric: true, cell: (o) => ratio(o.path / Math.max(1, tree.width)), sort: (o) => o.path },
    { id: "self", head: "Own time", numeric: true, cell: (o) => took(o.self), sort: (o) => o.self },
    { id: "total", head: "Total", numeric: true, cell: (o) => took(o.total), sort: (o) => o.total },
    { id: "longest", head: "Longest", numeric: true, cell: (o) => took(o.longest), sort: (o) => o.longest },
  ], [tree]);
  if (rows.length === 0) return <p className="dim" style={{ padding: 16 }}>None of {count(all.length)} operations holds “{find}”.</p>;
  return <Table label="Operations of this trace" columns={columns} rows={rows} rowKey={(o) => `${o.service} ${o.name}`} tone={(o) => (o.errors > 0 ? "bad" : undefined)} onOpen={(o) => onOpen(o.example)} height="100%" />;
}
