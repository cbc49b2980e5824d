import { memo, type ReactNode } from "react";
import type { LogRow } from "@/api/logs";
import { serviceColour } from "@/model/service";
import { hmsMs, type Zone } from "@/model/time";
import { shortId } from "@/model/units";
import styles from "./rows.module.css";
import { marked } from "./query";
import { severityWord } from "./severity";

/** A line never shows more of its body; opening it does. */
const BODY_MAX = 2000;

export interface RowProps {
  row: LogRow;
  index: number;
  words: readonly string[];
  zone: Zone;
  open: boolean;
  focused: boolean;
  /** px from the top of the list, where the row has no frame of its own around it. */
  top: number | null;
  onOpen: (index: number) => void;
  onFocus: (index: number) => void;
  traceLink: (row: LogRow) => string;
  onTrace: (row: LogRow) => void;
}

/** One record, one line: stripe, time, severity, service, body, trace. */
export const Row = memo(function Row({ row, index, words, zone, open, focused, top, onOpen, onFocus, traceLink, onTrace }: RowProps) {
  const body = row.body.length > BODY_MAX ? `${row.body.slice(0, BODY_MAX)}…` : row.body;
  return (
    <div
      role="row" aria-rowindex={index + 2} aria-selected={open} data-index={index} data-severity={row.severity} className={top === null ? styles.row : styles.plain} style={top === null ? undefined : { transform: `translateY(${top}px)` }}
      tabIndex={focused ? 0 : -1} onFocus={() => onFocus(index)}
      onClick={(event) => {
        // Marking text to copy it is no click.
        if (!(event.target as HTMLElement).closest("a") && !window.getSelection()?.toString()) onOpen(index);
      }}
    >
      <time role="cell">{hmsMs(row.time, zone)}</time>
      <span role="cell" className={styles.sev}>{severityWord(row.severity).slice(0, 6)}</span>
      <span role="cell" className={styles.svc} style={{ "--c": serviceColour(row.service) } as React.CSSProperties}>{row.service}</span>
      {row.extra.map((value, column) => <span key={column} role="cell" className={styles.extra}>{value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value)}</span>)}
      <span role="cell" className={styles.msg}>{highlight(body, words)}</span>
      <span role="cell" className={styles.trace}>
        {row.traceId ? (
          // A plain anchor: dozens come and go while one scrolls, and the router's own is heavy.
          <a
            href={traceLink(row)} title={row.traceId} tabIndex={-1}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
              event.preventDefault();
              onTrace(row);
            }}
          >
            {shortId(row.traceId)}
          </a>
        ) : <span className="faint">–</span>}
      </span>
    </div>
  );
});

const highlight = (body: string, words: readonly string[]): ReactNode =>
  words.length === 0 ? body : marked(body, words).map((piece, index) => (index % 2 === 1 ? <mark key={index}>{piece}</mark> : piece));
