import { Sparkline } from "@/components/Sparkline";
import { Table, type TableColumn } from "@/components/Table";
import { kindWord } from "@/model/state";
import { count, durationMs, group, NOT_APPLICABLE, rate, ratio } from "@/model/units";
import type { Operation } from "./rows";

const took = (ns: number | null): string => (ns === null ? NOT_APPLICABLE : durationMs(ns / 1e6));

const COLUMNS: TableColumn<Operation>[] = [
  { id: "name", head: "Operation", sort: (o) => o.name, cell: (o) => <span className="row"><span className="clip" title={o.name}>{o.name}</span><span className="small faint">{kindWord(o.kind)}</span></span> },
  { id: "rate", head: "Rate/s", numeric: true, sort: (o) => o.perSecond, cell: (o) => <span title={group(o.count)}>{rate(o.perSecond)}</span> },
  { id: "trend", head: "", label: "Rate over time", cell: (o) => <Sparkline values={o.rates} width={72} /> },
  { id: "errors", head: "Errors", numeric: true, sort: (o) => o.errorRatio, cell: (o) => <span className={o.errors > 0 ? "bad" : undefined} title={`${count(o.errors)} of ${count(o.count)}`}>{ratio(o.errorRatio)}</span> },
  { id: "share", head: "Of all errors", numeric: true, sort: (o) => o.errorShare, cell: (o) => (o.errorShare === 0 ? <span className="faint">0</span> : `${(o.errorShare * 100).toFixed(0)} %`) },
  { id: "p50", head: "p50", numeric: true, sort: (o) => o.p50, cell: (o) => took(o.p50) },
  { id: "p99", head: "p99", numeric: true, sort: (o) => o.p99, cell: (o) => took(o.p99) },
];

/** Operations with rate, errors, latency; one chosen filters the page. */
export function Operations({ operations, selected, onSelect }: { operations: Operation[]; selected: string; onSelect: (name: string) => void }) {
  const key = operations.find((o) => o.name === selected);
  return (
    <Table
      label="Operations" columns={COLUMNS} rows={operations} rowKey={(o) => `${o.kind} ${o.name}`} selected={key ? `${key.kind} ${key.name}` : null}
      height={420} onOpen={(o) => onSelect(o.name === selected ? "" : o.name)}
    />
  );
}
