/** What was found: the spans that matched, or these by operation. */

import { useMemo } from "react";
import type { FoundTrace } from "@/api/traces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { ServiceName } from "@/components/ServiceName";
import { Table, type TableColumn } from "@/components/Table";
import { valueText } from "@/model/trace/differs";
import { hmsMs, nanos, type Zone } from "@/model/time";
import { count, duration, ratio, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Group, groupsOf, type Point } from "./points";

/** Columns of the attributes that the query names, as the answer gives them. */
function attributeColumns(traces: readonly FoundTrace[]): string[] {
  const names = new Set<string>();
  for (const trace of traces) for (const set of trace.sets) for (const span of set.spans) for (const name of Object.keys(span.attributes)) names.add(name);
  return [...names].filter((name) => !/^(status|name|duration|resource\.service\.name|span:parentID)$/.test(name)).slice(0, 4);
}

interface SpanRow extends Point {
  attributes: Record<string, unknown>;
}

/** The spans that matched; of these the ones to `keep`. */
export function Spans({ traces, keep, onOpen }: { traces: FoundTrace[]; keep: (point: Point) => boolean; onOpen: (point: Point) => void }) {
  const zone = useZone();
  const rows = useMemo<SpanRow[]>(() => traces.flatMap((t) => t.sets.flatMap((set) => set.spans.map((s) => ({
    trace: t.trace_id, span: s.span_id, start: s.start_time, duration: Number(s.duration), failed: s.status === "error", service: s.service, name: s.name, attributes: s.attributes,
  })))).filter(keep), [traces, keep]);
  const named = useMemo(() => attributeColumns(traces), [traces]);
  return <Table label="Spans" columns={spanColumns(zone, named)} rows={rows} rowKey={(row) => `${row.trace}/${row.span}`} tone={(row) => (row.failed ? "bad" : undefined)} onOpen={onOpen} height="100%" />;
}

const spanColumns = (zone: Zone, named: string[]): TableColumn<SpanRow>[] => [
  { id: "time", head: "Start", width: 110, cell: (row) => <span className="mono">{hmsMs(row.start, zone)}</span>, sort: (row) => row.start },
  { id: "service", head: "Service", width: 170, cell: (row) => <ServiceName name={row.service} plain />, sort: (row) => row.service },
  { id: "name", head: "Operation", cell: (row) => row.name, sort: (row) => row.name },
  { id: "duration", head: "Duration", numeric: true, width: 100, cell: (row) => duration(nanos(row.duration)), sort: (row) => row.duration },
  { id: "status", head: "Status", width: 80, cell: (row) => <span className={row.failed ? "bad" : "faint"}>{row.failed ? "failed" : "not failed"}</span>, sort: (row) => Number(row.failed) },
  ...named.map((name): TableColumn<SpanRow> => ({ id: name, head: <code>{name}</code>, cell: (row) => <code>{valueText(row.attributes[name])}</code>, sort: (row) => (row.attributes[name] === undefined ? null : valueText(row.attributes[name])) })),
  { id: "id", head: "Trace", width: 84, cell: (row) => <Go className="mono" to={path("traces", row.trace)} search={{ span: row.span }} title={row.trace}>{shortId(row.trace)}</Go> },
];

export function Groups({ points, onOpen }: { points: readonly Point[]; onOpen: (group: Group) => void }) {
  const rows = useMemo(() => groupsOf(points), [points]);
  const columns: TableColumn<Group>[] = [
    { id: "service", head: "Service", cell: (g) => <ServiceName name={g.service} plain />, sort: (g) => g.service },
    { id: "name", head: "Operation", cell: (g) => g.name, sort: (g) => g.name },
    { id: "spans", head: "Spans", numeric: true, cell: (g) => count(g.spans), sort: (g) => g.spans },
    { id: "failed", head: "Failed", numeric: true, cell: (g) => <span className={g.failed > 0 ? "bad" : "faint"}>{ratio(g.failed / g.spans)}</span>, sort: (g) => g.failed / g.spans },
    { id: "p50", head: "p50", numeric: true, cell: (g) => duration(nanos(g.p50)), sort: (g) => g.p50 },
    { id: "longest", head: "Longest", numeric: true, cell: (g) => duration(nanos(g.longest)), sort: (g) => g.longest },
  ];
  return <Table label="Matched spans by operation" columns={columns} rows={rows} rowKey={(g) => `${g.service} ${g.name}`} onOpen={onOpen} height="100%" />;
}
