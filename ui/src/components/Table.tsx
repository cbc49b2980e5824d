/** A dense table: sortable heads, virtual beyond a hundred rows, keys j k Enter, sticky head. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronUp } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { usePreferences } from "@/preferences/preferences";
import styles from "./Table.module.css";

export interface TableColumn<Row> {
  id: string;
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Right aligned, tabular. */
  numeric?: boolean;
  /** CSS width; columns without one share the rest. */
  width?: number | string;
  /** What to sort by; without it the head is no button. Null sorts last. */
  sort?: (row: Row) => string | number | bigint | null | undefined;
  /** Read to screen readers when `head` is empty or a picture. */
  label?: string;
}

export interface Sort {
  column: string;
  descending: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: TableColumn<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  /** Controlled sorting (from the URL); left out, the table keeps its own. */
  sort?: Sort | null;
  onSort?: (sort: Sort) => void;
  /** Enter, or a click anywhere in the row that is not a link or button. */
  onOpen?: (row: Row) => void;
  selected?: string | null;
  /** A 3 px edge at the row's left. */
  tone?: (row: Row) => "bad" | "warn" | "hold" | undefined;
  /** Row height in px; left out, the preference. */
  rowHeight?: number;
  /** Scrolls inside this height; left out, the table is as tall as its rows (and virtual within its panel from 100 on). */
  height?: number | string;
  /** Shown under the row when it is open, in place. Not for virtual tables. */
  detail?: (row: Row) => ReactNode;
}

const VIRTUAL_FROM = 100;

/** Menus of a cell are its children for React, and elsewhere in the document: what happens in them is not the row's. */
const isWithin = (event: { currentTarget: Element; target: EventTarget }): boolean => event.currentTarget.contains(event.target as Node);

export function Table<Row>(props: TableProps<Row>) {
  const { columns, rowKey, selected = null } = props;
  const preferred = { compact: 24, normal: 28, roomy: 38 }[usePreferences().rows];
  const rowHeight = props.rowHeight ?? preferred;
  const [ownSort, setOwnSort] = useState<Sort | null>(null);
  const sort = props.sort === undefined ? ownSort : props.sort;
  const rows = useMemo(() => sorted(props.rows, columns, sort), [props.rows, columns, sort]);
  const [focused, setFocused] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = rows.length > VIRTUAL_FROM && !props.detail;
  // TanStack Virtual's object changes inside; only its answers are read here.
  const virtualizer = useVirtualizer({
    count: virtual ? rows.length : 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();
  const shown = virtual ? items.map((item) => item.index) : rows.map((_, index) => index);
  const above = virtual ? (items[0]?.start ?? 0) : 0;
  const below = virtual ? virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0) : 0;

  const move = (to: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, to));
    setFocused(index);
    if (virtual) virtualizer.scrollToIndex(index);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isWithin(event)) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -rows.length, End: rows.length }[event.key];
    const row = rows[focused];
    if (step !== undefined) {
      event.preventDefault();
      move(focused + step);
    } else if (event.key === "Enter" && row !== undefined && props.onOpen && event.target instanceof HTMLTableRowElement) {
      props.onOpen(row);
    }
  };
  const sortBy = (column: TableColumn<Row>) => {
    const next = { column: column.id, descending: sort?.column === column.id ? !sort.descending : (column.numeric ?? false) };
    setOwnSort(next);
    props.onSort?.(next);
  };

  return (
    <div
      ref={scroller} className={styles.scroller} data-virtual={virtual || undefined}
      style={{ "--row": `${rowHeight}px`, maxHeight: props.height ?? (virtual ? "70vh" : undefined) } as React.CSSProperties}
      onKeyDown={onKeyDown}
    >
      <table className={styles.table} aria-label={props.label} aria-rowcount={rows.length + 1}>
        <colgroup>{columns.map((c) => <col key={c.id} style={c.width === undefined ? undefined : { width: c.width }} />)}</colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.id} column={column} sort={sort} onSort={() => sortBy(column)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <tr aria-hidden className={styles.space}><td colSpan={columns.length} style={{ height: above }} /></tr>}
          {shown.map((index) => {
            const row = rows[index];
            if (row === undefined) return null;
            const key = rowKey(row);
            const detail = selected === key ? props.detail?.(row) : undefined;
            return [
              <tr
                key={key} data-index={index} aria-rowindex={index + 2} data-tone={props.tone?.(row)} data-open={props.onOpen ? "" : undefined}
                aria-selected={props.onOpen ? selected === key : undefined} tabIndex={index === focused ? 0 : -1} onFocus={() => setFocused(index)}
                onClick={(event) => {
                  if (isWithin(event) && !(event.target as HTMLElement).closest("a,button,input,label,summary")) props.onOpen?.(row);
                }}
              >
                {columns.map((column) => <td key={column.id} className={column.numeric ? "num" : styles.cell}>{column.cell(row)}</td>)}
              </tr>,
              detail !== undefined && <tr key={`${key}/detail`} className={styles.detail}><td colSpan={columns.length}>{detail}</td></tr>,
            ];
          })}
          {below > 0 && <tr aria-hidden className={styles.space}><td colSpan={columns.length} style={{ height: below }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>({ column, sort, onSort }: { column: TableColumn<Row>; sort: Sort | null; onSort: () => void }) {
  const active = sort?.column === column.id ? sort : null;
  const direction = active ? (active.descending ? "descending" : "ascending") : undefined;
  const Arrow = active?.descending ? ChevronDown : ChevronUp;
  return (
    <th scope="col" className={column.numeric ? "num" : undefined} aria-sort={direction} aria-label={column.label}>
      {column.sort ? (
        <button type="button" className={styles.sort} onClick={onSort}>{column.head}{active && <Arrow size={12} aria-hidden />}</button>
      ) : (
        column.head
      )}
    </th>
  );
}

/** Stable; what has no value comes last in either direction. */
export function sorted<Row>(rows: Row[], columns: TableColumn<Row>[], sort: Sort | null): Row[] {
  const by = columns.find((column) => column.id === sort?.column)?.sort;
  if (!sort || !by) return rows;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a) ?? null, by(b) ?? null];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return x < y ? -sign : x > y ? sign : 0;
  });
}
