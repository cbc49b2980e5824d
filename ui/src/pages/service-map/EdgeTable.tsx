import type { MapEdge } from "@/api/serviceMap";
import { StateIcon } from "@/components/StateIcon";
import { Table, type TableColumn } from "@/components/Table";
import { count, duration, group, NOT_APPLICABLE, rate, ratio } from "@/model/units";
import { edgeKey, edgeTone } from "./graph";

const COLUMNS: TableColumn<MapEdge>[] = [
  { id: "caller", head: "Caller", sort: (e) => e.caller, cell: (e) => <span className="row"><StateIcon tone={edgeTone(e)} label={edgeTone(e) === "bad" ? "fails" : edgeTone(e) === "warn" ? "some calls fail" : "well"} />{e.caller === "" ? <span className="faint">from outside</span> : e.caller}</span> },
  { id: "callee", head: "Callee", sort: (e) => e.callee, cell: (e) => e.callee },
  { id: "type", head: "Kind", sort: (e) => e.connection_type, cell: (e) => <span className="dim">{e.connection_type}</span> },
  { id: "instrumented", head: "Spans from", sort: (e) => e.instrumented, cell: (e) => <span className="dim">{e.instrumented}</span> },
  { id: "rate", head: "Calls/s", numeric: true, sort: (e) => e.rate_per_second, cell: (e) => <span title={`${group(e.count)} calls`}>{rate(e.rate_per_second)}</span> },
  { id: "errors", head: "Failed", numeric: true, sort: (e) => e.error_ratio, cell: (e) => <span className={edgeTone(e) === "none" ? undefined : edgeTone(e)} title={`${count(e.errors)} of ${count(e.count)}`}>{ratio(e.error_ratio)}</span> },
  { id: "p50", head: "p50", numeric: true, sort: (e) => e.client.p50 ?? e.server.p50, cell: (e) => took(e, "p50") },
  { id: "p99", head: "p99", numeric: true, sort: (e) => e.client.p99 ?? e.server.p99, cell: (e) => took(e, "p99") },
];

/** As the caller waits; where it sends no spans, as the callee works. */
function took(edge: MapEdge, which: "p50" | "p99"): string {
  const time = edge.client[which] ?? edge.server[which];
  return time === null || time === undefined ? NOT_APPLICABLE : duration(time);
}

/** The map's data as rows: the same edges, for eyes and ears that prefer them. */
export function EdgeTable({ edges, selected, onSelect }: { edges: MapEdge[]; selected: string; onSelect: (selected: string) => void }) {
  return (
    <Table
      label="Calls between services" columns={COLUMNS} rows={edges} rowKey={edgeKey} selected={selected} onOpen={(edge) => onSelect(selected === edgeKey(edge) ? "" : edgeKey(edge))}
      tone={(edge) => (edgeTone(edge) === "bad" ? "bad" : edgeTone(edge) === "warn" ? "warn" : undefined)}
    />
  );
}
