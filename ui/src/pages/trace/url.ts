import { type Codec, flag, oneOf, text } from "@/model/url";
import type { Window } from "@/model/trace/facts";

export interface View {
  /** Id of the span chosen; empty until somebody chooses. */
  span: string;
  view: "waterfall" | "flame" | "table";
  /** Fades what is off the critical path. */
  path: boolean;
  logs: boolean;
  /** Without the overlay of clock offsets. */
  raw: boolean;
  find: string;
  /** `from-to`, ns from the trace's start; empty is all of it. */
  zoom: string;
  /** Id of another trace beside this one. */
  compare: string;
}

export const codec: Codec<View> = {
  span: text(), view: oneOf(["waterfall", "flame", "table"], "waterfall"), path: flag(true), logs: flag(true), raw: flag(),
  find: text(), zoom: { default: "", read: (t) => (/^\d+-\d+$/.test(t) ? t : null), write: (v) => v }, compare: text(),
};

/** The part of the trace that is shown. */
export function windowOf(zoom: string, width: number): Window {
  const [from, to] = zoom.split("-").map(Number);
  return from !== undefined && to !== undefined && to > from ? { from, to } : { from: 0, to: Math.max(1, width) };
}

export const zoomText = (window: Window): string => `${Math.max(0, Math.round(window.from))}-${Math.round(window.to)}`;
