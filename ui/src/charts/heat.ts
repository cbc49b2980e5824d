/** Heat maps as numbers: cells, their scale of colours, what lies under a point. */

import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";

export interface HeatCells {
  /** Starts of intervals, and how long they are. */
  times: readonly Nanos[];
  step: Nanos;
  /** From the bottom up: each reaches from an edge to the next. */
  rows: readonly { from: number; upTo: number; counts: readonly number[] }[];
}

export const mostOf = (cells: HeatCells): number => cells.rows.reduce((most, row) => row.counts.reduce((a, b) => Math.max(a, b), most), 0);
export const sumOf = (cells: HeatCells): number => cells.rows.reduce((sum, row) => row.counts.reduce((a, b) => a + b, sum), 0);

/** Steps 1 to 8 of the sequential colours on a square-root scale; 0 is nothing. */
export const heatStep = (count: number, most: number): number => (count <= 0 ? 0 : Math.max(1, Math.min(8, Math.ceil(Math.sqrt(count / Math.max(most, Number.MIN_VALUE)) * 8))));

/** Which cell lies at shares of width and height (from below); null beside all. */
export function cellAt(cells: HeatCells, range: Range, x: number, y: number): { row: number; column: number } | null {
  const at = range.from + BigInt(Math.round(x * Number(range.to - range.from)));
  const column = cells.times.findLastIndex((time) => time <= at);
  const row = Math.floor(y * cells.rows.length);
  return column < 0 || row < 0 || row >= cells.rows.length || at >= (cells.times[column] ?? 0n) + cells.step ? null : { row, column };
}
