/** The time range and refresh of every page: in the URL, resolved here once per tick. */

import { createContext, useContext, useMemo } from "react";
import { type Against, AGAINST } from "@/model/against";
import { absolute, DEFAULT_RANGE, type Range, type RangeText, resolveRange } from "@/model/range";
import type { Nanos } from "@/model/time";
import { type Codec, decode, encode, flag, oneOf, text } from "@/model/url";
import { type Act, useChangeSearch, useSearch } from "./useSearch";

export const REFRESH = { off: false, "5s": 5_000, "10s": 10_000, "1m": 60_000 } as const;
export type Refresh = keyof typeof REFRESH;

export interface TimeView extends RangeText {
  refresh: Refresh;
  /** Stands still, because somebody looks at evidence. */
  paused: boolean;
  /** Which earlier time charts show behind this one. */
  against: Against;
}

/** These belong to the shell; a page's codec names none of them. */
export const timeCodec: Codec<TimeView> = {
  from: text(DEFAULT_RANGE.from),
  to: text(DEFAULT_RANGE.to),
  refresh: oneOf(["off", "5s", "10s", "1m"], "10s"),
  paused: flag(),
  against: oneOf(AGAINST, "off"),
};
export const TIME_PARAMETERS = ["from", "to", "refresh", "paused", "against"] as const;

export interface Time {
  /** As written in the URL. */
  text: RangeText;
  /** As resolved at `now`; the same object until the next tick. */
  range: Range;
  /** When it was resolved. */
  now: Nanos;
  refresh: Refresh;
  paused: boolean;
  against: Against;
  /** Whether the ends move by themselves. */
  live: boolean;
  /** Parameters of the URL that are none; the default is shown instead. */
  ignored: string[];
}

export const TimeContext = createContext<Time | null>(null);

/** The page's time. Ask the server with `range`; write times against `now`. */
export function useTime(): Time {
  const time = useContext(TimeContext);
  if (!time) throw new Error("useTime() outside of the shell");
  return time;
}

export interface TimeActions {
  set: (change: Partial<TimeView>, act?: Act) => void;
  /** A drag on a chart: absolute from now on. */
  setRange: (range: Range) => void;
}

export function useTimeActions(): TimeActions {
  const changeSearch = useChangeSearch();
  return useMemo(() => {
    const set: TimeActions["set"] = (change, act = "push") =>
      changeSearch((before) => encode(timeCodec, { ...decode(timeCodec, before).view, ...change }, before), act);
    return { set, setRange: (range) => set(absolute(range)) };
  }, [changeSearch]);
}

/** The shell's half: reads the URL at `now`. */
export function useTimeFromUrl(now: Nanos): Time {
  const search = useSearch();
  return useMemo(() => {
    const { view, ignored } = decode(timeCodec, search);
    const given = resolveRange(view, now);
    const written: RangeText = given ? { from: view.from, to: view.to } : DEFAULT_RANGE;
    const range = given ?? resolveRange(DEFAULT_RANGE, now);
    if (!range) throw new Error("the default range is none");
    const moves = written.from.startsWith("now") || written.to.startsWith("now");
    return { text: written, range, now, refresh: view.refresh, paused: view.paused, against: view.against, live: moves && !view.paused && view.refresh !== "off", ignored: given ? ignored : [...ignored, "from", "to"] };
  }, [search, now]);
}
