/** The records, one line each, as many as there are: only what is on the screen is in the document. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { type MouseEvent, type ReactNode, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import type { LogRow } from "@/api/logs";
import { linkSearch } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { useSearch } from "@/components/location/useSearch";
import { type Search, stringifySearch } from "@/model/url";
import { exact } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./rows.module.css";
import { Row } from "./Row";

const ROW_HEIGHT = 24;
const OPENED_HEIGHT = 190;
const OVERSCAN = 4;
/** Rows before the end at which more are asked for. */
const AHEAD = 400;

export interface ListHandle {
  move: (by: number) => void;
  /** To the first row; the focus goes from a row to the list. */
  top: () => void;
  focused: () => number;
}

export interface ListProps {
  rows: readonly LogRow[];
  words: readonly string[];
  wrap: boolean;
  /** Names of the extra columns. */
  columns: readonly string[];
  openKey: string;
  onOpen: (row: LogRow | null) => void;
  /** What stands under the row that is open. */
  detail: (row: LogRow) => ReactNode;
  onEnd?: () => void;
  /** Whether the list stands at its top, and the rows in sight. */
  onPlace?: (atTop: boolean, first: number, last: number) => void;
  ref?: React.Ref<ListHandle>;
}

/** Dozens of links come and go with every frame: the part they share is written once. */
function traceLinks(here: Search): (row: LogRow) => string {
  const shared = stringifySearch(linkSearch(here));
  return ({ traceId, spanId }) => `${path("traces", traceId ?? "")}${shared}${spanId ? `${shared === "" ? "?" : "&"}span=${spanId}` : ""}`;
}

export function LogList({ rows, words, wrap, columns, openKey, onOpen, detail, onEnd, onPlace, ref }: ListProps) {
  const zone = useZone();
  const go = useGo();
  const here = useSearch();
  const traceLink = useMemo(() => traceLinks(here), [here]);
  const onTrace = useCallback((row: LogRow) => go(path("traces", row.traceId ?? ""), { span: row.spanId ?? undefined }), [go]);
  const scroller = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState(0);
  const openIndex = openKey === "" ? -1 : rows.findIndex((row) => row.key === openKey);
  // The same function while the rows are the same: with another one the places of all 100,000 are worked out anew.
  const getItemKey = useCallback((index: number) => rows[index]?.key ?? index, [rows]);
  // TanStack Virtual's object changes inside; only its answers are read here.
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (index === openIndex ? ROW_HEIGHT + OPENED_HEIGHT : ROW_HEIGHT),
    getItemKey,
    overscan: OVERSCAN,
  });
  const slots = Math.ceil((virtualizer.scrollRect?.height ?? 0) / ROW_HEIGHT) + 2 * OVERSCAN + 2;
  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - AHEAD) onEnd?.();
  }, [last, rows.length, onEnd]);
  useEffect(() => {
    const offset = scroller.current?.scrollTop ?? 0;
    onPlace?.(offset < ROW_HEIGHT, Math.floor(offset / ROW_HEIGHT), last);
  }, [first, last, rows.length, onPlace]);
  // A record the link opens is brought into sight once.
  const brought = useRef("");
  useEffect(() => {
    if (openIndex < 0 || brought.current === openKey) return;
    brought.current = openKey;
    if (openIndex < first || openIndex > last) virtualizer.scrollToIndex(openIndex, { align: "center" });
  }, [openIndex, openKey, first, last, virtualizer]);

  const focus = useCallback((index: number) => {
    setFocused(index);
    virtualizer.scrollToIndex(index);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"][role="row"]`)?.focus({ preventScroll: true }));
  }, [virtualizer]);
  useImperativeHandle(ref, () => ({
    move: (by) => focus(Math.max(0, Math.min(rows.length - 1, focused + by))),
    top: () => {
      virtualizer.scrollToOffset(0);
      setFocused(0);
      if (document.activeElement instanceof HTMLButtonElement || document.activeElement?.role === "row") scroller.current?.focus({ preventScroll: true });
    },
    focused: () => focused,
  }), [focus, focused, rows.length, virtualizer]);

  const rowsNow = useRef({ rows, openKey, onOpen });
  useEffect(() => {
    rowsNow.current = { rows, openKey, onOpen };
  });
  const toggle = useCallback((index: number) => {
    const row = rowsNow.current.rows[index];
    setFocused(index);
    if (row) {
      brought.current = row.key;
      rowsNow.current.onOpen(row.key === rowsNow.current.openKey ? null : row);
    }
  }, []);

  // The time to the last digit is written when it is pointed at, not for every row that goes by.
  const nameTime = (event: MouseEvent) => {
    const time = (event.target as HTMLElement).closest("time");
    const row = time && rows[Number(time.closest<HTMLElement>("[data-index]")?.dataset.index)];
    if (row) time.title = exact(row.time, zone);
  };
  return (
    <div
      ref={scroller} role="table" onMouseOver={nameTime} aria-label="Log records, newest first" aria-rowcount={rows.length + 1} className={`${styles.rows} ${wrap ? styles.wrap : ""}`} tabIndex={-1}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -rows.length, End: rows.length }[event.key];
        if (step !== undefined) {
          event.preventDefault();
          focus(Math.max(0, Math.min(rows.length - 1, focused + step)));
        } else if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.role === "row") {
          event.preventDefault();
          toggle(focused);
        } else if (event.key === "Escape" && openIndex >= 0) {
          onOpen(null);
        }
      }}
    >
      <div role="row" className="visually-hidden">
        {["Severity’s colour", "Time", "Severity", "Service", ...columns, "Body", "Trace"].slice(1).map((name) => <span key={name} role="columnheader">{name}</span>)}
      </div>
      <div className={styles.space} role="rowgroup" style={{ height: virtualizer.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const open = item.index === openIndex;
          // A row that comes takes the place of one that goes: that is much cheaper than making it anew.
          const shared = { row, index: item.index, words, zone, open, focused: item.index === focused, onOpen: toggle, onFocus: setFocused, traceLink, onTrace };
          if (!wrap && !open) return <Row key={item.index === focused ? item.key : item.index % slots} top={item.start} {...shared} />;
          return (
            <div key={item.key} className={styles.item} role="presentation" data-index={item.index} ref={virtualizer.measureElement} style={{ transform: `translateY(${item.start}px)` }}>
              <Row top={null} {...shared} />
              {open && <div role="row" className={styles.detail}><div role="cell" aria-colspan={columns.length + 5}>{detail(row)}</div></div>}
            </div>
          );
        })}
      </div>
    </div>
  );
}
