/** What a live tail keeps: the newest rows, how many wait, how many were skipped. */

import type { LogRow } from "@/api/logs";

export const ROWS_KEPT = 10_000;

export interface TailState {
  /** Newest first. */
  rows: LogRow[];
  /** Arrived while paused; shown by the next {@link show}. */
  waiting: LogRow[];
  /** How many waited longer than could be kept. */
  dropped: number;
  /** Shown and skipped within the last seconds, for the rate. */
  marks: { at: number; shown: number; skipped: number }[];
}

export const EMPTY: TailState = { rows: [], waiting: [], dropped: 0, marks: [] };

/** Rates are over this long. */
const RATE_MS = 5000;

/** A batch that arrived: on top, or waiting while `paused`. */
export function arrive(state: TailState, batch: readonly LogRow[], skipped: number, at: number, paused: boolean): TailState {
  const newest = [...batch].reverse();
  const marks = [...state.marks.filter((mark) => at - mark.at < RATE_MS), { at, shown: batch.length, skipped }];
  const dropped = Math.max(0, state.waiting.length + newest.length - ROWS_KEPT);
  if (paused) return { ...state, waiting: [...newest, ...state.waiting].slice(0, ROWS_KEPT), dropped: state.dropped + dropped, marks };
  return { rows: [...newest, ...state.rows].slice(0, ROWS_KEPT), waiting: [], dropped: 0, marks };
}

/** Puts what waited on top. */
export const show = (state: TailState): TailState => ({ ...state, rows: [...state.waiting, ...state.rows].slice(0, ROWS_KEPT), waiting: [], dropped: 0 });

export interface TailRate {
  /** Records a second that match. */
  perSecond: number;
  /** One in so many is shown; 1 is all. */
  oneIn: number;
}

export function rateOf(state: TailState, at: number): TailRate {
  const marks = state.marks.filter((mark) => at - mark.at < RATE_MS);
  const shown = marks.reduce((sum, mark) => sum + mark.shown, 0);
  const skipped = marks.reduce((sum, mark) => sum + mark.skipped, 0);
  return { perSecond: (shown + skipped) / (RATE_MS / 1000), oneIn: skipped === 0 ? 1 : Math.max(1, Math.round((shown + skipped) / Math.max(1, shown))) };
}
