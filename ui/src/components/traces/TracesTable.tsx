/** Traces that were found, one a row. */

import { useMemo } from "react";
import type { FoundTrace } from "@/api/traces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { ServiceName } from "@/components/ServiceName";
import { StateIcon } from "@/components/StateIcon";
import { Table, type TableColumn } from "@/components/Table";
import { serviceColour } from "@/model/service";
import { hmsMs } from "@/model/time";
import { count, duration, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./TracesTable.module.css";

const failedIn = (trace: FoundTrace) => Object.values(trace.services).reduce((sum, one) => sum + one.errors, 0);
const spansIn = (trace: FoundTrace) => Object.values(trace.services).reduce((sum, one) => sum + one.spans, 0);
const SERVICES = 8;
const WIDE: readonly string[] = ["bar", "spans", "services", "matched"];

export interface TracesTableProps {
  traces: FoundTrace[];
  /** Ids of ticked ones, and what a tick does; without it there is no box to tick. */
  ticked?: readonly string[];
  onTick?: (id: string) => void;
  selected?: string | null;
  onOpen: (trace: FoundTrace) => void;
  /** Without what needs much room. */
  compact?: boolean;
}

export function TracesTable({ traces, ticked = [], onTick, selected = null, onOpen, compact = false }: TracesTableProps) {
  const zone = useZone();
  const longest = useMemo(() => traces.reduce((most, trace) => Math.max(most, Number(trace.duration)), 1), [traces]);
  const all: TableColumn<FoundTrace>[] = [
    ...(onTick ? [{ id: "tick", head: "", label: "Compare", width: 36, cell: (t: FoundTrace) => <input type="checkbox" aria-label={`Tick trace ${shortId(t.trace_id)}`} checked={ticked.includes(t.trace_id)} onChange={() => onTick(t.trace_id)} /> }] : []),
    { id: "time", head: "Start", width: 110, cell: (t) => <span className="mono">{hmsMs(t.start_time, zone)}</span>, sort: (t) => t.start_time },
    { id: "root", head: "Service and operation", cell: (t) => <span className="row">{t.root_service === null ? <span className="hold row"><StateIcon tone="hold" size={12} /> root not stored</span> : <><ServiceName name={t.root_service} plain /><span className="dim clip">{t.root_name}</span></>}</span>, sort: (t) => `${t.root_service ?? ""} ${t.root_name ?? ""}` },
    { id: "duration", head: "Duration", numeric: true, width: 90, cell: (t) => duration(t.duration), sort: (t) => t.duration },
    { id: "bar", head: "", label: "Duration as a bar", width: 130, cell: (t) => <span aria-hidden className={styles.spark} style={{ "--v": `${(Number(t.duration) / longest) * 100}%`, "--c": failedIn(t) > 0 ? "var(--bad)" : "var(--accent)" } as React.CSSProperties} /> },
    { id: "errors", head: "Errors", numeric: true, width: 64, cell: (t) => <span className={failedIn(t) > 0 ? "bad" : "faint"}>{count(failedIn(t))}</span>, sort: failedIn },
    { id: "spans", head: "Spans", numeric: true, width: 64, cell: (t) => count(spansIn(t)), sort: spansIn },
    { id: "services", head: "Services", width: 190, cell: (t) => <Services trace={t} />, sort: (t) => Object.keys(t.services).length },
    { id: "matched", head: "Matched", numeric: true, width: 76, cell: (t) => count(t.sets.reduce((sum, set) => sum + set.matched, 0)), sort: (t) => t.sets.reduce((sum, set) => sum + set.matched, 0) },
    { id: "id", head: "Trace", width: 84, cell: (t) => <Go className="mono" to={path("traces", t.trace_id)} title={t.trace_id}>{shortId(t.trace_id)}</Go> },
  ];
  const columns = compact ? all.filter(({ id }) => !WIDE.includes(id)) : all;
  return <Table label="Traces" columns={columns} rows={traces} rowKey={(t) => t.trace_id} tone={(t) => (failedIn(t) > 0 ? "bad" : undefined)} selected={selected} onOpen={onOpen} height="100%" />;
}

function Services({ trace }: { trace: FoundTrace }) {
  const names = Object.keys(trace.services);
  return (
    <span className={styles.services} title={names.map((name) => `${name}: ${count(trace.services[name]?.spans ?? 0)} spans`).join("\n")}>
      {names.slice(0, SERVICES).map((name) => <span key={name} className="dot" style={{ "--c": serviceColour(name) } as React.CSSProperties} />)}
      <span className="small dim">{count(names.length)}</span>
    </span>
  );
}
