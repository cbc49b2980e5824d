/** Kinds of lines, those first that are new or grew, errors before the rest: four above the rows, all in a tab. */

import { FiveFaces } from "@/components/FiveFaces";
import { Table, type TableColumn } from "@/components/Table";
import { hm, hms, type Zone } from "@/model/time";
import { count, group, significant, THIN } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./logs.module.css";
import { type Change, pieces, type RankedPattern } from "./ranking";
import { conjuncts, patternTerm, split } from "@/components/logs/query";
import { severityColour, severityWord } from "@/components/logs/severity";
import type { Patterns as Found } from "./usePatterns";

export interface PatternsProps {
  found: Found;
  query: string;
  onPick: (template: string, exclude: boolean) => void;
}

/** Above the rows: the first four. */
export function LeadingPatterns({ found, query, onPick }: PatternsProps) {
  const zone = useZone();
  const leading = (found.ranked ?? []).filter((pattern) => pattern.template !== null && pattern.count > 0).slice(0, 4);
  return (
    <div className={styles.pats} role="group" aria-label="Leading patterns">
      {leading.map((pattern) => (
        <button
          key={pattern.template} type="button" aria-pressed={isPicked(query, pattern.template)} title={`${pattern.sample}\nClick filters, Alt-click excludes`}
          onClick={(event) => onPick(pattern.template ?? "", event.altKey)}
        >
          <span><i className="dot" style={{ "--c": severityColour(pattern.severity) } as React.CSSProperties} aria-hidden />{group(pattern.count)} · <ChangeWords change={pattern.change} zone={zone} /></span>
          <Template text={pattern.template ?? ""} />
        </button>
      ))}
    </div>
  );
}

const isPicked = (query: string, template: string | null): boolean => {
  const condition = template === null ? null : patternTerm(template);
  if (condition === null) return false;
  const there = conjuncts(split(query).search);
  return conjuncts(condition).every((part) => there.includes(part));
};

function Template({ text }: { text: string }) {
  return <code>{pieces(text).map((piece, index) => (index % 2 === 1 ? <mark key={index} className={styles.varies}>‹…›</mark> : piece))}</code>;
}

function ChangeWords({ change, zone }: { change: Change; zone: Zone }) {
  switch (change.kind) {
    case "new":
      return <span className="bad" style={{ fontWeight: 500 }}>new at {hm(change.since, zone)}</span>;
    case "more":
      return <span className="bad" style={{ fontWeight: 500 }}>{significant(change.times, 2)}{THIN}× usual</span>;
    case "less":
      return <span className="dim" style={{ fontWeight: 500 }}>{significant(change.times, 2)}{THIN}× usual</span>;
    case "gone":
      return <span className="warn" style={{ fontWeight: 500 }}>gone</span>;
    case "usual":
      return <span className="faint" style={{ fontWeight: 500 }}>as usual</span>;
  }
}

/** All of them. */
export function PatternTable({ found, query, onPick }: PatternsProps) {
  const zone = useZone();
  const columns: TableColumn<RankedPattern>[] = [
    { id: "change", head: "Change", width: 130, cell: ({ change }) => <ChangeWords change={change} zone={zone} />, sort: (row) => row.score },
    { id: "count", head: "Records", numeric: true, width: 90, cell: (row) => <span title={group(row.count)}>{count(row.count)}</span>, sort: (row) => row.count },
    { id: "usual", head: "Usual", numeric: true, width: 90, cell: (row) => <span className="dim">{row.expected === 0 ? "0" : count(Math.round(row.expected))}</span>, sort: (row) => row.expected },
    { id: "severity", head: "Severity", width: 80, cell: (row) => <span className={styles.sev} data-severity={row.severity}>{severityWord(row.severity)}</span>, sort: (row) => row.severity },
    { id: "template", head: "Pattern", cell: (row) => <span className="clip" style={{ display: "block" }} title={row.sample}>{row.template === null ? <span className="faint">no body</span> : <Template text={row.template} />}</span> },
    { id: "first", head: "First", width: 80, cell: (row) => hms(row.first, zone), sort: (row) => row.first },
    { id: "last", head: "Last", width: 80, cell: (row) => hms(row.last, zone), sort: (row) => row.last },
  ];
  return (
    <div className={styles.pane}>
      <p className="small faint" style={{ padding: "8px 12px" }}>What is new or grew against {hm(found.usual.from, zone)}–{hm(found.usual.to, zone)} first, errors before the rest. A click shows a pattern’s records.</p>
      <FiveFaces query={{ data: found.ranked, error: found.error, isFetching: found.isFetching, dataUpdatedAt: found.dataUpdatedAt, refetch: found.refetch as never }} isEmpty={(ranked) => ranked.length === 0} rows={8}>
        {(ranked) => (
          <Table
            label="Patterns" columns={columns} rows={ranked} rowKey={(row) => row.template ?? ""} selected={ranked.find((row) => isPicked(query, row.template))?.template ?? null}
            onOpen={(row) => row.template !== null && onPick(row.template, false)} tone={(row) => (row.change.kind === "new" || row.change.kind === "more" ? (row.severity === "error" || row.severity === "fatal" ? "bad" : "warn") : undefined)}
          />
        )}
      </FiveFaces>
    </div>
  );
}
