/** What is drawn over the lines: deploys and alerts, thresholds, gaps, exemplars. */

import type uPlot from "uplot";
import { toSeconds } from "@/model/time";
import type { ExemplarPoint, Mark, TimeSeriesProps } from "./TimeSeries";
import type { Tokens } from "./tokens";

export interface Drawn {
  marks: readonly Mark[];
  exemplars: readonly ExemplarPoint[];
  threshold?: TimeSeriesProps["threshold"] | undefined;
}

const ratio = () => window.devicePixelRatio || 1;

export function drawMarks(plot: uPlot, { marks }: Drawn, tokens: Tokens): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${11 * ratio()}px ${tokens("--font")}`;
  let freeFrom = -Infinity;
  for (const mark of [...marks].sort((a, b) => (a.at < b.at ? -1 : 1))) {
    const x = Math.round(plot.valToPos(toSeconds(mark.at), "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = tokens(mark.kind === "deploy" ? "--brass" : "--bad");
    ctx.lineWidth = ratio();
    ctx.setLineDash([2 * ratio(), 2 * ratio()]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(mark.label).width + 8 * ratio();
    const left = x + width > bbox.left + bbox.width ? x - width : x + 4 * ratio();
    // Axes leave their own alignment behind.
    ctx.textAlign = "left";
    // A label that would cover another is left out; its line stays, and the summary names it.
    if (left < freeFrom) continue;
    ctx.textBaseline = "top";
    ctx.fillText(mark.label, left, bbox.top);
    freeFrom = left + width;
  }
  ctx.restore();
}

export function drawThreshold(plot: uPlot, { threshold }: Drawn, tokens: Tokens): void {
  if (!threshold) return;
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(threshold.value, "y", true));
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = tokens(threshold.token ?? "--bad");
  ctx.lineWidth = ratio();
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * ratio()}px ${tokens("--font")}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.fillText(threshold.label, bbox.left + bbox.width - 4 * ratio(), y - 2 * ratio());
  ctx.restore();
}

/** Violet dots along the axis where no line has a value. */
export function drawGaps(plot: uPlot, tokens: Tokens, faint: readonly boolean[]): void {
  const [times, ...all] = plot.data;
  const lines = all.filter((_, index) => !faint[index]);
  if (lines.length === 0) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = tokens("--hold");
  const y = bbox.top + bbox.height - 3 * ratio();
  let last = -Infinity;
  times.forEach((time, index) => {
    const x = plot.valToPos(time, "x", true);
    const measured = lines.some((line) => line[index] !== null && line[index] !== undefined);
    if (measured || x - last < 5 * ratio() || x < bbox.left || x > bbox.left + bbox.width) return;
    last = x;
    ctx.fillRect(x - ratio(), y, 2 * ratio(), 2 * ratio());
  });
  ctx.restore();
}

export function drawExemplars(plot: uPlot, { exemplars }: Drawn, tokens: Tokens): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = tokens("--brass");
  for (const exemplar of exemplars) {
    const x = plot.valToPos(toSeconds(exemplar.at), "x", true);
    const y = plot.valToPos(exemplar.value, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top) continue;
    const size = 4 * ratio();
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.fill();
  }
  ctx.restore();
}

/** The last interval goes on: its piece of each line is drawn at 40 %. */
export function drawOpenEnd(plot: uPlot): void {
  const [times, ...lines] = plot.data;
  const last = times.length - 1;
  const [from, to] = [times[last - 1], times[last]];
  if (from === undefined || to === undefined) return;
  const { ctx } = plot;
  ctx.save();
  ctx.globalAlpha = 0.4;
  ctx.lineWidth = 1.5 * ratio();
  lines.forEach((line, index) => {
    const [before, now, series] = [line[last - 1], line[last], plot.series[index + 1]];
    if (typeof before !== "number" || typeof now !== "number" || !series?.show || typeof series.stroke !== "function") return;
    ctx.strokeStyle = series.stroke(plot, index + 1);
    ctx.beginPath();
    ctx.moveTo(plot.valToPos(from, "x", true), plot.valToPos(before, "y", true));
    ctx.lineTo(plot.valToPos(to, "x", true), plot.valToPos(now, "y", true));
    ctx.stroke();
  });
  ctx.restore();
}

/** How far from an exemplar's middle a click still means it. */
const REACH = 8;

/** The exemplar at a place of the plot, in CSS pixels. */
export function exemplarAt(plot: uPlot, exemplars: readonly ExemplarPoint[], x: number, y: number): ExemplarPoint | undefined {
  const distance = (one: ExemplarPoint) => Math.hypot(plot.valToPos(toSeconds(one.at), "x") - x, plot.valToPos(one.value, "y") - y);
  const nearest = exemplars.reduce<ExemplarPoint | undefined>((best, one) => (best && distance(best) <= distance(one) ? best : one), undefined);
  return nearest && distance(nearest) <= REACH ? nearest : undefined;
}
