/** Two trees as one: spans matched by service, name and place, with what became of each. */

import { useMemo } from "react";
import { type Compared, type ComparedSpan, comparePath, useCompared } from "@/api/trace/compare";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { FiveFaces, Partial } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Table, type TableColumn } from "@/components/Table";
import { serviceColour } from "@/model/service";
import { statusWord, valueText } from "@/model/trace/differs";
import { nanos } from "@/model/time";
import { count, duration, shortId } from "@/model/units";
import styles from "./Compare.module.css";

interface Row extends ComparedSpan {
  index: number;
  depth: number;
}

const WORDS = { same: "same", changed: "changed", added: "only in B", removed: "only in A" } as const;
const TONES = { same: "", changed: "warn", added: "hold", removed: "bad" } as const;

export function Compare({ a, b, onClose, onOpen }: { a: string; b: string; onClose: () => void; onOpen: (spanId: string) => void }) {
  const asked = useCompared(a, b);
  return (
    <FiveFaces query={asked} rows={12} partial={(data) => data.truncated && <Partial>One of the traces is larger than an answer may be; not all of it is compared.</Partial>}>
      {(data) => (
        <section className={styles.compare} aria-label="Comparison of two traces">
          <header className={styles.head}>
            <b>{summary(data)}</b>
            <span className="small dim">A <code>{shortId(a)}</code>, this trace · B <Go className="mono" to={path("traces", b)}>{shortId(b)}</Go></span>
            <span className={styles.tools}>
              <CopyAs sources={{ curl: curl(comparePath(a, b)) }} />
              <button type="button" className="btn" onClick={onClose}>Back to the trace</button>
            </span>
          </header>
          <Merged data={data} onOpen={onOpen} />
        </section>
      )}
    </FiveFaces>
  );
}

function summary(data: Compared): string {
  const root = data.spans[0];
  const longer = root?.duration_difference ?? null;
  const words = longer === null ? "" : longer === 0n ? "B took as long as A. " : `B took ${duration(longer < 0n ? nanos(0n - longer) : longer)} ${longer < 0n ? "less" : "longer"} than A. `;
  return `${words}${count(data.same)} spans are the same, ${count(data.changed)} changed, ${count(data.removed)} only in A, ${count(data.added)} only in B.`;
}

function Merged({ data, onOpen }: { data: Compared; onOpen: (spanId: string) => void }) {
  const rows = useMemo(() => withDepth(data.spans), [data]);
  const longest = useMemo(() => rows.reduce((most, row) => Math.max(most, Number(row.a?.duration ?? 0), Number(row.b?.duration ?? 0)), 1), [rows]);
  const columns: TableColumn<Row>[] = [
    { id: "name", head: "Service and span", cell: (row) => (
      <span className="row" style={{ paddingLeft: Math.min(row.depth, 14) * 14 }}>
        <span className="dot" style={{ "--c": serviceColour(row.service) } as React.CSSProperties} aria-hidden />
        <span className="clip" title={`${row.service} ${row.name}`}><span style={{ fontWeight: 500 }}>{row.service}</span> <span className="dim">{row.name}</span></span>
      </span>
    ) },
    { id: "change", head: "Change", width: 90, cell: (row) => <span className={row.change === "same" ? "faint" : TONES[row.change]}>{WORDS[row.change]}</span>, sort: (row) => row.change },
    { id: "bars", head: "A above, B below", width: 180, cell: (row) => (
      <span className={styles.bars} aria-hidden>
        <i style={{ "--v": share(row.a?.duration, longest), "--c": serviceColour(row.service) } as React.CSSProperties} />
        <i style={{ "--v": share(row.b?.duration, longest), "--c": serviceColour(row.service) } as React.CSSProperties} />
      </span>
    ) },
    { id: "a", head: "A", numeric: true, width: 84, cell: (row) => (row.a ? <span className={row.a.status === "error" ? "bad" : ""}>{duration(row.a.duration)}</span> : "–"), sort: (row) => row.a?.duration },
    { id: "b", head: "B", numeric: true, width: 84, cell: (row) => (row.b ? <span className={row.b.status === "error" ? "bad" : ""}>{duration(row.b.duration)}</span> : "–"), sort: (row) => row.b?.duration },
    { id: "longer", head: "B − A", numeric: true, width: 90, cell: (row) => (row.duration_difference === null ? "–" : signed(row.duration_difference)), sort: (row) => row.duration_difference },
    { id: "attributes", head: "What changed", cell: (row) => <Changes row={row} /> },
  ];
  return <Table label="Spans of both traces" columns={columns} rows={rows} rowKey={(row) => String(row.index)} tone={(row) => (row.change === "same" ? undefined : TONES[row.change])} onOpen={(row) => row.a && onOpen(row.a.span_id)} height="100%" />;
}

const signed = (ns: bigint) => (ns > 0n ? "+" : "") + duration(nanos(ns));
const share = (ns: bigint | undefined, longest: number) => `${ns === undefined ? 0 : Math.max(0.5, (Number(ns) / longest) * 100)}%`;

function Changes({ row }: { row: Row }) {
  const status = row.a && row.b && row.a.status !== row.b.status ? [{ key: "status", a: statusWord(row.a.status), b: statusWord(row.b.status) }] : [];
  const all = [...status, ...row.attributes];
  const words = all.map(({ key, a, b }) => `${key}: ${valueText(a ?? "none")} → ${valueText(b ?? "none")}`);
  return <code className="dim" title={words.join("\n")}>{words.slice(0, 2).join(" · ")}{words.length > 2 ? ` and ${count(words.length - 2)} more` : ""}</code>;
}

/** How deep each span lies; parents come first. */
export function withDepth(spans: readonly ComparedSpan[]): Row[] {
  const depths: number[] = [];
  return spans.map((span, index) => {
    const depth = span.parent === null ? 0 : (depths[span.parent] ?? 0) + 1;
    depths.push(depth);
    return { ...span, index, depth };
  });
}
