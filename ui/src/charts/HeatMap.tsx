/** Counts by time and bucket, as cells of a sequential colour; the scale is drawn beside. A drag zooms. */

import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTimeActions } from "@/components/location/time";
import type { Range } from "@/model/range";
import { hm, hms, nanos, rangeLabels } from "@/model/time";
import { format, group, significant, type Unit } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { emptied } from "./frame";
import { cellAt, heatStep, type HeatCells, mostOf, sumOf } from "./heat";
import styles from "./HeatMap.module.css";
import { type Tokens, useTokens } from "./tokens";

export interface HeatMapProps {
  label: string;
  cells: HeatCells;
  /** Of the buckets' edges. */
  unit: Unit;
  range: Range;
  height: number;
}

const countText = (count: number): string => (Number.isInteger(count) ? group(count) : significant(count));

export function HeatMap({ label, cells, unit, range, height }: HeatMapProps) {
  const tokens = useTokens();
  const zone = useZone();
  const { setRange } = useTimeActions();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<{ x: number; y: number; text: string } | null>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const most = useMemo(() => mostOf(cells), [cells]);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const redraw = () => draw(element, cells, range, most, tokens);
    redraw();
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [cells, range, most, tokens]);

  const edge = (value: number) => (Number.isFinite(value) ? format(value, unit) : "∞");
  const every = Math.max(1, Math.ceil(cells.rows.length / Math.max(2, Math.floor(height / 34))));
  const place = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: (event.clientX - box.left) / Math.max(1, box.width), y: 1 - (event.clientY - box.top) / Math.max(1, box.height) };
  };
  const timeOf = (x: number) => nanos(range.from + BigInt(Math.round(Math.min(1, Math.max(0, x)) * Number(range.to - range.from))));
  const look = (x: number, y: number) => {
    const found = cellAt(cells, range, x, y);
    const row = found && cells.rows[found.row];
    const time = found && cells.times[found.column];
    setHover(row && time !== null && time !== undefined ? { x, y, text: `${countText(row.counts[found.column] ?? 0)} of ${edge(row.from)} to ${edge(row.upTo)} at ${hms(time, zone)}` } : null);
  };
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((x) => ({ x, at: timeOf(x) }));
  const words = rangeLabels(ticks.map(({ at }) => at), zone);
  return (
    <figure className={styles.heat} style={{ "--height": `${Math.max(60, height - 44)}px` } as React.CSSProperties}>
      <div className={styles.y} aria-hidden>{cells.rows.map((row, index) => index % every === 0 && <span key={row.upTo} style={{ bottom: `${(index / cells.rows.length) * 100}%` }}>{edge(row.from)}</span>)}</div>
      <div
        className={styles.plot} role="img" aria-label={`${label}: ${countText(sumOf(cells))} in ${cells.rows.length} buckets from ${edge(cells.rows[0]?.from ?? 0)} to ${edge(cells.rows.at(-1)?.upTo ?? 0)}, ${hm(range.from, zone)} to ${hm(range.to, zone)}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: place(event).x, to: place(event).x });
        }}
        onPointerMove={(event) => {
          const { x, y } = place(event);
          if (drag) setDrag({ ...drag, to: x });
          else look(x, y);
        }}
        onPointerUp={() => {
          if (drag && Math.abs(drag.to - drag.from) > 0.01) setRange({ from: timeOf(Math.min(drag.from, drag.to)), to: timeOf(Math.max(drag.from, drag.to)) });
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)} onPointerLeave={() => setHover(null)}
      >
        <canvas ref={canvas} />
        {drag && <span className={styles.drag} style={{ left: `${Math.min(drag.from, drag.to) * 100}%`, width: `${Math.abs(drag.to - drag.from) * 100}%` }} />}
        {hover && !drag && <span className={`layer ${styles.hover}`} style={hover.x > 0.6 ? { right: `${(1 - hover.x) * 100 + 1}%`, top: `${(1 - hover.y) * 100}%` } : { left: `${hover.x * 100 + 1}%`, top: `${(1 - hover.y) * 100}%` }}>{hover.text}</span>}
      </div>
      <div className={styles.x} aria-hidden>{ticks.map(({ x }, index) => <span key={x} style={{ left: `${x * 100}%` }}>{words[index]}</span>)}</div>
      <figcaption className={styles.scale}>1 {Array.from({ length: 8 }, (_, i) => <i key={i} style={{ background: `var(--q${i + 1})` }} aria-hidden />)} {countText(most)}</figcaption>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, cells: HeatCells, range: Range, most: number, tokens: Tokens): void {
  const empty = emptied(canvas);
  if (!empty) return;
  const { ctx, width, height } = empty;
  const colours = Array.from({ length: 8 }, (_, i) => tokens(`--q${i + 1}`));
  const span = Number(range.to - range.from);
  const rowHeight = height / cells.rows.length;
  cells.rows.forEach((row, index) => {
    const top = height - (index + 1) * rowHeight;
    row.counts.forEach((count, column) => {
      const step = heatStep(count, most);
      const at = cells.times[column];
      if (step === 0 || at === undefined) return;
      const x0 = (Number(at - range.from) / span) * width;
      ctx.fillStyle = colours[step - 1] ?? "";
      ctx.fillRect(x0, top, Math.max(1, (Number(cells.step) / span) * width - 1), Math.max(1, rowHeight - 1));
    });
  });
}
