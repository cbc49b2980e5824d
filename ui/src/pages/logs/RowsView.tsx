/** The list with its faces: loading, empty, error, partial, live. */

import { type RefObject, useCallback, useEffect, useRef } from "react";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ApiError } from "@/api/error";
import { type LogPage, type LogRow, useLogTable } from "@/api/logs";
import { Empty, ErrorFace, Loading, Partial } from "@/components/FiveFaces";
import { useTimeActions } from "@/components/location/time";
import { type Range, zoom } from "@/model/range";
import { group, short } from "@/model/units";
import styles from "./logs.module.css";
import { Opened } from "./Opened";
import { conjuncts, wordsOf } from "@/components/logs/query";
import { LogList, type ListHandle } from "@/components/logs/LogList";
import { ROWS_MAX } from "./rowList";
import type { View } from "./url";
import type { Tail } from "./useTail";

export interface RowsViewProps {
  view: View;
  setView: (change: Partial<View>, act?: "push" | "replace") => void;
  search: string;
  range: Range;
  found: UseInfiniteQueryResult<InfiniteData<LogPage>, ApiError>;
  tail: Tail;
  rows: readonly LogRow[];
  list: RefObject<ListHandle | null>;
  onPlace: (atTop: boolean, first: number, last: number) => void;
  onHover: (hovered: boolean) => void;
  /** Whether a row has the focus, or some of its text is selected. */
  onRead: (reading: boolean) => void;
  /** Nothing moves: why, as it stands after "Held". */
  held: string | null;
  onNewer: () => void;
  onPick: (condition: string, exclude: boolean) => void;
  onPattern: (row: LogRow) => void;
}

export function RowsView(props: RowsViewProps) {
  const { view, setView, search, range, found, tail, rows, list, onPlace, onHover, onRead } = props;
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const look = () => {
      const { activeElement } = document;
      const selection = document.getSelection();
      const isIn = (node: Node | null | undefined) => node !== null && node !== undefined && holder.current?.contains(node) === true;
      onRead((activeElement?.role === "row" && isIn(activeElement)) || (selection?.isCollapsed === false && isIn(selection.anchorNode)));
    };
    const events = ["selectionchange", "focusin", "focusout"];
    // What loses the focus has it still while it is told.
    const later = () => setTimeout(look);
    for (const event of events) document.addEventListener(event, later);
    return () => {
      for (const event of events) document.removeEventListener(event, later);
    };
  }, [onRead]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;
  const onEnd = useCallback(() => {
    if (!view.tail && hasNextPage && !isFetchingNextPage && rows.length < ROWS_MAX) void fetchNextPage();
  }, [view.tail, hasNextPage, isFetchingNextPage, fetchNextPage, rows.length]);
  const waiting = tail.state.waiting.length + tail.state.dropped;
  return (
    <div ref={holder} className={styles.holder} onPointerEnter={() => onHover(true)} onPointerLeave={() => onHover(false)}>
      {view.tail && <TailLine tail={tail} held={props.held} />}
      {view.tail && tail.error && <ErrorFace error={tail.error} />}
      {!view.tail && found.error && <ErrorFace error={found.error} retry={() => void found.refetch()} {...(found.data ? { asOf: found.dataUpdatedAt } : {})} />}
      {!view.tail && rows.length >= ROWS_MAX && hasNextPage && <Partial>Newest {group(ROWS_MAX)} records of more. Narrow the time or the search to reach older ones.</Partial>}
      {view.tail && waiting > 0 && <button type="button" className={`btn primary ${styles.pill ?? ""}`} onClick={props.onNewer}>{group(waiting)} new</button>}
      {rows.length > 0 ? (
        <LogList
          ref={list} rows={rows} words={wordsOf(search)} wrap={view.wrap} columns={view.columns} openKey={view.open} onOpen={(row) => setView({ open: row?.key ?? "" })}
          detail={(row) => <Opened row={row} search={search} onPick={props.onPick} onPattern={() => props.onPattern(row)} />} onEnd={onEnd} onPlace={onPlace}
        />
      ) : view.tail ? (
        <Empty title="Waiting for the next record that matches.">Records are shown as they arrive. What is stored already is in Rows: stop the tail to see it.</Empty>
      ) : found.data ? (
        <Nothing search={search} range={range} onPick={(q) => setView({ q })} />
      ) : (
        !found.error && <Loading rows={16} />
      )}
    </div>
  );
}

function TailLine({ tail, held }: { tail: Tail; held: string | null }) {
  const { perSecond, oneIn } = tail.rate;
  return (
    <p className={styles.live} role="status">
      <span>{tail.error ? "Not following" : held === null ? "Live" : `Held ${held}`} · {group(tail.state.rows.length)} kept of the newest 10 000 · {short(perSecond)} records/s</span>
      {oneIn > 1 && <span className="warn">showing 1 in {group(oneIn)}: {short(perSecond)} records/s</span>}
      <span className="faint">{held === null ? "scrolling, selecting, opening or pointing holds it; Space pauses" : "Space goes on"}</span>
    </p>
  );
}

/** How many records each part of the search matches by itself: which part it is that matches none. */
function Nothing({ search, range, onPick }: { search: string; range: Range; onPick: (query: string) => void }) {
  const { setRange } = useTimeActions();
  const parts = conjuncts(search).slice(0, 6);
  return (
    <Empty
      title="No record matches."
      actions={<button type="button" className="btn" onClick={() => setRange(zoom(range, 4, range.to))}>Search four times as long</button>}
    >
      {parts.length > 0 ? (
        <>Each part by itself, in this range: <ul>{parts.map((part) => <Count key={part} part={part} range={range} onPick={() => onPick(part)} />)}</ul></>
      ) : (
        <>Nothing was logged in this range. Send OTLP logs to :4318/v1/logs or :4317; Loki clients can push to /loki/api/v1/push.</>
      )}
    </Empty>
  );
}

function Count({ part, range, onPick }: { part: string; range: Range; onPick: () => void }) {
  const answer = useLogTable(`${part} | count`, range, "count logs");
  const count = Number(answer.data?.rows[0]?.[0] ?? 0);
  return <li><button type="button" className="btn quiet mono" onClick={onPick}>{part}</button> {answer.data ? <b className={count === 0 ? "bad" : ""}>{group(count)}</b> : "…"}</li>;
}
