/** The waterfall: minimap, axis, and a treegrid whose rows are there only while they are seen. */

import { type CSSProperties, type MouseEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Clock } from "@/model/trace/facts";
import { ROW, rowAt, rowOfSpan } from "@/model/trace/rows";
import { at, has, FLAG } from "@/model/trace/tree";
import styles from "./Fall.module.css";
import { MiniMap } from "./MiniMap";
import { AlikeRow, ExpectedRow, LogRow, rowId, type Shared, SpanRow, took } from "./Row";
import type { Fall } from "./useFall";

/** Rows drawn beyond the edges; the list moves on by so many rows at once. */
const OVERSCAN = 4;
const CHUNK = 4;

export interface WaterfallProps {
  fall: Fall;
  path: boolean;
  clocks: ReadonlyMap<string, Clock> | null;
}

export function Waterfall({ fall, path, clocks }: WaterfallProps) {
  const { tree, rows, window, selected } = fall;
  const latest = useRef(fall);
  useEffect(() => {
    latest.current = fall;
  });
  const shared = useMemo<Shared>(() => ({
    tree, window, path, clocks,
    onToggle: (span) => latest.current.toggle(span),
    onUnfold: (first) => latest.current.unfold(first),
  }), [tree, window, path, clocks]);
  const scroller = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ from: -OVERSCAN, to: 60 });
  // The scroll bar's width: the axis leaves it free, too.
  const [gutter, setGutter] = useState(0);

  const look = useCallback(() => {
    const box = scroller.current;
    if (!box) return;
    const { rows: all } = latest.current;
    const from = Math.floor((rowAt(all, box.scrollTop) - OVERSCAN) / CHUNK) * CHUNK;
    // Always as many, so that a row which comes takes the place of one that goes: cheaper than making it anew.
    const to = from + Math.ceil(box.clientHeight / latest.current.logHeight / CHUNK) * CHUNK + 2 * OVERSCAN + CHUNK;
    setGutter(box.offsetWidth - box.clientWidth);
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, []);
  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const observer = new ResizeObserver(look);
    observer.observe(box);
    return () => observer.disconnect();
  }, [look]);
  useEffect(look, [look, rows]);

  const selectedRow = useMemo(() => rowOfSpan(rows, selected), [rows, selected]);
  // Only a change of the choice scrolls, not what folds around it.
  useLayoutEffect(() => {
    const box = scroller.current;
    const { rows: all } = latest.current;
    const row = rowOfSpan(all, selected);
    if (!box || row < 0) return;
    const [top, bottom] = [at(all.top, row), at(all.top, row + 1)];
    const margin = Math.min(84, box.clientHeight / 4);
    if (top < box.scrollTop + margin) box.scrollTop = Math.max(0, top - margin);
    else if (bottom > box.scrollTop + box.clientHeight - margin) box.scrollTop = bottom - box.clientHeight + margin;
  }, [selected, tree]);

  const onClick = (event: MouseEvent) => {
    const span = (event.target as HTMLElement).closest<HTMLElement>("[data-span]")?.dataset.span;
    if (span !== undefined && !(event.target as HTMLElement).closest("button")) fall.choose(Number(span));
  };

  const places = Math.max(1, seen.to - seen.from);
  const shown = [];
  for (let row = Math.max(0, seen.from); row < Math.min(rows.count, seen.to); row++) {
    const [kind, of, span, top] = [at(rows.kind, row), at(rows.of, row), at(rows.span, row), at(rows.top, row)];
    const place = { shared, span, row, top, height: at(rows.top, row + 1) - top };
    const slot = row % places;
    const run = kind === ROW.alike ? fall.alike.get(of) : undefined;
    const expected = kind === ROW.expected ? fall.expected[of] : undefined;
    if (kind === ROW.span) shown.push(<SpanRow key={slot} {...place} selected={span === selected} found={fall.found?.has(span) ?? false} folded={at(fall.folds.folded, span) === 1} />);
    else if (kind === ROW.log) shown.push(<LogRow key={`log ${slot}`} {...place} log={of} />);
    else if (run) shown.push(<AlikeRow key={`run ${slot}`} {...place} run={run} selected={of === selected} />);
    else if (expected) shown.push(<ExpectedRow key={`expected ${slot}`} {...place} expected={expected} />);
  }
  return (
    <section className={styles.main} aria-label="Waterfall" style={{ "--gutter": `${gutter}px` } as CSSProperties}>
      <MiniMap tree={tree} window={window} onZoom={fall.zoomTo} />
      <div className={styles.axis}>
        <b>Service and span</b>
        <div className={styles.ticks} aria-hidden>
          {[0, 0.25, 0.5, 0.75, 1].map((share) => {
            const time = window.from + share * (window.to - window.from);
            return <span key={share} style={{ left: `${share * 100}%` }}>{time === 0 ? "0" : took(time)}</span>;
          })}
        </div>
      </div>
      <div
        ref={scroller} className={styles.scroller} role="treegrid" aria-label="Spans" aria-rowcount={rows.count} tabIndex={0} data-testid="waterfall"
        aria-activedescendant={selectedRow >= 0 ? rowId(selectedRow) : undefined} onScroll={look} onClick={onClick}
      >
        <div className={styles.sheet} style={{ height: at(rows.top, rows.count) }} role="rowgroup">{shown}</div>
      </div>
    </section>
  );
}

/** `0` shows all, `z` the span chosen with a little around it. */
export function spanWindow({ tree, selected }: Fall) {
  const [from, length] = [at(tree.start, selected), Math.max(1000, at(tree.duration, selected))];
  return has(tree, selected, FLAG.absent) ? null : { from: Math.max(0, from - length * 0.05), to: from + length * 1.05 };
}
