/** uPlot's options in our visual language. */

import uPlot from "uplot";
import type { Range } from "@/model/range";
import { dayMonth, fromSeconds, hm, hms, toSeconds, type Zone } from "@/model/time";
import { format, type Unit } from "@/model/units";
import { drawExemplars, drawGaps, drawMarks, drawOpenEnd, drawThreshold, type Drawn } from "./marks";
import type { Tokens } from "./tokens";

export interface Looks {
  width: number;
  height: number;
  /** Name, token, dashed, area, faint. */
  lines: [string, string, boolean | undefined, boolean | undefined, boolean | undefined][];
  unit: Unit;
  zone: Zone;
  tokens: Tokens;
  sync: string;
  openEnded: boolean;
  range: () => Range;
  drawn: () => Drawn;
  onZoom: (fromSeconds: number, toSeconds: number) => void;
  /** Index of the bucket under the pointer. */
  onPointer: (index: number | null) => void;
}

const FROM_ZERO: ReadonlySet<Unit> = new Set(["count", "rate", "ratio", "seconds", "nanos", "bytes", "memory", "burn"]);
/** Zooms that a double click can undo. */
let zooms = 0;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

export function optionsOf(looks: Looks): uPlot.Options {
  const { tokens, unit, zone } = looks;
  const font = `11px ${tokens("--font")}`;
  const axis = { stroke: tokens("--axis"), font, ticks: { show: false } };
  return {
    width: looks.width,
    height: looks.height,
    legend: { show: false },
    padding: [10, 26, 0, 0],
    scales: {
      x: { time: true, range: () => [toSeconds(looks.range().from), toSeconds(looks.range().to)] },
      y: { range: (_plot, min, max) => yRange(min, max, unit, looks.drawn().threshold?.value) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 22, gap: 4, space: 80, incrs: STEPS, values: (_plot, splits) => timeLabels(splits, zone) },
      { ...axis, grid: { stroke: tokens("--grid"), width: 1 }, size: axisWidth, gap: 6, space: 24, values: (_plot, splits) => splits.map((value) => format(value, unit)) },
    ],
    series: [{}, ...looks.lines.map((line) => seriesOf(line, looks))],
    cursor: {
      // What a drag did, a double click undoes.
      bind: {
        dblclick: () => () => {
          if (zooms > 0) window.history.back();
          zooms = Math.max(0, zooms - 1);
          return null;
        },
      },
      sync: { key: looks.sync, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      focus: { prox: 24 },
      y: false,
    },
    hooks: {
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        // A click is no drag.
        if (width < 4) return;
        zooms++;
        looks.onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      setCursor: [(plot) => looks.onPointer(plot.cursor.idx ?? null)],
      drawAxes: [(plot) => drawThreshold(plot, looks.drawn(), tokens)],
      draw: [
        (plot) => looks.openEnded && drawOpenEnd(plot),
        (plot) => drawGaps(plot, tokens, looks.lines.map((line) => line[4] === true)),
        (plot) => drawMarks(plot, looks.drawn(), tokens),
        (plot) => drawExemplars(plot, looks.drawn(), tokens),
      ],
    },
  };
}

function seriesOf([label, token, dashed, area, faint]: Looks["lines"][number], looks: Looks): uPlot.Series {
  const stroke = faint ? withAlpha(looks.tokens(token), 0.45) : looks.tokens(token);
  const filled = area ?? looks.lines.length === 1;
  const spline = uPlot.paths.linear?.();
  return {
    label, stroke, width: 1.5, spanGaps: false, points: { show: false },
    ...(dashed ? { dash: [4, 3] } : {}),
    ...(filled ? { fill: withAlpha(stroke, 0.08) } : {}),
    ...(looks.openEnded && spline ? { paths: fadingPaths(spline) } : {}),
  };
}

/** Without its last interval, which is not complete: `drawOpenEnd` draws that one. */
function fadingPaths(inner: uPlot.Series.PathBuilder): uPlot.Series.PathBuilder {
  return (plot, seriesIndex, from, to) => inner(plot, seriesIndex, from, Math.max(from, to - 1));
}

/** A hexadecimal colour of a token with transparency. */
export function withAlpha(hex: string, alpha: number): string {
  return hex.startsWith("#") ? `${hex.slice(0, 7)}${Math.round(alpha * 255).toString(16).padStart(2, "0")}` : hex;
}

export function yRange(min: number | null, max: number | null, unit: Unit, threshold?: number): [number, number] {
  const high = Math.max(max ?? 0, threshold ?? -Infinity);
  const low = Math.min(min ?? 0, threshold ?? Infinity);
  if (FROM_ZERO.has(unit) && low >= 0) return [0, high > 0 ? high * 1.08 : 1];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [low - pad, high + pad];
}

const axisWidth: uPlot.Axis.Size = (plot, values) => {
  const longest = (values as string[] | null ?? []).reduce((widest, text) => Math.max(widest, text.length), 3);
  return Math.max(36, 12 + longest * 6.6 + (plot.width > 900 ? 4 : 0));
};

/** `02:31`; seconds where steps are shorter than a minute, the day where it changes. */
export function timeLabels(splits: number[], zone: Zone): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((seconds, index) => {
    const time = fromSeconds(seconds);
    if (step >= 86_400) return dayMonth(time, zone);
    const before = splits[index - 1];
    const dayChanged = before !== undefined && dayMonth(fromSeconds(before), zone) !== dayMonth(time, zone);
    return dayChanged ? dayMonth(time, zone) : step < 60 ? hms(time, zone) : hm(time, zone);
  });
}
