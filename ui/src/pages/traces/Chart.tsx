/** Duration over time of what matched: a point per span, or cells where there are many. A drag brushes; a click on a point opens it. */

import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Cells } from "@/api/traces";
import { emptied } from "@/charts/frame";
import { type Tokens, useTokens } from "@/charts/tokens";
import type { Range } from "@/model/range";
import { fromSeconds, hms, hmsMs, nanos, rangeLabels } from "@/model/time";
import { duration, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Brush, brushBetween } from "./brush";
import { nearestPoint, type Point, type Scale, scaleOf, step, ticksOf, timeAt, xOf, yOf } from "./points";
import styles from "./traces.module.css";

export interface ChartProps {
  range: Range;
  /** One of both is drawn. */
  points: readonly Point[] | null;
  cells: Cells | null;
  failedCells: Cells | null;
  brush: Brush | null;
  onBrush: (brush: Brush | null) => void;
  onOpen: (point: Point) => void;
}

interface Spot {
  x: number;
  y: number;
}

export function Chart({ range, points, cells, failedCells, brush, onBrush, onOpen }: ChartProps) {
  const tokens = useTokens();
  const zone = useZone();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<{ a: Spot; b: Spot } | null>(null);
  const [hover, setHover] = useState<{ spot: Spot; text: string; point: Point | null } | null>(null);
  const scale = useMemo(
    () => scaleOf(range, points ? points.map((point) => point.duration) : (cells?.buckets.flatMap((bucket) => (bucket.counts.some((n) => n > 0) ? [bucket.upTo * 0.51e9, bucket.upTo * 1e9] : [])) ?? [])),
    [range, points, cells],
  );
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const redraw = () => draw(element, scale, points, cells, failedCells, tokens);
    redraw();
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scale, points, cells, failedCells, tokens]);

  const spotOf = (event: PointerEvent): Spot => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: (event.clientX - box.left) / Math.max(1, box.width), y: 1 - (event.clientY - box.top) / Math.max(1, box.height) };
  };
  const look = (spot: Spot, width: number, height: number) => {
    const point = points && nearestPoint(points, scale, spot.x, spot.y, width, height);
    if (point) setHover({ spot, point, text: `${point.service} ${point.name} · ${duration(nanos(point.duration))} · ${hmsMs(point.start, zone)}${point.failed ? " · failed" : ""}` });
    else setHover(cells ? cellText(cells, scale, spot, zone) : null);
  };
  const end = (event: PointerEvent) => {
    if (!drag) return;
    const box = event.currentTarget.getBoundingClientRect();
    setDrag(null);
    // A click is no drag: it opens the point under it, or takes the brush away.
    if (Math.abs(drag.a.x - drag.b.x) * box.width > 5 || Math.abs(drag.a.y - drag.b.y) * box.height > 5) onBrush(brushBetween(scale, drag.a, drag.b));
    else if (hover?.point) onOpen(hover.point);
    else onBrush(null);
  };
  const corners = drag ?? (brush && { a: { x: xOf(scale, brush.range.from), y: yOf(scale, Number(brush.durationMin)) }, b: { x: xOf(scale, brush.range.to), y: yOf(scale, Number(brush.durationMax)) } });
  const failed = points ? points.filter((point) => point.failed).length : sum(failedCells);
  const all = points ? points.length : sum(cells);
  return (
    <div className={styles.chart}>
      <div className={styles.y} aria-hidden>{ticksOf(scale).map((tick) => <span key={tick} style={{ bottom: `${yOf(scale, tick) * 100}%` }}>{duration(nanos(tick)).replace(/\.0+(?=\D)/, "")}</span>)}</div>
      <div
        className={styles.plot} role="img" aria-label={`Durations over time: ${group(all)} spans, ${group(failed)} failed. The table below lists them.`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ a: spotOf(event), b: spotOf(event) });
        }}
        onPointerMove={(event) => {
          const spot = spotOf(event);
          if (drag) setDrag({ a: drag.a, b: spot });
          else look(spot, event.currentTarget.clientWidth, event.currentTarget.clientHeight);
        }}
        onPointerUp={end} onPointerCancel={() => setDrag(null)} onPointerLeave={() => setHover(null)}
        style={hover?.point ? { cursor: "pointer" } : undefined}
      >
        <canvas ref={canvas} />
        {corners && <span className={styles.brush} style={boxOf(corners.a, corners.b)} />}
        {hover && !drag && <span className={`layer ${styles.hover}`} style={hover.spot.x > 0.6 ? { right: `${(1 - hover.spot.x) * 100 + 1}%`, top: `${(1 - hover.spot.y) * 100}%` } : { left: `${hover.spot.x * 100 + 1}%`, top: `${(1 - hover.spot.y) * 100}%` }}>{hover.text}</span>}
      </div>
      <div className={styles.x} aria-hidden>{rangeLabels(PLACES.map((x) => timeAt(scale, x)), zone).map((words, index) => <span key={PLACES[index]} style={{ left: `${(PLACES[index] ?? 0) * 100}%` }}>{words}</span>)}</div>
    </div>
  );
}

/** Where times stand below the chart. */
const PLACES = [0, 0.25, 0.5, 0.75, 1];

const sum = (cells: Cells | null) => cells?.buckets.reduce((all, bucket) => all + bucket.counts.reduce((a, b) => a + b, 0), 0) ?? 0;
const boxOf = (a: Spot, b: Spot) => {
  const clamp = (share: number) => Math.min(1, Math.max(0, share));
  const [x0, x1, y0, y1] = [clamp(Math.min(a.x, b.x)), clamp(Math.max(a.x, b.x)), clamp(Math.min(a.y, b.y)), clamp(Math.max(a.y, b.y))];
  return { left: `${x0 * 100}%`, width: `${(x1 - x0) * 100}%`, bottom: `${y0 * 100}%`, height: `${(y1 - y0) * 100}%` };
};

function cellText(cells: Cells, scale: Scale, spot: Spot, zone: Parameters<typeof hms>[1]) {
  const seconds = Number(timeAt(scale, spot.x)) / 1e9;
  const column = cells.times.findLastIndex((time) => time <= seconds);
  const ns = 2 ** (Math.log2(scale.low) + spot.y * (Math.log2(scale.high) - Math.log2(scale.low)));
  const bucket = cells.buckets.find((one) => ns <= one.upTo * 1e9 && ns > one.upTo * 0.5e9);
  const count = bucket?.counts[column] ?? 0;
  const time = cells.times[column];
  if (!bucket || time === undefined || count === 0) return null;
  return { spot, point: null, text: `${group(count)} spans of ${duration(nanos(Math.round(bucket.upTo * 0.5e9)))} to ${duration(nanos(Math.round(bucket.upTo * 1e9)))} from ${hms(fromSeconds(time), zone)}` };
}

function draw(canvas: HTMLCanvasElement, scale: Scale, points: readonly Point[] | null, cells: Cells | null, failed: Cells | null, tokens: Tokens): void {
  const empty = emptied(canvas);
  if (!empty) return;
  const { ctx, width, height } = empty;
  ctx.fillStyle = tokens("--grid");
  for (const tick of ticksOf(scale)) ctx.fillRect(0, Math.round(height - yOf(scale, tick) * height), width, 1);
  if (points) drawPoints(ctx, scale, points, width, height, tokens);
  else if (cells) {
    drawCells(ctx, scale, cells, width, height, tokens, false);
    if (failed) drawCells(ctx, scale, failed, width, height, tokens, true);
  }
}

function drawPoints(ctx: CanvasRenderingContext2D, scale: Scale, points: readonly Point[], width: number, height: number, tokens: Tokens): void {
  // Failed ones last: above the others, and of another shape.
  for (const failed of [false, true]) {
    ctx.fillStyle = tokens(failed ? "--bad" : "--accent");
    ctx.globalAlpha = failed ? 0.9 : 0.55;
    for (const point of points) {
      if (point.failed !== failed) continue;
      const [x, y] = [xOf(scale, point.start) * width, height - yOf(scale, point.duration) * height];
      if (failed) ctx.fillRect(x - 2.5, y - 2.5, 5, 5);
      else {
        ctx.beginPath();
        ctx.arc(x, y, 2.5, 0, 7);
        ctx.fill();
      }
    }
  }
  ctx.globalAlpha = 1;
}

function drawCells(ctx: CanvasRenderingContext2D, scale: Scale, cells: Cells, width: number, height: number, tokens: Tokens, outline: boolean): void {
  const most = cells.buckets.reduce((max, bucket) => Math.max(max, ...bucket.counts), 0);
  const colours = Array.from({ length: 8 }, (_, i) => tokens(`--q${i + 1}`));
  ctx.strokeStyle = tokens("--bad");
  for (const bucket of cells.buckets) {
    const [top, bottom] = [height - yOf(scale, bucket.upTo * 1e9) * height, height - yOf(scale, bucket.upTo * 0.5e9) * height];
    bucket.counts.forEach((count, i) => {
      if (count <= 0) return;
      const from = fromSeconds(cells.times[i] ?? 0);
      const [x0, x1] = [xOf(scale, from) * width, xOf(scale, from + BigInt(Math.round(cells.step * 1e9))) * width];
      if (outline) ctx.strokeRect(x0 + 1.5, top + 1.5, Math.max(1, x1 - x0 - 3), Math.max(1, bottom - top - 3));
      else {
        ctx.fillStyle = colours[step(count, most) - 1] ?? "";
        ctx.fillRect(x0, top, Math.max(1, x1 - x0 - 1), Math.max(1, bottom - top - 1));
      }
    });
  }
}
