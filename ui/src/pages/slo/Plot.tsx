/** The burn-down's SVG. */

import type { PointerEvent } from "react";
import type { Range } from "@/model/range";
import { type Nanos, nanos, when } from "@/model/time";
import { budget, count, durationSeconds, MINUS, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./BurnDown.module.css";
import type { Bucket, BurnPoint } from "./rows";
import type { Frame } from "@/charts/frame";
import { apart, budgetTicks, pathOf, roundTicks, type Scale, scaleOf, timeTicks } from "./scale";
import type { View } from "./url";

export interface PlotMark {
  at: Nanos;
  kind: "deploy" | "page";
  label: string;
}

export interface Shape {
  points: BurnPoint[];
  zeroAt: Nanos | null;
  falls: { index: number; fall: number }[];
  gaps: { from: Nanos; to: Nanos }[];
  from: Nanos;
  to: Nanos;
}

export interface PlotProps {
  width: number;
  height: number;
  show: View["show"];
  rows: Bucket[];
  step: Nanos;
  shape: Shape;
  marks: readonly PlotMark[];
  selected: Range | null;
  label: string;
  labelId: string;
  now: Nanos;
  at: number | null;
  onDown: (event: PointerEvent, time: Nanos) => void;
  onMove: (time: Nanos) => void;
  onUp: () => void;
  onLeave: () => void;
}

/** About a digit's width, to keep labels apart. */
const CHARACTER = 6.2;

export function Plot(props: PlotProps) {
  const { width, height, show, rows, shape, selected } = props;
  const zone = useZone();
  const frame: Frame = { width, height, left: 48, right: show === "budget" ? Math.min(110, width / 6) : 12, top: 14, bottom: 34 };
  const least = Math.min(0, ...shape.points.map((point) => point.left));
  const ratios = rows.map((row) => (row.total > 0 ? (row.total - row.good) / row.total : 0));
  const ticks = show === "budget" ? budgetTicks(least) : roundTicks(Math.max(...(show === "events" ? rows.map((row) => row.total) : ratios), 0));
  const [low, high] = [Math.min(...ticks), Math.max(...ticks)];
  const scale = scaleOf(frame, shape.from, shape.to, low, high);
  const bottom = height - frame.bottom;
  const time = (event: PointerEvent<SVGSVGElement>) => scale.time(event.clientX - event.currentTarget.getBoundingClientRect().left);
  const label = (tick: number) => (show === "budget" ? String(Math.round(tick * 100)).replace("-", MINUS) : show === "events" ? count(tick) : ratio(tick));
  return (
    <svg
      className={styles.plot} width={width} height={height} role="img" aria-labelledby={props.labelId}
      onPointerDown={(event) => props.onDown(event, time(event))} onPointerMove={(event) => props.onMove(time(event))} onPointerUp={props.onUp} onPointerLeave={props.onLeave}
    >
      <title id={props.labelId}>{props.label}</title>
      <defs>
        <pattern id={`${props.labelId}-hatch`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6" className={styles.hatch} /></pattern>
      </defs>
      {ticks.map((tick) => (
        <g key={tick}>
          <path className={tick === 0 && show === "budget" ? styles.zero : styles.grid} d={`M${frame.left} ${scale.y(tick)}H${width - (tick === 0 ? 0 : frame.right)}`} />
          <text x={frame.left - 6} y={scale.y(tick) + 4} textAnchor="end">{label(tick)}</text>
        </g>
      ))}
      {timeTicks(shape.from, shape.to, zone, Math.max(2, Math.floor((width - frame.left - frame.right) / 100))).filter((tick) => scale.x(tick.at) < width - frame.right - 40).map((tick) => (
        <text key={String(tick.at)} x={Math.max(16, scale.x(tick.at))} y={height - 8} textAnchor="middle">{tick.label}</text>
      ))}
      <text x={scale.x(shape.to)} y={height - 8} textAnchor="middle">now</text>
      <Gaps {...props} scale={scale} top={frame.top} bottom={bottom} />
      {selected && <rect className={styles.selected} x={scale.x(selected.from)} width={Math.max(2, scale.x(selected.to) - scale.x(selected.from))} y={frame.top} height={bottom - frame.top} />}
      {show === "budget" && <Budget {...props} scale={scale} right={width - frame.right} />}
      {show === "ratio" && <path className={styles.bad} d={pathOf(rows.map((row, index) => [scale.x(row.at), scale.y(ratios[index] ?? 0)]))} />}
      {show === "events" && <Events {...props} scale={scale} bottom={bottom} />}
      <Marks {...props} scale={scale} top={frame.top} bottom={bottom} left={frame.left} />
      {props.at !== null && rows[props.at] && <path className={styles.cursor} d={`M${scale.x(rows[props.at]?.at ?? shape.from)} ${frame.top}V${bottom}`} />}
    </svg>
  );
}

interface Placed extends PlotProps {
  scale: Scale;
}

function Budget({ shape, scale, now, right, width }: Placed & { right: number }) {
  const zone = useZone();
  const { points, zeroAt, falls } = shape;
  const last = points.at(-1);
  if (!last) return null;
  // Where there is no room beside the projection's end, below the zero line: the projection ends above it.
  const zeroWords = zeroAt ? `0 at ${when(zeroAt, now, zone)}` : "";
  const line = points.map((point): [number, number] => [scale.x(point.at), scale.y(point.left)]);
  line[line.length - 1] = [right, scale.y(last.left)];
  const tip = Math.min(width - 4, zeroAt ? Math.max(right + 13, scale.x(zeroAt)) : right);
  const zeroX = Math.min(tip + 5, width - zeroWords.length * CHARACTER);
  const [firstX, lastX] = [line[0]?.[0] ?? 0, right];
  const nearZero = Math.abs(scale.y(last.left) - scale.y(0)) < 26;
  return (
    <>
      <path className={styles.area} d={`${pathOf(line)}V${scale.y(0)}H${firstX}Z`} />
      <path className={styles.line} d={pathOf(line)} />
      {falls.map(({ index, fall }) => {
        const point = points[index];
        if (!point) return null;
        const x = scale.x(point.at);
        // A point is its bucket's end: what fell, fell by then.
        const words = `by ${when(point.at, now, zone)}, ${budget(-fall)}`;
        const room = x + 12 + words.length * CHARACTER < right;
        return <text key={index} x={room ? x + 8 : x - 16} y={scale.y(point.left + fall * 0.62)} textAnchor={room ? "start" : "end"}>{words}</text>;
      })}
      {zeroAt && <path className={styles.projected} d={`M${lastX} ${scale.y(last.left)}L${tip} ${scale.y(0)}`} />}
      <circle className={styles.dot} cx={lastX} cy={scale.y(last.left)} r="3.5" />
      <text className={styles.now} x={lastX + 8} y={scale.y(last.left) - (nearZero ? 12 : 2)}>{budget(last.left)}</text>
      {zeroAt && <text className={styles.zeroText} x={zeroX} y={scale.y(0) + (zeroX < tip ? 13 : -6)}>{zeroWords}</text>}
    </>
  );
}

function Events({ rows, step, scale, bottom }: Placed & { bottom: number }) {
  const column = (row: Bucket, from: number, to: number) => {
    const [a, b] = [scale.x(row.at), scale.x(nanos(row.at + step))];
    return `M${a.toFixed(1)} ${scale.y(from).toFixed(1)}H${(b - (b - a > 3 ? 1 : 0)).toFixed(1)}V${scale.y(to).toFixed(1)}H${a.toFixed(1)}Z`;
  };
  // A bad event is never less than a pixel.
  const bad = (row: Bucket) => Math.max(row.total - row.good, row.total > row.good ? scaleStep(scale, bottom) : 0);
  return (
    <>
      <path className={styles.good} d={rows.map((row) => column(row, 0, row.total)).join("")} />
      <path className={styles.badFill} d={rows.filter((row) => row.total > row.good).map((row) => column(row, 0, bad(row))).join("")} />
    </>
  );
}

/** What a pixel and a half stands for. */
const scaleStep = (scale: Scale, bottom: number): number => 1.5 / Math.max(1e-9, (bottom - scale.y(1)) || 1);

function Gaps({ shape, scale, top, bottom, labelId }: Placed & { top: number; bottom: number }) {
  const labels = apart(shape.gaps.map((gap) => {
    const words = `no events ${durationSeconds(Number(gap.to - gap.from) / 1e9)}`;
    return { x: scale.x(gap.to) + 4, width: words.length * CHARACTER, words, gap };
  }));
  return (
    <>
      {shape.gaps.map((gap) => <rect key={String(gap.from)} fill={`url(#${labelId}-hatch)`} x={scale.x(gap.from)} width={Math.max(3, scale.x(gap.to) - scale.x(gap.from))} y={top} height={bottom - top + 16} />)}
      {labels.map((one) => <text key={String(one.gap.from)} className={styles.gapText} x={one.x} y={bottom + 12}>{one.words}</text>)}
    </>
  );
}

function Marks({ marks, shape, scale, top, bottom, left, now }: Placed & { top: number; bottom: number; left: number }) {
  const zone = useZone();
  const placed = marks.filter((mark) => mark.at >= shape.from && mark.at <= shape.to).map((mark) => {
    const [x, width] = [scale.x(mark.at), mark.label.length * CHARACTER + 4];
    const before = x - 5 - width > left;
    return { mark, at: x, x: before ? x - 5 - width : x + 5, before, width };
  });
  const labelled = new Set(apart([...placed.filter((one) => one.mark.kind === "deploy"), ...[...placed].reverse()]));
  return (
    <>
      {placed.map((one) => (
        <g key={`${one.mark.kind}${String(one.mark.at)}`} className={styles[one.mark.kind]}>
          <title>{`${one.mark.label}, ${when(one.mark.at, now, zone)}`}</title>
          <path d={`M${one.at} ${top}V${bottom}`} />
          {labelled.has(one) && <text x={one.before ? one.at - 5 : one.at + 5} y={top + 9} textAnchor={one.before ? "end" : "start"}>{one.mark.label}</text>}
        </g>
      ))}
    </>
  );
}

