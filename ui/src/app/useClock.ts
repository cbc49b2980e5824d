/** The moment relative ranges are resolved at. It moves with the refresh interval, and stands still while paused or hidden. */

import { useCallback, useEffect, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { REFRESH, timeCodec } from "@/components/location/time";
import { useSearch } from "@/components/location/useSearch";
import { fromMs, type Nanos } from "@/model/time";
import { decode } from "@/model/url";

/** Whole seconds: requests of one tick are equal, and shared. */
const present = (): Nanos => fromMs(Math.floor(Date.now() / 1000) * 1000);

/** A pointer that rests on a row for longer was left there. */
const HOVER_MS_MAX = 30_000;
let pointerMoved = 0;

/** Nothing moves under the pointer, or under a selection. */
function isReading(): boolean {
  const selects = document.getSelection()?.type === "Range" && !document.activeElement?.closest("[data-query-box]");
  const hovers = performance.now() - pointerMoved < HOVER_MS_MAX && document.querySelector("main :is(tbody tr, [role=row]):hover") !== null;
  return selects || hovers;
}

export function useClock(): { now: Nanos; refreshNow: () => void } {
  const [now, setNow] = useState(present);
  const client = useQueryClient();
  const { refresh, paused } = decode(timeCodec, useSearch()).view;
  const interval = paused ? false : REFRESH[refresh];
  useEffect(() => {
    if (interval === false) return;
    const timer = setInterval(() => {
      if (!document.hidden && !isReading()) setNow(present());
    }, interval);
    return () => clearInterval(timer);
  }, [interval]);
  useEffect(() => {
    const moved = () => {
      pointerMoved = performance.now();
    };
    window.addEventListener("pointermove", moved, { passive: true });
    return () => window.removeEventListener("pointermove", moved);
  }, []);
  const refreshNow = useCallback(() => {
    setNow(present());
    void client.invalidateQueries();
  }, [client]);
  return { now, refreshNow };
}
